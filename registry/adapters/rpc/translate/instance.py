"""Instances, from the domain to their message."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from registry.adapters.rpc.translate.moment import REMEMBERED, duration, timestamp
from registry.domain.health import Evidence, Health
from registry.domain.instance import (
    Check,
    CheckKind,
    Identity,
    Instance,
    Override,
    Port,
    Protocol,
    State,
)
from registry.domain.names import RegionName
from sheetanchor.v1 import instance_pb2 as pb

HEALTH: Final = {
    Health.UNKNOWN: pb.HEALTH_UNKNOWN,
    Health.HEALTHY: pb.HEALTH_HEALTHY,
    Health.UNHEALTHY: pb.HEALTH_UNHEALTHY,
    Health.DRAINING: pb.HEALTH_DRAINING,
}
EVIDENCE: Final = {
    Evidence.NONE: pb.EVIDENCE_UNSPECIFIED,
    Evidence.VALIDATED: pb.EVIDENCE_VALIDATED,
    Evidence.LEASE_RENEWED: pb.EVIDENCE_LEASE_RENEWED,
    Evidence.DEREGISTERED: pb.EVIDENCE_DEREGISTERED,
    Evidence.REFUSED: pb.EVIDENCE_REFUSED,
    Evidence.WITHDRAWN: pb.EVIDENCE_WITHDRAWN,
    Evidence.NOT_SERVING: pb.EVIDENCE_NOT_SERVING,
    Evidence.WRONG_IDENTITY: pb.EVIDENCE_WRONG_IDENTITY,
    Evidence.TIMEOUT: pb.EVIDENCE_TIMEOUT,
    Evidence.LEASE_EXPIRED: pb.EVIDENCE_LEASE_EXPIRED,
}
STATE: Final = {
    State.ACTIVE: pb.Instance.STATE_ACTIVE,
    State.DRAINING: pb.Instance.STATE_DRAINING,
    State.EXPIRED: pb.Instance.STATE_EXPIRED,
}
PROTOCOL: Final = {
    Protocol.TCP: pb.Port.PROTOCOL_TCP,
    Protocol.UDP: pb.Port.PROTOCOL_UDP,
}
CHECK_KIND: Final = {
    CheckKind.NONE: pb.HealthCheck.KIND_NONE,
    CheckKind.TCP: pb.HealthCheck.KIND_TCP,
    CheckKind.HTTP: pb.HealthCheck.KIND_HTTP,
    CheckKind.HTTPS: pb.HealthCheck.KIND_HTTPS,
    CheckKind.GRPC: pb.HealthCheck.KIND_GRPC,
    CheckKind.GRPCS: pb.HealthCheck.KIND_GRPCS,
}
IDENTITY: Final = {
    Identity.NONE: pb.HealthCheck.IDENTITY_NONE,
    Identity.HEADER: pb.HealthCheck.IDENTITY_HEADER,
    Identity.METADATA: pb.HealthCheck.IDENTITY_METADATA,
    Identity.HEALTH_SERVICE: pb.HealthCheck.IDENTITY_HEALTH_SERVICE,
}


_NO_CHECK: Final = pb.HealthCheck(kind=pb.HealthCheck.KIND_NONE)

DECISIONS: Final[dict[int, Override]] = {
    pb.REMOVAL_DECISION_NONE: Override.NONE,
    pb.REMOVAL_DECISION_REMOVE: Override.REMOVE,
    pb.REMOVAL_DECISION_KEEP: Override.KEEP,
}
WORDS: Final = {Override.NONE: "undecide", Override.REMOVE: "confirm", Override.KEEP: "keep"}
"""The decisions as operators type them, for what is written down."""
DECISION: Final = {
    Override.NONE: pb.REMOVAL_DECISION_UNSPECIFIED,
    Override.REMOVE: pb.REMOVAL_DECISION_REMOVE,
    Override.KEEP: pb.REMOVAL_DECISION_KEEP,
}


def instance_message(instance: Instance) -> pb.Instance:
    """An instance as the API shows it."""
    message = pb.Instance()
    write_instance(message, instance)
    return message


def write_instance(message: pb.Instance, instance: Instance) -> None:
    """Make an empty message an instance as the API shows it.

    Written where it stands: a message given whole to the one that holds it is copied, and the
    replies to a batch are the half of what it costs.
    """
    said = instance.registration
    message.name = str(said.key)
    message.uid = instance.incarnation
    message.locality.CopyFrom(_locality_message(said.region, said.zone))
    message.cell = said.cell
    message.addresses.extend(said.addresses)
    message.ports.extend(map(port_message, said.ports))
    message.priority = said.priority
    message.weight = said.weight
    if said.metadata:
        message.metadata.update(said.metadata)
    message.health_check.CopyFrom(_check_message(said.check))
    message.state = STATE[instance.state]
    message.health = HEALTH[instance.health]
    message.evidence = EVIDENCE[instance.evidence]
    message.health_time.CopyFrom(timestamp(instance.health_time_ms))
    message.create_time.CopyFrom(timestamp(instance.create_time_ms))
    message.revision = instance.revision
    message.removal_decision = DECISION[instance.override]


# A fleet has few places and kinds of ports, and a message that takes one over copies it.
@lru_cache(maxsize=REMEMBERED)
def _locality_message(region: RegionName, zone: str) -> pb.Locality:
    return pb.Locality(region=region, zone=zone)


@lru_cache(maxsize=REMEMBERED)
def port_message(port: Port) -> pb.Port:
    """A port as the API shows it. To be copied, never changed."""
    return pb.Port(name=port.name, number=port.number, protocol=PROTOCOL[port.protocol])


def _check_message(check: Check) -> pb.HealthCheck:
    if check.kind is CheckKind.NONE:
        # The other fields say nothing of a check that is not made.
        return _NO_CHECK
    message = pb.HealthCheck(
        kind=CHECK_KIND[check.kind],
        port=check.port,
        interval=duration(check.interval_seconds),
        timeout=duration(check.timeout_seconds),
        rise=check.rise,
        fall=check.fall,
        tls_server_name=check.tls_server_name,
    )
    if check.identity is not Identity.NONE:
        message.identity = IDENTITY[check.identity]
    if check.http is not None:
        asked = check.http
        message.http.path, message.http.host = asked.path, asked.host
        message.http.expected_statuses.extend(asked.statuses)
        message.http.body_match = asked.body_match
    if check.grpc_service:
        message.grpc.service = check.grpc_service
    return message
