"""What a request may say of an instance's health check; a part of admission.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.domain.complaints import Complaints, shown
from registry.domain.instance import Check, CheckKind, HttpCheck, Identity, Port, Protocol

INTERVAL_SECONDS = (1.0, 300.0)
TIMEOUT_SECONDS = (0.1, 30.0)
PATH_LIMIT = 1024
STATUS_LIMIT = 16
MATCH_LIMIT = 256
# RFC 3986, 3.3 and 3.4: a path, and perhaps a query, of visible ASCII; nothing that would end
# the request line or the header (RFC 9112, 3)
_PATH = re.compile(r"/[\x21-\x7e]*", re.ASCII)
_HOST = re.compile(
    r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?", re.ASCII
)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class DraftHttpCheck:
    """The HTTP part of a check as it came; "" and () are unset."""

    path: str = ""
    host: str = ""
    statuses: Sequence[int] = ()
    body_match: str = ""


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """A check as it came: "", 0 and None are unset; `kind` is else a value of CheckKind."""

    kind: str = ""
    port: int = 0
    interval_seconds: float | None = None
    timeout_seconds: float | None = None
    rise: int = 0
    fall: int = 0
    http: DraftHttpCheck | None = None
    grpc_service: str | None = None
    identity: str = ""
    """A value of Identity."""
    tls_server_name: str = ""


# What is checked
#
#   kind   a TCP port is registered  port   result
#   -----  ------------------------  -----  -------------------------------
#   unset  yes                       unset  TCP, the first TCP port
#   unset  no                        unset  NONE
#   unset  any                       set    TCP, that port
#   NONE   any                       unset  NONE
#   NONE   any                       set    violation: it asks for two things
#   other  yes                       unset  that kind, the first TCP port
#   other  no                        unset  violation
#   other  any                       set    that kind, that port
def admit_check(draft: DraftCheck, ports: Sequence[Port], complaints: Complaints) -> Check:
    """Check a draft against every rule of the contract; what is wrong goes to `complaints`."""
    path = "instance.health_check"
    first = next((port.number for port in ports if port.protocol is Protocol.TCP), 0)
    if draft.kind not in _KINDS:
        known = ", ".join(kind.name for kind in CheckKind)
        complaints.add(f"{path}.kind", f"must be one of {known}; is {shown(draft.kind)}")
    kind = _KINDS.get(draft.kind) or (CheckKind.TCP if draft.port or first else CheckKind.NONE)
    http, identity = _questions(draft, kind, complaints)
    if draft.port:
        complaints.span(f"{path}.port", draft.port, (1, 65535))
    if kind is CheckKind.NONE:
        if draft.port:
            complaints.add(f"{path}.port", "must be unset when the kind is NONE")
        return _NO_CHECK
    if not draft.port and not first:
        complaints.add(f"{path}.port", "is required, since no TCP port is registered")
    interval = (
        _DEFAULT.interval_seconds if draft.interval_seconds is None else draft.interval_seconds
    )
    timeout = (
        min(_DEFAULT.timeout_seconds, interval)
        if draft.timeout_seconds is None
        else draft.timeout_seconds
    )
    if (
        complaints.span(f"{path}.interval", interval, INTERVAL_SECONDS, " s")
        and complaints.span(f"{path}.timeout", timeout, TIMEOUT_SECONDS, " s")
        and timeout > interval
    ):
        complaints.add(f"{path}.timeout", f"must not pass the interval of {interval:g} s")
    rise, fall = draft.rise or _DEFAULT.rise, draft.fall or _DEFAULT.fall
    complaints.span(f"{path}.rise", rise, (1, 10))
    complaints.span(f"{path}.fall", fall, (1, 10))
    return Check(
        kind,
        draft.port or first,
        interval,
        timeout,
        rise,
        fall,
        http,
        draft.grpc_service or "",
        identity,
        draft.tls_server_name,
    )


# Which field goes with which kind; anything else is a violation
#
#   kind        http  grpc  tls_server_name  identity
#   ----------  ----  ----  ---------------  --------------------------------------------
#   NONE, TCP   -     -     -                NONE
#   HTTP        yes   -     -                NONE, HEADER
#   HTTPS       yes   -     yes              NONE, HEADER
#   GRPC        -     yes   -                NONE, METADATA, HEALTH_SERVICE (then grpc.service
#   GRPCS       -     yes   required         is the instance's name, and must be unset)
def _questions(
    draft: DraftCheck, kind: CheckKind, complaints: Complaints
) -> tuple[HttpCheck | None, Identity]:
    path = "instance.health_check"
    by_http, by_grpc = kind in _BY_HTTP, kind in _BY_GRPC
    http = None
    if by_http:
        http = _http(draft.http or DraftHttpCheck(), complaints)
    elif draft.http is not None:
        complaints.add(f"{path}.http", f"must be unset when the kind is {kind.name}")
    if draft.grpc_service is not None and not by_grpc:
        complaints.add(f"{path}.grpc", f"must be unset when the kind is {kind.name}")
    elif draft.grpc_service and not (
        len(draft.grpc_service) <= MATCH_LIMIT and draft.grpc_service.isprintable()
    ):
        complaints.add(
            f"{path}.grpc.service", f"must be at most {MATCH_LIMIT} printable characters"
        )
    if draft.tls_server_name:
        if kind not in _BY_TLS:
            complaints.add(f"{path}.tls_server_name", f"must be unset when the kind is {kind.name}")
        elif not _HOST_NAME.fullmatch(draft.tls_server_name):
            complaints.add(
                f"{path}.tls_server_name",
                f"must be a host name; is {shown(draft.tls_server_name)}",
            )
    elif kind is CheckKind.GRPCS:
        complaints.add(
            f"{path}.tls_server_name", "is required: a gRPC client always looks at the certificate"
        )
    identity = _IDENTITIES.get(draft.identity)
    if identity is None:
        complaints.add(f"{path}.identity", f"is not known: {shown(draft.identity)}")
    elif identity not in _WAYS[kind]:
        ways = ", ".join(way.name for way in _WAYS[kind])
        complaints.add(f"{path}.identity", f"must be one of {ways} when the kind is {kind.name}")
    elif identity is Identity.HEALTH_SERVICE and draft.grpc_service:
        complaints.add(
            f"{path}.grpc.service",
            "must be unset: the identity HEALTH_SERVICE asks about the instance's own name",
        )
    return http, identity or Identity.NONE


def _http(draft: DraftHttpCheck, complaints: Complaints) -> HttpCheck:
    path = "instance.health_check.http"
    asked = draft.path or "/"
    if not _PATH.fullmatch(asked) or len(asked) > PATH_LIMIT:
        complaints.add(
            f"{path}.path",
            "must begin with a slash and hold visible ASCII characters only, at most "
            f"{PATH_LIMIT}; is {shown(asked)}",
        )
    if draft.host and not _HOST.fullmatch(draft.host):
        complaints.add(
            f"{path}.host", f"must be a host, perhaps with a port; is {shown(draft.host)}"
        )
    if len(draft.statuses) > STATUS_LIMIT:
        complaints.add(
            f"{path}.expected_statuses",
            f"must be at most {STATUS_LIMIT}, are {len(draft.statuses)}",
        )
    for at, status in enumerate(draft.statuses[:STATUS_LIMIT]):
        # RFC 9110, 15: 1xx answers are not final
        complaints.span(f"{path}.expected_statuses[{at}]", status, (200, 599))
    if len(draft.body_match) > MATCH_LIMIT:
        complaints.add(f"{path}.body_match", f"must be at most {MATCH_LIMIT} characters")
    return HttpCheck(asked, draft.host, tuple(sorted(set(draft.statuses))), draft.body_match)


_DEFAULT = Check(CheckKind.TCP)
_NO_CHECK = Check(CheckKind.NONE)
_KINDS: Mapping[str, CheckKind | None] = {"": None, **{kind.value: kind for kind in CheckKind}}
_IDENTITIES = {"": Identity.NONE, **{identity.value: identity for identity in Identity}}
_BY_HTTP = frozenset({CheckKind.HTTP, CheckKind.HTTPS})
_BY_GRPC = frozenset({CheckKind.GRPC, CheckKind.GRPCS})
_BY_TLS = frozenset({CheckKind.HTTPS, CheckKind.GRPCS})
_NAMELESS = (Identity.NONE,)
_BY_HEADER = (Identity.NONE, Identity.HEADER)
_BY_CALL = (Identity.NONE, Identity.METADATA, Identity.HEALTH_SERVICE)
_WAYS: Mapping[CheckKind, tuple[Identity, ...]] = {
    CheckKind.NONE: _NAMELESS,
    CheckKind.TCP: _NAMELESS,
    CheckKind.HTTP: _BY_HEADER,
    CheckKind.HTTPS: _BY_HEADER,
    CheckKind.GRPC: _BY_CALL,
    CheckKind.GRPCS: _BY_CALL,
}
