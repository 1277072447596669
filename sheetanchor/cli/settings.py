"""The one table of settings. It makes the options, the environment variables and the docs page.

A setting comes from its option, else from its environment variable, else it is the
default. Nothing is guessed (I39): a value that cannot be meant is refused, and so is a
variable that is set and empty, or that begins like ours and is none of ours: a misspelt
`SHEETANCHOR_REGION` must not start a server with the default region.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sheetanchor.cli import value
from sheetanchor.cli.answering import ANSWERING
from sheetanchor.cli.setting import PREFIX, Setting

SERVERS = ("registry", "dns", "dev")
OPERATORS = (
    *("list", "get", "watch", "resolve", "plans"),
    *("freeze", "unfreeze", "pin", "unpin", "divert"),
    *("create", "update", "delete", "drain", "held", "zone"),
)

DRY_RUN = "drill region-loss"


class BadSetting(Exception):
    """A setting has a value that cannot be meant, or is missing. The message names it."""


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data_dir",
        "--data-dir",
        "DATA_DIR",
        "PATH",
        value.path,
        "~/.local/state/sheetanchor",
        "Holds the registry's SQLite database, and what each DNS frontend knows, the latter in "
        "`dns-REGION`; made when missing.",
        (*SERVERS, "break-glass"),
    ),
    Setting(
        "regions",
        "--regions",
        "REGIONS",
        "A,B",
        value.labels,
        "local",
        "Regions: of a registry those that it owns, of a frontend all there are, in the order "
        "of failover.",
        SERVERS,
    ),
    Setting(
        "other_regions",
        "--other-regions",
        "OTHER_REGIONS",
        "A,B",
        value.labels,
        None,
        "Regions that other registries own. A policy that names any but these and `--regions` is "
        "refused.",
        ("registry",),
        absent="there are no others",
    ),
    Setting(
        "region",
        "--region",
        "REGION",
        "REGION",
        value.label,
        None,
        "The region that the frontend, or the registered instance, is in.",
        ("dns", "register", "break-glass"),
        absent="the only one there is; `register` must be told",
    ),
    Setting(
        "registries",
        "--registry",
        "REGISTRIES",
        "HOST:PORT[,HOST:PORT]",
        value.cluster,
        "127.0.0.1:5310",
        "A registry to follow, as the addresses of its nodes, which are tried in turn; once for "
        "each registry.",
        ("dns", DRY_RUN),
        separator=";",
    ),
    Setting(
        "registry",
        "--registry",
        "REGISTRY",
        "HOST:PORT[,HOST:PORT]",
        value.cluster,
        "127.0.0.1:5310",
        "The registry to ask, as the addresses of its nodes, which are tried in turn.",
        ("register", *OPERATORS),
    ),
    Setting(
        "grpc",
        "--grpc",
        "GRPC",
        "HOST:PORT",
        value.endpoint,
        "127.0.0.1:5310",
        "Where gRPC is served; port 0 takes a free one.",
        ("registry", "dev"),
    ),
    Setting(
        "dns",
        "--dns",
        "DNS",
        "IP:PORT",
        value.literal_endpoint,
        "127.0.0.1:5300",
        "Where DNS is served, over UDP and TCP; `dev` gives each further region the next port.",
        ("dns", "dev"),
    ),
    Setting(
        "http",
        "--http",
        "HTTP",
        "HOST:PORT",
        value.endpoint,
        "127.0.0.1:5380",
        "Where `/livez`, `/readyz` and `/metrics` are served.",
        SERVERS,
    ),
    Setting(
        "zone",
        "--zone",
        "ZONE",
        "DOMAIN",
        value.zone,
        "anchor.internal.",
        "The zone that frontends are authoritative for.",
        ("dns", "dev", "resolver-config"),
    ),
    Setting(
        "networks",
        "--network",
        "NETWORKS",
        "CIDR=REGION",
        value.network,
        None,
        "Where clients are, by their address; the longest prefix wins. May be repeated. Holds "
        "while no plan says it: `sheetanchor zone set` supersedes it.",
        ("dns", "dev"),
        absent="all clients are in the frontend's region",
        separator=",",
    ),
    Setting(
        "frontend_id",
        "--frontend-id",
        "FRONTEND_ID",
        "ID",
        value.frontend_id,
        None,
        "The frontend's name towards registries; must be its own, and stay over restarts.",
        ("dns",),
        absent="host name and DNS port",
    ),
    Setting(
        "canary",
        "--canary",
        "CANARY",
        "true",
        value.flag,
        "false",
        "Act on staged changes of policy before the other frontends do, try them, and report: a "
        "change goes on to the others only while it does well here.",
        ("dns",),
        is_flag=True,
    ),
    Setting(
        "probe",
        "--probe",
        "PROBE",
        "true",
        value.flag,
        "false",
        "Open connections to the endpoints of the plans, and tell their registries which fail: "
        "one more observer of each cell, from where clients ask.",
        ("dns",),
        is_flag=True,
    ),
    Setting(
        "advertise_address",
        "--advertise-address",
        "ADVERTISE_ADDRESS",
        "IP",
        value.ip,
        None,
        "The address that the zone's own NS record leads to.",
        ("dns",),
        absent="that of `--dns`; 127.0.0.1 where that is a wildcard",
    ),
    *ANSWERING,
    Setting(
        "database_url",
        "--database-url",
        "DATABASE_URL",
        "URL",
        value.words,
        None,
        "`postgresql://USER:PASSWORD@HOST/DATABASE`; better as a variable, which no list of "
        "processes shows.",
        ("registry",),
        absent="SQLite in the data directory",
    ),
    Setting(
        "migrate",
        "--migrate",
        "MIGRATE",
        "true",
        value.flag,
        "false",
        "Bring the database's schema up to date at the start; otherwise an old one is refused. "
        "`dev` always does.",
        ("registry",),
        is_flag=True,
    ),
    Setting(
        "bake",
        "--bake",
        "BAKE",
        "SECONDS",
        value.seconds,
        "60",
        "A change of policy must do well on a canary frontend for so long before it acts on the "
        "others.",
        ("registry",),
    ),
    Setting(
        "probe_ca_file",
        "--probe-ca-file",
        "PROBE_CA_FILE",
        "FILE",
        value.path,
        None,
        "Certificates (PEM) of the authorities that may sign those of probed instances, where a "
        "health check names the certificate's name.",
        ("registry",),
        absent="the system's authorities",
    ),
    Setting(
        "otlp_endpoint",
        "--otlp-endpoint",
        "OTLP_ENDPOINT",
        "http://HOST:PORT",
        value.collector,
        None,
        "The OTLP gRPC collector that traces and metrics are sent to.",
        SERVERS,
        absent="none are sent",
    ),
    Setting(
        "log_level",
        "--log-level",
        "LOG_LEVEL",
        "LEVEL",
        value.log_level,
        "INFO",
        "The least severity that is logged: DEBUG, INFO, WARNING or ERROR.",
        SERVERS,
    ),
    Setting(
        "log_format",
        "--log-format",
        "LOG_FORMAT",
        "FORMAT",
        value.log_format,
        "auto",
        "The shape of log lines: json, text, or auto, which is text at a terminal only.",
        SERVERS,
    ),
)

# A Kubernetes service named `sheetanchor-...` puts these into every container of its namespace
# (the "service links" that Docker began with), and nobody can help it.
_LINK_NAME = re.compile(r".*(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://.*")


def settings_of(verb: str) -> Iterator[Setting]:
    """The settings that a verb takes, in the table's order."""
    return (setting for setting in SETTINGS if verb in setting.verbs)


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise BadSetting for a variable that begins like ours and is none, or is empty (I39).

    A setting of another verb is fine: one environment may serve several commands.
    """
    known = {setting.environment_variable for setting in SETTINGS}
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or _is_link(variable, text):
            continue
        if variable not in known:
            # without the prefix, which makes any two alike
            word, words = variable.removeprefix(PREFIX), [k.removeprefix(PREFIX) for k in known]
            near = difflib.get_close_matches(word, words, n=1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else "; `unset` it"
            raise BadSetting(f"{variable}: no such setting{hint}")
        if not text.strip():
            raise BadSetting(f"{variable}: is set, but empty; give it a value or unset it")


def resolve(
    verb: str, options: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    """The values of all settings of `verb`, by name: option, else variable, else default.

    `options` are texts, lists of texts and flags as the command line had them, None where it
    had none. A setting that was not given and has no default is None. Raises BadSetting.
    """
    check_environment(environment)
    return {
        setting.name: _resolve(setting, options.get(setting.name), environment)
        for setting in settings_of(verb)
    }


def _resolve(setting: Setting, option: Any, environment: Mapping[str, str]) -> Any:
    source = setting.option
    if option is None or option == []:
        option = environment.get(setting.environment_variable)
        source = setting.environment_variable if option is not None else source
    if option is None:
        option = setting.default
    if option is None:
        if setting.separator:
            return ()
        if not setting.absent:
            raise BadSetting(f"{source}: must be given, or {setting.environment_variable} be set")
        return None
    if isinstance(option, bool):
        return option
    try:
        if setting.separator:
            texts = option if isinstance(option, list) else option.split(setting.separator)
            return tuple(setting.parse(text.strip()) for text in texts)
        return setting.parse(option.strip())
    except ValueError as error:
        raise BadSetting(f"{source}: {error}") from None


def _is_link(variable: str, text: str) -> bool:
    named = _LINK_NAME.fullmatch(variable) is not None
    return named or (variable.endswith("_PORT") and _LINK_VALUE.fullmatch(text) is not None)
