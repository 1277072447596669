"""Domain values to and from the JSON bodies of rows.

A body is encoded once and written twice, to the instance's row and to the change's.
Keys may be added later; a reader must bear a body written before they were.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, TypeVar, assert_never

from registry.adapters.store import policy_row
from registry.adapters.store.value import (
    moment,
    number,
    pairs,
    several,
    small,
    text,
    texts,
    whole,
)
from registry.domain.change import (
    Change,
    InstancePut,
    InstanceRemoved,
    ServicePut,
    ServiceRemoved,
)
from registry.domain.diversion import Diversion, Span
from registry.domain.health import Evidence, Health
from registry.domain.instance import (
    Check,
    CheckKind,
    HttpCheck,
    Identity,
    Instance,
    Override,
    Port,
    Protocol,
    Registration,
    State,
)
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.service import Service, StagedPolicy, StageState

log = logging.getLogger(__name__)

T = TypeVar("T")
B = TypeVar("B")


class Kind(StrEnum):
    """What a row of `changes` holds."""

    INSTANCE_PUT = "instance_put"
    INSTANCE_REMOVED = "instance_removed"
    SERVICE_PUT = "service_put"
    SERVICE_REMOVED = "service_removed"


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
_decode = json.JSONDecoder().decode
# Looking a value up costs a fraction of calling the enum.
_STATES = {state.value: state for state in State}
_HEALTHS = {health.value: health for health in Health}
_EVIDENCES = {evidence.value: evidence for evidence in Evidence}
_OVERRIDES = {override.value: override for override in Override}
_IDENTITIES = {identity.value: identity for identity in Identity}
_PROTOCOLS = {protocol.value: protocol for protocol in Protocol}


def encode_instance(instance: Instance) -> str:
    """The body of an instance."""
    registration = instance.registration
    check = registration.check
    return _encode(
        {
            "key": registration.key,
            "cell": registration.cell,
            "region": registration.region,
            "zone": registration.zone,
            "addresses": registration.addresses,
            "ports": [(port.name, port.number, port.protocol.value) for port in registration.ports],
            "priority": registration.priority,
            "weight": registration.weight,
            "metadata": dict(registration.metadata),
            "check": {
                "kind": check.kind.value,
                "port": check.port,
                "interval": check.interval_seconds,
                "timeout": check.timeout_seconds,
                "rise": check.rise,
                "fall": check.fall,
                **_further_check_row(check),
            },
            "ttl": registration.ttl_seconds,
            "uid": instance.incarnation,
            "request_id": instance.request_id,
            "state": instance.state.value,
            "state_ms": instance.state_time_ms,
            "health": instance.health.value,
            "evidence": instance.evidence.value,
            "health_ms": instance.health_time_ms,
            "create_ms": instance.create_time_ms,
            "revision": instance.revision,
            "lease": instance.lease_id,
            **_override_row(instance),
        }
    )


def decode_instance(body: str) -> Instance:
    """The inverse of `encode_instance`."""
    row = _decode(body)
    check = row["check"]
    return Instance(
        registration=Registration(
            key=_instance_key(row["key"]),
            cell=CellName(text(row["cell"])),
            region=RegionName(text(row["region"])),
            zone=text(row["zone"]),
            addresses=texts(row["addresses"]),
            ports=tuple(
                Port(text(name), small(port), _PROTOCOLS[protocol])
                for name, port, protocol in several(row["ports"])
            ),
            priority=small(row["priority"]),
            weight=small(row["weight"]),
            metadata=pairs(row["metadata"]),
            check=Check(
                CheckKind(check["kind"]),
                small(check["port"]),
                number(check["interval"]),
                number(check["timeout"]),
                small(check["rise"]),
                small(check["fall"]),
                http=_http_check(check.get("http")),
                grpc_service=text(check.get("grpc_service", "")),
                identity=_IDENTITIES[check.get("identity", "none")],
                tls_server_name=text(check.get("tls_server_name", "")),
            ),
            ttl_seconds=number(row["ttl"]),
        ),
        incarnation=Incarnation(text(row["uid"])),
        request_id=text(row["request_id"]),
        state=_STATES[row["state"]],
        health=_HEALTHS[row["health"]],
        evidence=_EVIDENCES[row["evidence"]],
        health_time_ms=moment(row["health_ms"]),
        create_time_ms=moment(row["create_ms"]),
        state_time_ms=moment(row["state_ms"]),
        revision=Revision(whole(row["revision"])),
        lease_id=whole(row["lease"]),
        override=_OVERRIDES[row.get("override", "none")],
    )


def _instance_key(row: Sequence[Any]) -> InstanceKey:
    namespace, service, instance = map(text, row)
    return InstanceKey(NamespaceId(namespace), ServiceId(service), InstanceId(instance))


def _override_row(instance: Instance) -> dict[str, Any]:
    return {} if instance.override is Override.NONE else {"override": instance.override.value}


def _further_check_row(check: Check) -> dict[str, Any]:
    """What only checks that ask questions have; most have none of it, and rows stay short."""
    row: dict[str, Any] = {}
    if check.http is not None:
        asked = check.http
        row["http"] = (asked.path, asked.host, asked.statuses, asked.body_match)
    if check.grpc_service:
        row["grpc_service"] = check.grpc_service
    if check.identity is not Identity.NONE:
        row["identity"] = check.identity.value
    if check.tls_server_name:
        row["tls_server_name"] = check.tls_server_name
    return row


def _http_check(row: Sequence[Any] | None) -> HttpCheck | None:
    if row is None:
        return None
    path, host, statuses, body_match = row
    return HttpCheck(text(path), text(host), tuple(map(small, several(statuses))), text(body_match))


def encode_service(service: Service) -> str:
    """The body of a service."""
    return _encode(
        {
            "key": service.key,
            "uid": service.uid,
            "policy": None if service.policy is None else policy_row.encode(service.policy),
            "etag": service.etag,
            "create_ms": service.create_time_ms,
            "update_ms": service.update_time_ms,
            "revision": service.revision,
            "tombstone_ms": service.tombstone_time_ms,
            **({} if service.staged is None else {"staged": _staged_row(service.staged)}),
            **({"diversions": _diversion_rows(service)} if service.diversions else {}),
        }
    )


def decode_service(body: str) -> Service:
    """The inverse of `encode_service`."""
    row = _decode(body)
    namespace, service = map(text, row["key"])
    ended = row["tombstone_ms"]
    return Service(
        key=ServiceKey(NamespaceId(namespace), ServiceId(service)),
        uid=text(row["uid"]),
        policy=None if row["policy"] is None else policy_row.decode(row["policy"]),
        etag=text(row["etag"]),
        create_time_ms=moment(row["create_ms"]),
        update_time_ms=moment(row["update_ms"]),
        revision=Revision(whole(row["revision"])),
        tombstone_time_ms=None if ended is None else moment(ended),
        staged=_staged(row["staged"]) if "staged" in row else None,
        diversions=tuple(
            Diversion(CellName(text(cell)), Span(moment(begin), moment(end)), text(reason))
            for cell, begin, end, reason in several(row.get("diversions", []))
        ),
    )


def _diversion_rows(service: Service) -> list[tuple[str, int, int, str]]:
    return [
        (each.cell, each.span.create_time_ms, each.span.end_time_ms, each.reason)
        for each in service.diversions
    ]


def _staged_row(staged: StagedPolicy) -> dict[str, Any]:
    return {
        "uid": staged.uid,
        "policy": None if staged.policy is None else policy_row.encode(staged.policy),
        "create_ms": staged.create_time_ms,
        "state": staged.state.value,
        "reason": staged.reason,
    }


def _staged(row: dict[str, Any]) -> StagedPolicy:
    return StagedPolicy(
        text(row["uid"]),
        None if row["policy"] is None else policy_row.decode(row["policy"]),
        moment(row["create_ms"]),
        StageState(row["state"]),
        text(row["reason"]),
    )


UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What decoding raises for a row that is damaged, or of a later release."""


