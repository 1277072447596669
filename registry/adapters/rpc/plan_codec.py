"""A service's plan as `sheetanchor.v1.ServicePlan` octets, and back.

The octets are hashed, so the same plan must always give the same ones: fields go out in
order of number, maps sorted by key, unset values left out. Another release of protobuf may
write otherwise: an entry then changes its octets when its content changes next, and no
reader cares, since all hash the octets as they were sent.

A service's change is mostly that of one endpoint, so the octets of endpoints are kept: to
write a service of a hundred anew costs one endpoint and ninety-nine copies.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from registry.adapters.rpc.translate.instance import EVIDENCE, HEALTH, PROTOCOL, port_message
from registry.adapters.rpc.translate.service import ALL_DOWN, policy_message
from registry.domain.diversion import Span
from registry.domain.health import Evidence
from registry.domain.instance import Port, Protocol
from registry.domain.names import (
    Incarnation,
    InstanceId,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.plan import Endpoint, Hold, ServicePlan, StagedChange, Tombstone
from registry.domain.service import AllDown, Distance, FailoverPolicy, HealthPolicy, ServicePolicy
from registry.domain.velocity import Reason
from registry.domain.zone import ClientNetwork, ZoneSettings
from sheetanchor.v1 import plan_pb2, service_pb2, zone_settings_pb2

_HEALTH_READ = {sent: health for health, sent in HEALTH.items()}
_EVIDENCE_READ = {sent: evidence for evidence, sent in EVIDENCE.items()}
_PROTOCOL_READ = {sent: protocol for protocol, sent in PROTOCOL.items()}


_REASON = {
    Reason.NAME_BUDGET: plan_pb2.Hold.REASON_NAME_BUDGET,
    Reason.NAME_FLOOR: plan_pb2.Hold.REASON_NAME_FLOOR,
    Reason.CELL_BUDGET: plan_pb2.Hold.REASON_CELL_BUDGET,
    Reason.CELL_FLOOR: plan_pb2.Hold.REASON_CELL_FLOOR,
    Reason.KEPT: plan_pb2.Hold.REASON_KEPT,
}
_REASON_READ = {sent: reason for reason, sent in _REASON.items()}

_ALL_DOWN_READ = {sent: all_down for all_down, sent in ALL_DOWN.items()}

KEPT_ENDPOINTS = 100_000
"""Endpoints whose octets are kept; past that all are forgotten, and written anew as needed."""
_ENDPOINTS_TAG = bytes(
    [plan_pb2.ServicePlan.DESCRIPTOR.fields_by_name["endpoints"].number << 3 | 2]
)
"""Of a field whose value has a length (protobuf's wire type 2)."""


class ProtoPlanCodec:
    """The codec of the contract. Its endpoints are immutable, so their octets stay good."""

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}
        """By the endpoint's identity."""
        self._endpoints: list[Endpoint] = []
        """Those of `_kept`: held, so that no other can take the place of one in memory."""

    def __repr__(self) -> str:
        return f"<ProtoPlanCodec {len(self._kept)} endpoints kept>"

    def encode(self, plan: ServicePlan) -> bytes:
        """The same plan always gives the same octets.

        Raises ValueError or TypeError for what no field can hold; the caller refuses that
        one entry (I11).
        """
        # A message is its fields one after another: these stand before the endpoints ...
        before = plan_pb2.ServicePlan(namespace=plan.key.namespace, service=plan.key.service)
        if plan.policy is not None:
            # Every number of it is written, so that a reader's defaults do not matter.
            before.policy.CopyFrom(policy_message(plan.policy))
        # ... and these behind.
        behind = plan_pb2.ServicePlan(held=plan.held, revision=plan.revision)
        if plan.tombstone is not None:
            behind.tombstone.revision = plan.tombstone.revision
            behind.tombstone.delete_time.FromMilliseconds(plan.tombstone.delete_time_ms)
        if plan.staged is not None:
            behind.staged.uid = plan.staged.uid
            if plan.staged.policy is not None:
                behind.staged.policy.CopyFrom(policy_message(plan.staged.policy))
        if plan.diversion is not None:
            behind.diversion.create_time.FromMilliseconds(plan.diversion.create_time_ms)
            behind.diversion.end_time.FromMilliseconds(plan.diversion.end_time_ms)
        behind.omitted_endpoint_count = plan.omitted
        parts = [before.SerializeToString(deterministic=True)]
        for endpoint, octets in zip(
            plan.endpoints, map(self._kept.get, map(id, plan.endpoints)), strict=True
        ):
            parts.append(octets or self._keep(endpoint))
        parts.append(behind.SerializeToString(deterministic=True))
        return b"".join(parts)

    def _keep(self, endpoint: Endpoint) -> bytes:
        octets = _endpoint_sent(endpoint).SerializeToString(deterministic=True)
        field = _ENDPOINTS_TAG + _varint(len(octets)) + octets
        if len(self._kept) >= KEPT_ENDPOINTS:
            self._kept.clear()
            self._endpoints.clear()
        self._kept[id(endpoint)] = field
        self._endpoints.append(endpoint)
        return field

    def decode(self, body: bytes) -> ServicePlan:
        """The inverse. Raises ValueError on garbage."""
        try:
            message = plan_pb2.ServicePlan.FromString(body)
        except DecodeError as error:
            raise ValueError(f"not a ServicePlan: {error}") from error
        tombstone = None
        if message.HasField("tombstone"):
            tombstone = Tombstone(
                message.tombstone.delete_time.ToMilliseconds(),
                Revision(message.tombstone.revision),
            )
        staged = None
        if message.HasField("staged"):
            tried = message.staged
            staged = StagedChange(
                tried.uid, _policy_read(tried.policy) if tried.HasField("policy") else None
            )
        diversion = None
        if message.HasField("diversion"):
            diversion = Span(
                message.diversion.create_time.ToMilliseconds(),
                message.diversion.end_time.ToMilliseconds(),
            )
        return ServicePlan(
            key=ServiceKey(NamespaceId(message.namespace), ServiceId(message.service)),
            policy=_policy_read(message.policy) if message.HasField("policy") else None,
            endpoints=tuple(_endpoint_read(endpoint) for endpoint in message.endpoints),
            held=message.held,
            tombstone=tombstone,
            revision=Revision(message.revision),
            staged=staged,
            diversion=diversion,
            omitted=message.omitted_endpoint_count,
        )


