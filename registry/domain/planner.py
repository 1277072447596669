"""The planner: from a service and its instances to what a cell publishes of it.

It looks at one service at a time, so that a change costs its own size. It never says
how a name is answered; that is the frontend's choice over all regions. What it upholds:
health is told as it is, an endpoint is UNKNOWN until validated (I27), and a name that
had something to answer with keeps it (I7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import inf
from operator import attrgetter

from registry.domain.diversion import Diversion
from registry.domain.health import SUCCESSES, Evidence, Health
from registry.domain.instance import Instance, Override
from registry.domain.names import CellName, InstanceId, InstanceKey, Revision, ServiceKey
from registry.domain.plan import Endpoint, ServicePlan, StagedChange, Tombstone
from registry.domain.service import Service, StagedPolicy
from registry.domain.slow_start import share, weights
from registry.domain.succession import replaced

_by_instance = attrgetter("instance")


def _for_ever(_: InstanceKey) -> float:
    return inf


def is_servable(endpoint: Endpoint) -> bool:
    """Whether an answer may ever name it, if only as a last resort: it was validated once."""
    return endpoint.health is not Health.UNKNOWN


# plan_service
#
#   service      endpoints judged  previous servable  scale_to_zero  planned
#   -----------  ----------------  -----------------  -------------  ------------------------
#   tombstoned   any               any                any            nothing, the tombstone
#   live         some              any                any            all instances
#   live         none              none               any            all instances
#   live         none              some               yes            all instances
#   live         none              some               no             previous servable ones,
#                                                                    held, and all instances
#                                                                    that are not among them
#
# "All instances" are all but those that others have replaced (see `succession`). "Judged"
# means any health but UNKNOWN. The last row is what I7 asks for: the last set
# known stays, labelled, until something better is validated. An instance that comes back
# under its id with another incarnation waits outside meanwhile: UNKNOWN endpoints are
# never answered with, and an id is in a plan once.
def plan_service(
    service: Service,
    instances: Iterable[Instance],
    previous: ServicePlan | None,
    revision: Revision,
    up_for_seconds: Callable[[InstanceKey], float] = _for_ever,
    cell: CellName | None = None,
) -> ServicePlan:
    """What one cell publishes of a service; `instances` are those of that cell.

    `up_for_seconds` tells for how long one has been healthy, for its slow start.

    Returns `previous` itself when nothing changed, so that `is` tells. `revision` becomes
    the entry's if something did.
    """
    if service.tombstone_time_ms is not None:
        tombstone = Tombstone(service.tombstone_time_ms, service.revision)
        return settled(ServicePlan(service.key, None, (), False, tombstone, revision), previous)
    known = {} if previous is None else {e.instance: e for e in previous.endpoints}
    present = list(instances)
    gone = replaced(present)
    left = [each for each in present if each.key.instance not in gone] if gone else present
    endpoints = [
        _endpoint(instance, weight, known.get(instance.registration.key.instance))
        for instance, weight in _weighed(service, left, up_for_seconds)
    ]
    held: dict[InstanceId, Endpoint] = {}
    scale_to_zero = service.policy is not None and service.policy.scale_to_zero
    if not scale_to_zero and not any(map(is_servable, endpoints)):
        registered = {endpoint.incarnation for endpoint in endpoints}
        held = {
            endpoint.instance: _held(endpoint, gone=endpoint.incarnation not in registered)
            for endpoint in known.values()
            if is_servable(endpoint)
        }
    if held:
        endpoints = [endpoint for endpoint in endpoints if endpoint.instance not in held]
        endpoints.extend(held.values())
    endpoints.sort(key=_by_instance)
    baking = service.baking
    plan = ServicePlan(
        key=service.key,
        policy=service.policy,
        endpoints=tuple(endpoints),
        held=bool(held),
        tombstone=None,
        revision=revision,
        staged=None if baking is None else StagedChange(baking.uid, baking.policy),
        diversion=service.diverted(cell),
    )
    return settled(plan, previous)


# plan_missing
#
#   the registry has no row of the service; the plan's entry is   planned
#   ------------------------------------------------------------  ---------------------------
#   tombstoned                                                    None: its time is over
#   live                                                          as it was: a missing row is
#                                                                 no deletion (I7)
def plan_missing(previous: ServicePlan) -> ServicePlan | None:
    """What becomes of an entry whose service the registry knows nothing of; None: removed."""
    return None if previous.tombstone is not None else previous


def last_known(key: ServiceKey, previous: ServicePlan | None, cell: CellName) -> Service:
    """A service that has instances, and a row that is gone or cannot be read: as it was published.

    So its owner's policy stays in force, and its instances come and go meanwhile (I10).
    """
    service = Service(key, "", None, "", 0, 0, Revision(0))
    if previous is None or previous.tombstone is not None:
        return service
    staged, span = previous.staged, previous.diversion
    return replace(
        service,
        policy=previous.policy,
        staged=None if staged is None else StagedPolicy(staged.uid, staged.policy, 0),
        diversions=() if span is None else (Diversion(cell, span, ""),),
    )


def settled(plan: ServicePlan, previous: ServicePlan | None) -> ServicePlan:
    """`previous` itself when nothing but the revision differs."""
    # Most changes are of the number of endpoints, and that is seen at a glance.
    if previous is None or len(plan.endpoints) != len(previous.endpoints):
        return plan
    return previous if replace(plan, revision=previous.revision) == previous else plan


def _weighed(
    service: Service,
    instances: Sequence[Instance],
    up_for_seconds: Callable[[InstanceKey], float],
) -> Iterable[tuple[Instance, int]]:
    """Each instance with the weight to publish."""
    registered = [instance.registration.weight for instance in instances]
    slow_start = 0.0 if service.policy is None else service.policy.health.slow_start_seconds
    if slow_start <= 0.0:
        return zip(instances, registered, strict=True)
    shares = [
        share(up_for_seconds(instance.key), slow_start)
        if instance.health is Health.HEALTHY
        else 1.0
        for instance in instances
    ]
    return zip(instances, weights(registered, shares), strict=True)


def _endpoint(instance: Instance, weight: int, known: Endpoint | None) -> Endpoint:
    confirmed = instance.override is Override.REMOVE and instance.health is Health.UNHEALTHY
    if (
        known is not None
        and known.confirmed is confirmed
        and known.weight == weight
        and known.hold is None
        and known.incarnation == instance.incarnation
        and known.health is instance.health
        and known.evidence is instance.evidence
    ):
        # All else is fixed for an incarnation. The same object tells the guard that it has
        # been looked at before.
        return known
    registration = instance.registration
    return Endpoint(
        instance=registration.key.instance,
        incarnation=instance.incarnation,
        addresses=registration.addresses,
        ports=registration.ports,
        priority=registration.priority,
        weight=weight,
        zone=registration.zone,
        metadata=registration.metadata,
        health=instance.health,
        evidence=instance.evidence,
        confirmed=confirmed,
    )


# _held
#
#   the incarnation   evidence so far  held with, always UNHEALTHY
#   ----------------  ---------------  ------------------------------------------------
#   gone              LEASE_EXPIRED    LEASE_EXPIRED
#   gone              any other        DEREGISTERED
#   still registered  of a failure     the same: it is to be validated anew
#   still registered  of a success     NONE
def _held(endpoint: Endpoint, *, gone: bool) -> Endpoint:
    evidence = endpoint.evidence
    if gone and evidence is not Evidence.LEASE_EXPIRED:
        evidence = Evidence.DEREGISTERED
    elif not gone and evidence in SUCCESSES:
        evidence = Evidence.NONE
    if endpoint.health is Health.UNHEALTHY and endpoint.evidence is evidence:
        return endpoint
    return replace(endpoint, health=Health.UNHEALTHY, evidence=evidence)
