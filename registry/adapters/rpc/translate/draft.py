"""What a client asks for, as raw values for the domain to admit: nothing is judged here."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from registry.adapters.rpc.translate.moment import seconds_of
from registry.adapters.rpc.translate.service import ALL_DOWN
from registry.domain.admission import Draft, DraftPort
from registry.domain.check_admission import DraftCheck, DraftHttpCheck
from registry.domain.policy_admission import DraftFailover, DraftHealth, DraftPolicy
from sheetanchor.v1 import instance_pb2, service_pb2
from sheetanchor.v1 import registration_service_pb2 as pb

_PROTOCOL: Final[dict[int, str]] = {
    instance_pb2.Port.PROTOCOL_UNSPECIFIED: "",
    instance_pb2.Port.PROTOCOL_TCP: "tcp",
    instance_pb2.Port.PROTOCOL_UDP: "udp",
}
_KIND: Final[dict[int, str]] = {
    instance_pb2.HealthCheck.KIND_UNSPECIFIED: "",
    instance_pb2.HealthCheck.KIND_NONE: "none",
    instance_pb2.HealthCheck.KIND_TCP: "tcp",
    instance_pb2.HealthCheck.KIND_HTTP: "http",
    instance_pb2.HealthCheck.KIND_HTTPS: "https",
    instance_pb2.HealthCheck.KIND_GRPC: "grpc",
    instance_pb2.HealthCheck.KIND_GRPCS: "grpcs",
}
_IDENTITY: Final[dict[int, str]] = {
    instance_pb2.HealthCheck.IDENTITY_UNSPECIFIED: "",
    instance_pb2.HealthCheck.IDENTITY_NONE: "none",
    instance_pb2.HealthCheck.IDENTITY_HEADER: "header",
    instance_pb2.HealthCheck.IDENTITY_METADATA: "metadata",
    instance_pb2.HealthCheck.IDENTITY_HEALTH_SERVICE: "health_service",
}

SHORT_CHECK_OCTETS = 256
"""A check as long as this is remembered by its octets."""

_ALL_DOWN: Final[dict[int, str]] = {
    service_pb2.FailoverPolicy.ALL_DOWN_UNSPECIFIED: "",
    **{number: each.value for each, number in ALL_DOWN.items()},
}


def registration_draft(request: pb.RegisterInstanceRequest) -> Draft:
    """The registration that a request asks for."""
    said = request.instance
    return Draft(
        parent=request.parent,
        instance_id=request.instance_id,
        region=said.locality.region,
        addresses=list(said.addresses),
        name=said.name,
        zone=said.locality.zone,
        cell=said.cell,
        ports=[
            DraftPort(port.name, port.number, _word(_PROTOCOL, port.protocol))
            for port in said.ports
        ],
        priority=said.priority,
        weight=said.weight,
        metadata=dict(said.metadata),
        check=_check_of(said.health_check) if said.HasField("health_check") else None,
        ttl_seconds=seconds_of(request.ttl) if request.HasField("ttl") else None,
        request_id=request.request_id,
    )


def policy_draft(policy: service_pb2.ServicePolicy) -> DraftPolicy:
    """The policy that a message asks for."""
    return DraftPolicy(
        record_ttl_seconds=(
            policy.record_ttl_seconds if policy.HasField("record_ttl_seconds") else None
        ),
        failover=_failover_draft(policy.failover) if policy.HasField("failover") else None,
        scale_to_zero=policy.scale_to_zero,
        health=_health_draft(policy.health) if policy.HasField("health") else None,
    )


def _health_draft(health: service_pb2.HealthPolicy) -> DraftHealth:
    return DraftHealth(
        rise=health.rise,
        fall=health.fall,
        damping_window_seconds=(
            seconds_of(health.damping_window) if health.HasField("damping_window") else None
        ),
        slow_start_seconds=(
            seconds_of(health.slow_start) if health.HasField("slow_start") else None
        ),
    )


def _check_of(check: instance_pb2.HealthCheck) -> DraftCheck:
    octets = check.SerializeToString()
    return _check_draft(check) if len(octets) > SHORT_CHECK_OCTETS else _short_check(octets)


# A fleet has few kinds of checks, and nearly all are a few octets long.
@lru_cache(maxsize=1024)
def _short_check(octets: bytes) -> DraftCheck:
    return _check_draft(instance_pb2.HealthCheck.FromString(octets))


def _check_draft(check: instance_pb2.HealthCheck) -> DraftCheck:
    return DraftCheck(
        kind=_word(_KIND, check.kind),
        port=check.port,
        interval_seconds=seconds_of(check.interval) if check.HasField("interval") else None,
        timeout_seconds=seconds_of(check.timeout) if check.HasField("timeout") else None,
        rise=check.rise,
        fall=check.fall,
        http=_http_draft(check.http) if check.HasField("http") else None,
        grpc_service=check.grpc.service if check.HasField("grpc") else None,
        identity=_word(_IDENTITY, check.identity),
        tls_server_name=check.tls_server_name,
    )


def _http_draft(http: instance_pb2.HttpCheck) -> DraftHttpCheck:
    return DraftHttpCheck(http.path, http.host, tuple(http.expected_statuses), http.body_match)


def _failover_draft(failover: service_pb2.FailoverPolicy) -> DraftFailover:
    return DraftFailover(
        region_order=list(failover.region_order),
        enter_threshold=failover.enter_threshold,
        exit_threshold=failover.exit_threshold,
        exit_hold_seconds=(
            seconds_of(failover.exit_hold) if failover.HasField("exit_hold") else None
        ),
        minimum_endpoints=failover.minimum_endpoints,
        enter_hold_seconds=(
            seconds_of(failover.enter_hold) if failover.HasField("enter_hold") else None
        ),
        distances=[(d.start, d.end, d.distance) for d in failover.distances],
        overprovisioning=failover.overprovisioning,
        all_down=_word(_ALL_DOWN, failover.all_down),
        static_addresses=list(failover.static_addresses),
    )


def _word(words: dict[int, str], value: int) -> str:
    """A value of an open enum: one that this version does not know stays itself, to be refused."""
    return words.get(value) or (f"value {value}" if value else "")
