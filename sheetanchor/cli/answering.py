"""The rows of the table of settings that say how a frontend answers, and whom."""

from __future__ import annotations

from sheetanchor.cli import value
from sheetanchor.cli.setting import Setting

ANSWERING: tuple[Setting, ...] = (
    Setting(
        "reverse_networks",
        "--reverse-network",
        "REVERSE_NETWORKS",
        "CIDR",
        value.cidr,
        None,
        "A network whose reverse zone the frontend answers as well, with PTR records. May be "
        "repeated.",
        ("dns", "dev"),
        absent="no reverse zones",
        separator=",",
    ),
    Setting(
        "stale_after",
        "--stale-after",
        "STALE_AFTER",
        "SECONDS",
        value.seconds,
        "300",
        "A region that its registry has not confirmed for so long has its answers marked as stale.",
        ("dns", "dev"),
    ),
    Setting(
        "trusted_forwarders",
        "--trusted-forwarder",
        "TRUSTED_FORWARDERS",
        "CIDR",
        value.cidr,
        None,
        "Resolvers that are believed in what they say of their clients' networks (EDNS Client "
        "Subnet). May be repeated.",
        ("dns", "dev"),
        absent="none is",
        separator=",",
    ),
    Setting(
        "server_name",
        "--server-name",
        "SERVER_NAME",
        "TEXT",
        value.words,
        None,
        "What NSID tells of the frontend, to who asks.",
        ("dns",),
        absent="nothing is told",
    ),
    Setting(
        "identity",
        "--identity",
        "IDENTITY",
        "true",
        value.flag,
        "false",
        "Answer `version.bind` and `id.server` in class CH as well; needs `--server-name`.",
        ("dns",),
        is_flag=True,
    ),
    Setting(
        "cookie_secrets",
        "--cookie-secrets",
        "COOKIE_SECRETS",
        "PATH",
        value.path,
        None,
        "File of the secrets of DNS cookies, for frontends that share an address. Read again "
        "when it changes.",
        ("dns",),
        absent="secrets of its own, changed each day",
    ),
    Setting(
        "rate_limit",
        "--rate-limit",
        "RATE_LIMIT",
        "REPLIES",
        value.count,
        "200",
        "Replies a second over UDP to one address that shows no cookie; networks around it may "
        "have several times that. 0: no limits.",
        ("dns",),
    ),
    Setting(
        "rate_slip",
        "--rate-slip",
        "RATE_SLIP",
        "COUNT",
        value.count,
        "2",
        "Of the queries over the rate, each one of so many is told to come back over TCP; 0: "
        "none is.",
        ("dns",),
    ),
    Setting(
        "rate_exempt",
        "--rate-exempt",
        "RATE_EXEMPT",
        "CIDR",
        value.cidr,
        None,
        "Networks without limits, in the place of the private ones. May be repeated.",
        ("dns",),
        absent="loopback, link-local and private networks",
        separator=",",
    ),
    Setting(
        "octets_without_cookie",
        "--octets-without-cookie",
        "OCTETS_WITHOUT_COOKIE",
        "OCTETS",
        value.count,
        "512",
        "The largest reply over UDP, where rates are limited, to an address that shows no "
        "cookie: 512 to 1232.",
        ("dns",),
    ),
    Setting(
        "workers",
        "--workers",
        "WORKERS",
        "COUNT",
        value.count,
        "1",
        "Processes that answer at the one address, the one that follows the registries among "
        "them, 256 at most; 0: as many as there are cores that it may use. Limits of connections "
        "are divided among them, rates are counted together.",
        ("dns",),
    ),
    Setting(
        "udp_loop",
        "--udp-loop",
        "UDP_LOOP",
        "LOOP",
        value.udp_loop,
        "auto",
        "What answers datagrams: python, batch (in Cython; built where there is a C compiler), or "
        "auto, the latter where it is built.",
        ("dns",),
    ),
)
