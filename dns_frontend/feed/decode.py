"""Turns the contract's messages into the frontend's own types.

Content is never trusted and never makes this code fail: what cannot be read, or must
not be served, becomes a `Published` with its fault named, so that the tree can still be
verified and the guard can say what it refuses (I11). Only messages that lack what is
needed to place them at all raise.
"""

from __future__ import annotations

import re
from functools import lru_cache

from google.protobuf.message import DecodeError

from dns_frontend.plan.digest import Published
from dns_frontend.plan.diversion import Diversion
from dns_frontend.plan.entry import (
    AllDown,
    CellPosition,
    Endpoint,
    Health,
    Policy,
    Port,
    Protocol,
    ServiceEntry,
    ServiceKey,
    StagedChange,
)
from dns_frontend.plan.guard import Limits, fault_of
from dns_frontend.plan.zone_wish import ZoneWish
from sheetanchor.v1 import instance_pb2, plan_pb2, service_pb2, zone_settings_pb2

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_DIGEST_OCTETS = 32
_DEFAULT = Policy()
_REMEMBERED_OCTETS = 16 * 1024
"""Longer entries are read each time, so that what is remembered stays small."""

# a value that a newer registry may send reads as UNKNOWN, which is never served (I27)
_HEALTH = {
    instance_pb2.HEALTH_HEALTHY: Health.HEALTHY,
    instance_pb2.HEALTH_UNHEALTHY: Health.UNHEALTHY,
    instance_pb2.HEALTH_DRAINING: Health.DRAINING,
}
_EVIDENCE: dict[int, str] = {
    number: name.removeprefix("EVIDENCE_").lower() if number else "none"
    for name, number in instance_pb2.Evidence.items()
}


_ALL_DOWN: dict[int, AllDown] = {
    number: AllDown(name.removeprefix("ALL_DOWN_").lower())
    for name, number in service_pb2.FailoverPolicy.AllDown.items()
    if number
}
_HOLD: dict[int, str] = {
    number: name.removeprefix("REASON_").lower()
    for name, number in plan_pb2.Hold.Reason.items()
    if number
}


class MalformedMessageError(ValueError):
    """A message of the registry cannot be placed in any chain."""


def is_cell(name: str) -> bool:
    """Whether a cell may have that name; it becomes the name of a directory."""
    return _LABEL.fullmatch(name) is not None


def position_of(cell: str, plan: plan_pb2.Plan, region: str) -> CellPosition:
    """Where a plan stands in its cell's chain. Raises MalformedMessageError."""
    if not is_cell(cell) or plan.cell != cell:
        raise MalformedMessageError(f"a plan of cell {plan.cell!r} came for cell {cell!r}")
    if not _LABEL.fullmatch(region):
        raise MalformedMessageError(f"cell {cell} has the region {region!r}")
    if plan.generation < 0 or plan.epoch < 0 or plan.parent_generation < 0:
        raise MalformedMessageError(f"cell {cell} has generation {plan.generation}")
    if len(plan.digest) != _DIGEST_OCTETS:
        raise MalformedMessageError(f"cell {cell} has a digest of {len(plan.digest)} octets")
    at = plan.create_time
    return CellPosition(
        cell,
        region,
        plan.epoch,
        plan.generation,
        bytes(plan.digest),
        at.seconds * 1000 + at.nanos // 1_000_000,
    )


def published_of(key: str, body: bytes, limits: Limits) -> Published:
    """An entry, read and looked over. Never raises.

    One that was just read is remembered: all that judge a step, keep it and answer from it ask
    for what it says, before and after.
    """
    if len(body) > _REMEMBERED_OCTETS:
        return _read(key, body, limits)
    return _remembered(key, body, limits)


@lru_cache(maxsize=128)
def _remembered(key: str, body: bytes, limits: Limits) -> Published:
    return _read(key, body, limits)


def _read(key: str, body: bytes, limits: Limits) -> Published:
    if len(body) > limits.entry_octets:
        return Published(body, None, f"{key[:140]!r} has {len(body)} octets")
    try:
        entry = _entry(plan_pb2.ServicePlan.FromString(body))
    except (DecodeError, ValueError) as error:
        return Published(body, None, f"{key[:140]!r} cannot be read: {error}"[:400])
    return Published(body, entry, fault_of(key, len(body), entry, limits))


