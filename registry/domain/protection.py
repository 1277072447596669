"""Which endpoints of a name stay in its answers although they are not healthy (I8).

The planner says how things are; this compares it with what is published, asks the budgets
about each endpoint that would leave the answers, and marks the ones that have to stay.
Health is never touched: a mark stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import isfinite

from registry.domain.cell_plan import Entry
from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, Override
from registry.domain.names import Incarnation, InstanceId, InstanceKey
from registry.domain.plan import Endpoint, Hold, ServicePlan
from registry.domain.velocity import Grade, Reason, Ruling, Velocity, grade_of

Agrees = Callable[[InstanceKey, Incarnation, Evidence], bool]
"""Whether a second vantage point has the evidence on an endpoint too."""


def nobody_else(_: InstanceKey, __: Incarnation, ___: Evidence) -> bool:
    """There is one vantage point, or none is asked."""
    return False


def is_answered(endpoint: Endpoint) -> bool:
    """Whether it is in its name's answers, as far as its own cell is concerned."""
    return endpoint.health is Health.HEALTHY or endpoint.hold is not None


# protect
#
#   published  planned             owner, operator             what becomes of it
#   ---------  ------------------  --------------------------  -------------------------------
#   answered   HEALTHY             any                         as planned
#   answered   not, another uid    -                           as planned: it was replaced
#   answered   absent              deregistered                as planned
#   answered   not HEALTHY         draining, withdrawn;        as planned
#                                  or REMOVE
#   answered   not HEALTHY         KEEP                        marked KEPT
#   answered   not HEALTHY         none                        as the budgets rule: as planned, or
#                                                              marked with the reason
#   not so     any                 any                         as planned
#
# One that is absent was deregistered: what is held is not reaped.
def protect(
    planned: ServicePlan,
    published: ServicePlan | None,
    instances: Mapping[InstanceId, Instance],
    velocity: Velocity,
    *,
    now: float,
    unix_ms: int,
    agrees: Agrees = nobody_else,
) -> ServicePlan:
    """The plan with marks on the endpoints whose removal is held, and the budgets charged."""
    name = planned.key
    if planned.tombstone is not None:
        velocity.forget(name, now)
        return planned
    before = () if published is None else published.endpoints
    answered = {endpoint.instance: endpoint for endpoint in before if is_answered(endpoint)}
    healthy = {e.instance for e in planned.endpoints if e.health is Health.HEALTHY}
    if answered.keys() <= healthy and not velocity.has_granted:
        # The first row for all of them, which is nearly always so: nothing leaves.
        velocity.note(name, sum(map(is_answered, planned.endpoints)), now)
        return planned
    endpoints = {endpoint.instance: endpoint for endpoint in planned.endpoints}
    appeared = sum(is_answered(e) and e.instance not in answered for e in endpoints.values())
    velocity.note(name, len(answered) + appeared, now)
    minimum = 1 if planned.policy is None else planned.policy.failover.minimum_endpoints
    scale_to_zero = planned.policy is not None and planned.policy.scale_to_zero
    for instance, old in answered.items():
        new = endpoints.get(instance)
        if new is None or new.incarnation != old.incarnation:
            continue
        if new.health is Health.HEALTHY:
            if velocity.has_granted:
                velocity.well(InstanceKey(*name, instance), new.incarnation)
            continue
        key = InstanceKey(*name, instance)
        known = instances.get(instance)
        override = Override.NONE if known is None else known.override
        if override is Override.REMOVE:
            continue
        grade = _grade(key, old, new, agrees)
        if override is Override.KEEP and grade is not Grade.EXPLICIT:
            ruling = Ruling(Reason.KEPT)
        else:
            ruling = velocity.ask(key, old.incarnation, grade, 0 if scale_to_zero else minimum, now)
        if ruling.reason is not None:
            hold = _hold(old.hold, ruling, ruling.reason, now, unix_ms)
            endpoints[instance] = replace(new, hold=hold)
    marked = tuple(endpoints.values())
    velocity.note(name, sum(map(is_answered, marked)), now)
    return planned if marked == planned.endpoints else replace(planned, endpoints=marked)


def take_stock(entries: Iterable[Entry], velocity: Velocity, now: float) -> None:
    """Have the budgets know what is in a whole cell's answers, and of no other names."""
    levels = {
        entry.plan.key: sum(map(is_answered, entry.plan.endpoints))
        for entry in entries
        if entry.plan is not None
    }
    for name, level in levels.items():
        velocity.note(name, level, now)
    for name in velocity.names - levels.keys():
        velocity.forget(name, now)


def _grade(key: InstanceKey, old: Endpoint, new: Endpoint, agrees: Agrees) -> Grade:
    if new.health is Health.DRAINING:
        return Grade.EXPLICIT
    agreed = agrees(key, new.incarnation, new.evidence)
    return grade_of(new.evidence, old.evidence, agreed=agreed)


# _hold
#
#   held before         its release time  the hold now
#   ------------------  ----------------  -------------------------------------------
#   no                  -                 since now, release as the ruling says
#   yes, other reason   any               since then, reason and release as the ruling says
#   yes, same reason    still to come     as it was: not every look at it is news
#   yes, same reason    over, or none     since then, release as the ruling says
def _hold(before: Hold | None, ruling: Ruling, reason: Reason, now: float, unix_ms: int) -> Hold:
    release_ms = 0
    if isfinite(ruling.release_seconds) and ruling.release_seconds > now:
        release_ms = unix_ms + round((ruling.release_seconds - now) * 1000)
    if before is None:
        return Hold(reason, unix_ms, release_ms)
    if before.reason is reason and (before.release_time_ms > unix_ms or not release_ms):
        return before
    return Hold(reason, before.hold_time_ms, release_ms)
