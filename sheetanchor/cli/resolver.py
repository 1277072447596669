"""How resolvers are pointed at our frontends: the lines for each one's settings.

Pure text. Each is what the tests run the real program with, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from sheetanchor.cli.value import Endpoint

STALE_SECONDS = 86_400
"""How long a resolver may go on with what it knows when no frontend answers."""


class Resolver(Enum):
    """The resolvers that we know how to set up."""

    UNBOUND = "unbound"
    BIND = "bind"
    DNSMASQ = "dnsmasq"
    SYSTEMD_RESOLVED = "systemd-resolved"
    COREDNS = "coredns"
    KNOT_RESOLVER = "knot-resolver"


def lines_for(resolver: Resolver, zone: str, frontends: Sequence[Endpoint]) -> str:
    """The lines for the zone (absolute) and the frontends' addresses."""
    return _LINES[resolver](zone, frontends)


def _unbound(zone: str, frontends: Sequence[Endpoint]) -> str:
    local = any(each.host in ("127.0.0.1", "::1") for each in frontends)
    lines = [
        "server:",
        f'    domain-insecure: "{zone}"',
        f'    local-zone: "{zone}" nodefault',
        *(["    do-not-query-localhost: no"] if local else []),
        "    # keep answering when no frontend does",
        "    serve-expired: yes",
        f"    serve-expired-ttl: {STALE_SECONDS}",
        "    serve-expired-client-timeout: 1800",
        "stub-zone:",
        f'    name: "{zone}"',
        *(f"    stub-addr: {each.host}@{each.port}" for each in frontends),
    ]
    return "\n".join(lines) + "\n"


def _bind(zone: str, frontends: Sequence[Endpoint]) -> str:
    servers = " ".join(f"{each.host} port {each.port};" for each in frontends)
    return (
        "// and in options { }:  validate-except { " + f'"{zone}"; }};\n'
        "//     stale-answer-enable yes;  stale-cache-enable yes;\n"
        f"//     max-stale-ttl {STALE_SECONDS};\n"
        f'zone "{zone}" {{\n'
        "    type forward;\n"
        "    forward only;\n"
        f"    forwarders {{ {servers} }};\n"
        "};\n"
    )


def _dnsmasq(zone: str, frontends: Sequence[Endpoint]) -> str:
    name = zone.removesuffix(".")
    lines = [f"server=/{name}/{each.host}#{each.port}" for each in frontends]
    return "\n".join([*lines, f"rebind-domain-ok=/{name}/"]) + "\n"


def _systemd_resolved(zone: str, frontends: Sequence[Endpoint]) -> str:
    servers = " ".join(str(each) for each in frontends)
    return (
        "# /etc/systemd/resolved.conf.d/sheetanchor.conf\n"
        "[Resolve]\n"
        f"DNS={servers}\n"
        f"Domains=~{zone.removesuffix('.')}\n"
        "DNSSEC=no\n"
        "# from version 254 on: keep answering when no frontend does\n"
        f"StaleRetentionSec={STALE_SECONDS}\n"
    )


def _coredns(zone: str, frontends: Sequence[Endpoint]) -> str:
    servers = " ".join(str(each) for each in frontends)
    return (
        f"{zone.removesuffix('.')}:53 {{\n"
        f"    forward . {servers}\n"
        "    cache 60 {\n"
        # it would tell what is over first, and look afterwards, were it not for `verify`
        f"        serve_stale {STALE_SECONDS // 3600}h verify\n"
        "    }\n"
        "}\n"
    )


def _knot_resolver(zone: str, frontends: Sequence[Endpoint]) -> str:
    servers = ", ".join(f"'{each.host}@{each.port}'" for each in frontends)
    return (
        f"trust_anchors.set_insecure({{'{zone}'}})\n"
        f"policy.add(policy.suffix(policy.STUB({{{servers}}}), policy.todnames({{'{zone}'}})))\n"
        "modules.load('serve_stale < cache')\n"
    )


_LINES: dict[Resolver, Callable[[str, Sequence[Endpoint]], str]] = {
    Resolver.UNBOUND: _unbound,
    Resolver.BIND: _bind,
    Resolver.DNSMASQ: _dnsmasq,
    Resolver.SYSTEMD_RESOLVED: _systemd_resolved,
    Resolver.COREDNS: _coredns,
    Resolver.KNOT_RESOLVER: _knot_resolver,
}
