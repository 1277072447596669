"""Samples for tests of planning: services, instances, endpoints and entries, each with defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from registry.domain.cell_plan import Entry
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance, Port, Registration, State
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
from registry.domain.plan import Endpoint, ServicePlan, Tombstone
from registry.domain.service import (
    AllDown,
    Distance,
    FailoverPolicy,
    HealthPolicy,
    Service,
    ServicePolicy,
)

CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
SCALE_TO_ZERO = ServicePolicy(scale_to_zero=True)
POLICY = ServicePolicy(
    record_ttl_seconds=30,
    failover=FailoverPolicy(
        (RegionName("us"),),
        0.4,
        0.6,
        0.0,
        2,
        3.0,
        (Distance(RegionName("eu"), RegionName("us"), 7),),
        1.5,
        AllDown.STATIC,
        ("192.0.2.1",),
    ),
    health=HealthPolicy(1, 4, 20.0, 0.0),
)


def service(policy: ServicePolicy | None = None, *, tombstone: int | None = None) -> Service:
    return Service(CART, "uid", policy, "etag", 0, 0, Revision(7), tombstone)


def instance(
    name: str = "i1",
    health: Health = Health.HEALTHY,
    evidence: Evidence = Evidence.VALIDATED,
    *,
    uid: str = "",
    **changes: Any,
) -> Instance:
    registration = Registration(
        key=InstanceKey(CART.namespace, CART.service, InstanceId(name)),
        cell=CellName("eu"),
        region=RegionName("eu"),
        zone="eu-a",
        addresses=("10.0.0.1", "2001:db8::1"),
        ports=(Port("main", 80),),
        priority=0,
        weight=1,
        metadata={"b": "2", "a": "1"},
        check=Check(CheckKind.TCP, 80),
        ttl_seconds=15.0,
    )
    own = {key: changes.pop(key) for key in tuple(changes) if hasattr(registration, key)}
    known = Instance(
        registration=replace(registration, **own),
        incarnation=Incarnation(uid or f"uid-{name}"),
        request_id="",
        state=State.ACTIVE,
        health=health,
        evidence=evidence,
        health_time_ms=0,
        create_time_ms=0,
        state_time_ms=0,
        revision=Revision(1),
        lease_id=1,
    )
    return replace(known, **changes)


def endpoint(
    name: str = "i1",
    health: Health = Health.HEALTHY,
    evidence: Evidence = Evidence.VALIDATED,
    **changes: Any,
) -> Endpoint:
    return replace(
        Endpoint(
            instance=InstanceId(name),
            incarnation=Incarnation(f"uid-{name}"),
            addresses=("10.0.0.1", "2001:db8::1"),
            ports=(Port("main", 80),),
            priority=0,
            weight=1,
            zone="eu-a",
            metadata={"b": "2", "a": "1"},
            health=health,
            evidence=evidence,
        ),
        **changes,
    )


def plan(*endpoints: Endpoint, **changes: Any) -> ServicePlan:
    return replace(ServicePlan(CART, None, endpoints, False, None, Revision(3)), **changes)


def tombstoned() -> ServicePlan:
    return plan(tombstone=Tombstone(1000, Revision(7)))


def entry(of: ServicePlan, octets: int = 100) -> Entry:
    return Entry(of, b"x" * octets)


def named(number: int, of: ServicePlan | None = None) -> ServicePlan:
    """The same plan under another service's name."""
    key = ServiceKey(CART.namespace, ServiceId(f"s{number}"))
    return replace(plan() if of is None else of, key=key)