def _entry(plan: plan_pb2.ServicePlan) -> ServiceEntry:
    return ServiceEntry(
        key=ServiceKey(plan.namespace, plan.service),
        policy=_policy(plan.policy) if plan.HasField("policy") else None,
        endpoints=tuple(_endpoint(each) for each in plan.endpoints),
        held=plan.held,
        tombstoned=plan.HasField("tombstone"),
        revision=plan.revision,
        staged=_staged(plan.staged) if plan.HasField("staged") else None,
        diversion=_diversion(plan.diversion) if plan.HasField("diversion") else None,
    )


def _diversion(diversion: service_pb2.Diversion) -> Diversion:
    # not by the message's own arithmetic, which raises on times out of its range
    begin, end = diversion.create_time, diversion.end_time
    return Diversion(
        begin.seconds * 1000 + begin.nanos // 1_000_000, end.seconds * 1000 + end.nanos // 1_000_000
    )


def _staged(change: plan_pb2.StagedChange) -> StagedChange:
    policy = _policy(change.policy) if change.HasField("policy") else None
    return StagedChange(change.uid, policy)


def _policy(policy: service_pb2.ServicePolicy) -> Policy:
    """Unset fields, which are zero, take the contract's defaults."""
    failover = policy.failover
    enter = failover.enter_threshold or _DEFAULT.enter_threshold
    hold = _DEFAULT.exit_hold_seconds
    if failover.HasField("exit_hold"):
        hold = failover.exit_hold.seconds + failover.exit_hold.nanos / 1e9
    return Policy(
        record_ttl_seconds=policy.record_ttl_seconds or _DEFAULT.record_ttl_seconds,
        region_order=tuple(failover.region_order),
        enter_threshold=enter,
        exit_threshold=failover.exit_threshold or max(enter, _DEFAULT.exit_threshold),
        exit_hold_seconds=hold,
        minimum_endpoints=failover.minimum_endpoints or _DEFAULT.minimum_endpoints,
        scale_to_zero=policy.scale_to_zero,
        enter_hold_seconds=failover.enter_hold.seconds + failover.enter_hold.nanos / 1e9,
        distances=tuple((d.start, d.end, d.distance) for d in failover.distances),
        overprovisioning=failover.overprovisioning,
        # what a newer registry may wish for reads as the default, which harms least
        all_down=_ALL_DOWN.get(failover.all_down, AllDown.FAIL_OPEN_HOME),
        static_addresses=tuple(failover.static_addresses),
        zone=_zone(policy.zone) if policy.HasField("zone") else None,
    )


def _zone(zone: zone_settings_pb2.ZoneSettings) -> ZoneWish:
    networks = None
    if zone.HasField("client_networks"):
        networks = tuple((each.cidr, each.region) for each in zone.client_networks.networks)
    return ZoneWish(
        zone.negative_ttl_seconds if zone.HasField("negative_ttl_seconds") else None,
        zone.degraded_ttl_seconds if zone.HasField("degraded_ttl_seconds") else None,
        zone.nameserver_ttl_seconds if zone.HasField("nameserver_ttl_seconds") else None,
        networks,
    )


def _endpoint(endpoint: plan_pb2.Endpoint) -> Endpoint:
    return Endpoint(
        instance=endpoint.instance,
        incarnation=endpoint.uid,
        addresses=tuple(endpoint.addresses),
        ports=tuple(
            Port(
                port.name,
                port.number,
                Protocol.UDP if port.protocol == instance_pb2.Port.PROTOCOL_UDP else Protocol.TCP,
            )
            for port in endpoint.ports
        ),
        priority=endpoint.priority,
        weight=endpoint.weight,
        zone=endpoint.zone,
        metadata=dict(endpoint.metadata),
        health=_HEALTH.get(endpoint.health, Health.UNKNOWN),
        evidence=_EVIDENCE.get(endpoint.evidence, "none"),
        # whatever a newer registry holds it for, it is held
        hold=_HOLD.get(endpoint.hold.reason, "held") if endpoint.HasField("hold") else "",
        confirmed=endpoint.removal_confirmed,
    )
