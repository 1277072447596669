"""Instances, from the domain to their message."""

from __future__ import annotations

from typing import Final

from registry.adapters.rpc.translate.moment import duration, timestamp
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Identity, Instance, Override, Protocol, State
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


DECISIONS: Final[dict[int, Override]] = {
    pb.REMOVAL_DECISION_NONE: Override.NONE,
    pb.REMOVAL_DECISION_REMOVE: Override.REMOVE,
    pb.REMOVAL_DECISION_KEEP: Override.KEEP,
}
DECISION: Final = {
    Override.NONE: pb.REMOVAL_DECISION_UNSPECIFIED,
    Override.REMOVE: pb.REMOVAL_DECISION_REMOVE,
    Override.KEEP: pb.REMOVAL_DECISION_KEEP,
}


def instance_message(instance: Instance) -> pb.Instance:
    """An instance as the API shows it."""
    said = instance.registration
    return pb.Instance(
        name=str(said.key),
        uid=instance.incarnation,
        locality=pb.Locality(region=said.region, zone=said.zone),
        cell=said.cell,
        addresses=said.addresses,
        ports=[
            pb.Port(name=port.name, number=port.number, protocol=PROTOCOL[port.protocol])
            for port in said.ports
        ],
        priority=said.priority,
        weight=said.weight,
        metadata=said.metadata,
        health_check=_check_message(said.check),
        state=STATE[instance.state],
        health=HEALTH[instance.health],
        evidence=EVIDENCE[instance.evidence],
        health_time=timestamp(instance.health_time_ms),
        create_time=timestamp(instance.create_time_ms),
        revision=instance.revision,
        removal_decision=DECISION[instance.override],
    )


def _check_message(check: Check) -> pb.HealthCheck:
    if check.kind is CheckKind.NONE:
        # the other fields say nothing of a check that is not made
        return pb.HealthCheck(kind=pb.HealthCheck.KIND_NONE)
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