def readable(bodies: Iterable[B], decode: Callable[[B], T]) -> Iterator[T]:
    """What can be read of `bodies`, or of whole rows.

    One that cannot is as if it were not there, and logged. A row that is damaged hurts its own
    instance or service only (I11); that it is gone is no deletion (I7).
    """
    for body in bodies:
        try:
            yield decode(body)
        except UNREADABLE as error:
            log.error(
                "a row cannot be read and is passed over",
                extra={"body": str(body)[:200], "error": f"{type(error).__name__}: {error}"},
            )


def encode_removal(change: InstanceRemoved) -> str:
    """The body of the change that took an instance out."""
    return _encode({"key": change.key, "cell": change.cell})


def decode_change(revision: int, kind: str, traceparent: str, body: str) -> Change:
    """A change from its row. Raises ValueError on a kind that this version does not know."""
    number = Revision(revision)
    match Kind(kind):
        case Kind.INSTANCE_PUT:
            return InstancePut(number, decode_instance(body), traceparent)
        case Kind.INSTANCE_REMOVED:
            row = _decode(body)
            key = _instance_key(row["key"])
            return InstanceRemoved(number, key, CellName(text(row["cell"])), traceparent)
        case Kind.SERVICE_PUT:
            return ServicePut(number, decode_service(body))
        case Kind.SERVICE_REMOVED:
            return ServiceRemoved(number, decode_service(body))
        case unknown:
            assert_never(unknown)


def change_row(change: Change) -> tuple[Kind, str, str]:
    """(kind, traceparent, body) of a change."""
    match change:
        case InstancePut():
            return Kind.INSTANCE_PUT, change.traceparent, encode_instance(change.instance)
        case InstanceRemoved():
            return Kind.INSTANCE_REMOVED, change.traceparent, encode_removal(change)
        case ServicePut():
            return Kind.SERVICE_PUT, "", encode_service(change.service)
        case ServiceRemoved():
            return Kind.SERVICE_REMOVED, "", encode_service(change.service)
        case _:
            assert_never(change)