def hold_message(hold: Hold) -> plan_pb2.Hold:
    """A hold as the contract has it."""
    message = plan_pb2.Hold(reason=_REASON[hold.reason])
    message.hold_time.FromMilliseconds(hold.hold_time_ms)
    if hold.release_time_ms:
        message.release_time.FromMilliseconds(hold.release_time_ms)
    return message


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _endpoint_sent(endpoint: Endpoint) -> plan_pb2.Endpoint:
    message = plan_pb2.Endpoint(
        instance=endpoint.instance,
        uid=endpoint.incarnation,
        addresses=endpoint.addresses,
        ports=map(port_message, endpoint.ports),
        priority=endpoint.priority,
        weight=endpoint.weight,
        zone=endpoint.zone,
        health=HEALTH[endpoint.health],
        evidence=EVIDENCE[endpoint.evidence],
        removal_confirmed=endpoint.confirmed,
    )
    # to be given an empty one costs as much as all the texts
    if endpoint.metadata:
        message.metadata.update(endpoint.metadata)
    if endpoint.hold is not None:
        message.hold.CopyFrom(hold_message(endpoint.hold))
    return message


def _endpoint_read(message: plan_pb2.Endpoint) -> Endpoint:
    health = _HEALTH_READ.get(message.health)
    if health is None:
        raise ValueError(f"endpoint {message.instance!r} has the health {message.health}")
    return Endpoint(
        instance=InstanceId(message.instance),
        incarnation=Incarnation(message.uid),
        addresses=tuple(message.addresses),
        ports=tuple(
            Port(port.name, port.number, _PROTOCOL_READ.get(port.protocol, Protocol.TCP))
            for port in message.ports
        ),
        priority=message.priority,
        weight=message.weight,
        zone=message.zone,
        metadata=dict(message.metadata),
        health=health,
        # The list of evidence may grow; what a newer version knows, this one need not.
        evidence=_EVIDENCE_READ.get(message.evidence, Evidence.NONE),
        hold=_hold_read(message.hold) if message.HasField("hold") else None,
        confirmed=message.removal_confirmed,
    )


def _hold_read(message: plan_pb2.Hold) -> Hold:
    return Hold(
        # whatever a newer version holds it for, it is held
        _REASON_READ.get(message.reason, Reason.NAME_BUDGET),
        message.hold_time.ToMilliseconds(),
        message.release_time.ToMilliseconds() if message.HasField("release_time") else 0,
    )


def _policy_read(message: service_pb2.ServicePolicy) -> ServicePolicy:
    default = FailoverPolicy()
    failover = message.failover
    return ServicePolicy(
        record_ttl_seconds=message.record_ttl_seconds or ServicePolicy().record_ttl_seconds,
        failover=FailoverPolicy(
            region_order=tuple(RegionName(region) for region in failover.region_order),
            enter_threshold=failover.enter_threshold or default.enter_threshold,
            exit_threshold=failover.exit_threshold or default.exit_threshold,
            exit_hold_seconds=(
                failover.exit_hold.ToNanoseconds() / 1e9
                if failover.HasField("exit_hold")
                else default.exit_hold_seconds
            ),
            minimum_endpoints=failover.minimum_endpoints or default.minimum_endpoints,
            enter_hold_seconds=failover.enter_hold.ToNanoseconds() / 1e9,
            distances=tuple(
                Distance(RegionName(d.start), RegionName(d.end), d.distance)
                for d in failover.distances
            ),
            overprovisioning=failover.overprovisioning,
            all_down=_ALL_DOWN_READ.get(failover.all_down, AllDown.FAIL_OPEN_HOME),
            static_addresses=tuple(failover.static_addresses),
        ),
        scale_to_zero=message.scale_to_zero,
        health=_health_policy_read(message.health),
        zone=_zone_read(message.zone) if message.HasField("zone") else None,
    )


def _zone_read(message: zone_settings_pb2.ZoneSettings) -> ZoneSettings:
    def number(name: str) -> int | None:
        return int(getattr(message, name)) if message.HasField(name) else None

    networks = None
    if message.HasField("client_networks"):
        networks = tuple(
            ClientNetwork(each.cidr, RegionName(each.region))
            for each in message.client_networks.networks
        )
    return ZoneSettings(
        number("negative_ttl_seconds"),
        number("degraded_ttl_seconds"),
        number("nameserver_ttl_seconds"),
        networks,
    )


def _health_policy_read(message: service_pb2.HealthPolicy) -> HealthPolicy:
    default = HealthPolicy()
    return HealthPolicy(
        rise=message.rise,
        fall=message.fall,
        damping_window_seconds=(
            message.damping_window.ToNanoseconds() / 1e9
            if message.HasField("damping_window")
            else default.damping_window_seconds
        ),
        slow_start_seconds=message.slow_start.ToNanoseconds() / 1e9,
    )
