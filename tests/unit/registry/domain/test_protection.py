"""Which endpoints stay in the answers although they are not healthy: every row (I8)."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from plan_samples import endpoint, entry, instance, plan, tombstoned

from registry.domain.cell_plan import Entry
from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, Override
from registry.domain.names import InstanceKey
from registry.domain.plan import Endpoint, Hold, ServicePlan
from registry.domain.protection import _hold, protect, take_stock
from registry.domain.service import FailoverPolicy, ServicePolicy
from registry.domain.velocity import Reason, Ruling, Velocity, VelocityLimits

SHUT = VelocityLimits(name_share=0.0, name_least=0, cell_share=0.0, cell_least=0)
"""Grants nothing that is not explicit."""
UP = endpoint("i1")
DOWN = {"health": Health.UNHEALTHY, "evidence": Evidence.TIMEOUT}
ILL = replace(UP, **DOWN)  # type: ignore[arg-type]  # by their names
KEPT_SILENT = replace(ILL, hold=Hold(Reason.NAME_BUDGET, 1, 0))
REST = tuple(endpoint(f"j{number}") for number in range(9))


def protected(
    planned: list[Endpoint],
    published: list[Endpoint],
    known: Instance | None = None,
    velocity: Velocity | None = None,
    now: float = 100.0,
) -> dict[str, Hold | None]:
    after = protect(
        plan(*planned, *REST),
        plan(*published, *REST),
        {} if known is None else {known.key.instance: known},
        velocity or Velocity(SHUT),
        now=now,
        unix_ms=5_000,
    )
    return {each.instance: each.hold for each in after.endpoints if each.instance[0] == "i"}


HELD = Hold(Reason.NAME_BUDGET, 5_000, 0)
CELL = Hold(Reason.CELL_BUDGET, 5_000, 0)
ROWS: list[tuple[str, list[Endpoint], list[Endpoint], Override, dict[str, Hold | None]]] = [
    ("well", [UP], [UP], Override.NONE, {"i1": None}),
    ("well again", [UP], [KEPT_SILENT], Override.NONE, {"i1": None}),
    ("silent", [ILL], [UP], Override.NONE, {"i1": HELD}),
    ("refused", [replace(ILL, evidence=Evidence.REFUSED)], [UP], Override.NONE, {"i1": CELL}),
    ("withdrawn", [replace(ILL, evidence=Evidence.WITHDRAWN)], [UP], Override.NONE, {"i1": None}),
    (
        "draining",
        [replace(UP, health=Health.DRAINING, evidence=Evidence.DEREGISTERED)],
        [UP],
        Override.NONE,
        {"i1": None},
    ),
    ("replaced", [replace(ILL, incarnation="other")], [UP], Override.NONE, {"i1": None}),
    ("deregistered", [], [UP], Override.NONE, {}),
    ("deregistered while held", [], [KEPT_SILENT], Override.NONE, {}),
    ("confirmed", [ILL], [UP], Override.REMOVE, {"i1": None}),
    ("kept", [ILL], [UP], Override.KEEP, {"i1": Hold(Reason.KEPT, 5_000, 0)}),
    (
        "kept, and withdrawn",
        [replace(ILL, evidence=Evidence.WITHDRAWN)],
        [UP],
        Override.KEEP,
        {"i1": None},
    ),
    ("not answered before", [ILL], [ILL], Override.NONE, {"i1": None}),
    ("new", [ILL], [], Override.NONE, {"i1": None}),
]


@pytest.mark.parametrize(
    ("planned", "published", "override", "held"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_every_row_of_what_becomes_of_an_endpoint(
    planned: list[Endpoint],
    published: list[Endpoint],
    override: Override,
    held: dict[str, Hold | None],
) -> None:
    known = replace(instance("i1"), override=override)
    assert protected(planned, published, known) == held


@pytest.mark.parametrize(
    ("evidence", "hold"),
    [(Evidence.REFUSED, None), (Evidence.TIMEOUT, HELD), (Evidence.LEASE_EXPIRED, HELD)],
)
def test_a_second_vantage_point_lifts_the_cells_budget_for_strong_evidence_alone(
    evidence: Evidence, hold: Hold | None
) -> None:
    asked: list[tuple[InstanceKey, str, Evidence]] = []

    def agrees(key: InstanceKey, incarnation: str, found: Evidence) -> bool:
        asked.append((key, incarnation, found))
        return True

    ill = replace(ILL, evidence=evidence)
    after = protect(
        plan(ill), plan(UP), {}, Velocity(SHUT), now=100.0, unix_ms=5_000, agrees=agrees
    )
    assert [each.hold for each in after.endpoints] == [hold]
    assert asked == [(InstanceKey(*plan().key, ill.instance), ill.incarnation, evidence)]


def test_health_and_evidence_stay_what_they_are() -> None:
    after = protect(plan(ILL), plan(UP), {}, Velocity(SHUT), now=0.0, unix_ms=1)
    (only,) = after.endpoints
    assert (only.health, only.evidence) == (Health.UNHEALTHY, Evidence.TIMEOUT)


def test_a_tombstone_is_never_protected() -> None:
    after = protect(tombstoned(), plan(UP), {}, Velocity(SHUT), now=0.0, unix_ms=1)
    assert after.endpoints == ()


def many(evidence: Evidence, ill: int, of: int = 10) -> ServicePlan:
    return plan(
        *(
            replace(endpoint(f"i{n:02}"), health=Health.UNHEALTHY, evidence=evidence)
            if n < ill
            else endpoint(f"i{n:02}")
            for n in range(of)
        )
    )


def gone(after: ServicePlan) -> int:
    return sum(each.health is Health.UNHEALTHY and each.hold is None for each in after.endpoints)


def test_of_a_name_that_falls_silent_as_a_whole_half_stays() -> None:
    velocity, now, before = Velocity(), 0.0, many(Evidence.TIMEOUT, 0)
    seen = []
    for _ in range(60):
        before = protect(
            many(Evidence.TIMEOUT, 10), before, {}, velocity, now=now, unix_ms=int(now * 1000)
        )
        seen.append(gone(before))
        now += 10.0
    assert seen[:7] == [1, 1, 1, 2, 2, 2, 3]
    assert seen[-1] == 5
    reasons = {each.hold.reason for each in before.endpoints if each.hold is not None}
    assert reasons == {Reason.NAME_FLOOR}


def test_what_refuses_leaves_at_once() -> None:
    after = protect(
        many(Evidence.REFUSED, 9), many(Evidence.REFUSED, 0), {}, Velocity(), now=0.0, unix_ms=0
    )
    assert gone(after) == 9


def test_two_kinds_of_silence_are_strong_evidence() -> None:
    velocity = Velocity()
    before = protect(
        many(Evidence.TIMEOUT, 8), many(Evidence.TIMEOUT, 0), {}, velocity, now=0.0, unix_ms=0
    )
    assert gone(before) == 1
    after = protect(many(Evidence.LEASE_EXPIRED, 8), before, {}, velocity, now=5.0, unix_ms=5_000)
    assert gone(after) == 8


@pytest.mark.parametrize(
    ("before", "release_seconds", "after"),
    [
        (None, 130.0, Hold(Reason.NAME_BUDGET, 5_000, 35_000)),
        (None, inf, Hold(Reason.NAME_BUDGET, 5_000, 0)),
        (Hold(Reason.CELL_BUDGET, 7, 9_000), 130.0, Hold(Reason.NAME_BUDGET, 7, 35_000)),
        (Hold(Reason.NAME_BUDGET, 7, 9_000), 130.0, Hold(Reason.NAME_BUDGET, 7, 9_000)),
        (Hold(Reason.NAME_BUDGET, 7, 4_000), 130.0, Hold(Reason.NAME_BUDGET, 7, 35_000)),
        (Hold(Reason.NAME_BUDGET, 7, 0), inf, Hold(Reason.NAME_BUDGET, 7, 0)),
        (Hold(Reason.NAME_BUDGET, 7, 0), 130.0, Hold(Reason.NAME_BUDGET, 7, 35_000)),
        (None, 99.0, Hold(Reason.NAME_BUDGET, 5_000, 0)),
        (None, 100.0, Hold(Reason.NAME_BUDGET, 5_000, 0)),
        (Hold(Reason.NAME_BUDGET, 7, 5_000), 130.0, Hold(Reason.NAME_BUDGET, 7, 35_000)),
    ],
)
def test_a_hold_tells_since_when_and_until_when(
    before: Hold | None, release_seconds: float, after: Hold
) -> None:
    ruling = Ruling(Reason.NAME_BUDGET, release_seconds)
    assert _hold(before, ruling, Reason.NAME_BUDGET, 100.0, 5_000) == after


def held_with(policy: ServicePolicy | None, velocity: Velocity, of: int, published: int) -> bool:
    """Whether the first of `of` endpoints is held, which falls silent; so many were published."""
    after = protect(
        replace(many(Evidence.TIMEOUT, 1, of), policy=policy),
        many(Evidence.TIMEOUT, 0, published),
        {},
        velocity,
        now=0.0,
        unix_ms=1,
    )
    return after.endpoints[0].hold is not None


def test_who_comes_with_the_same_plan_counts_for_the_floor() -> None:
    assert held_with(None, Velocity(), 1, 1)
    assert not held_with(None, Velocity(), 10, 1)


def test_a_name_without_a_policy_may_lose_all_but_one() -> None:
    assert not held_with(None, Velocity(), 2, 2)


def test_the_minimum_is_the_policys_and_none_where_the_name_may_be_empty() -> None:
    ten = ServicePolicy(failover=FailoverPolicy(minimum_endpoints=10))
    assert held_with(ten, Velocity(), 10, 10)
    assert not held_with(replace(ten, scale_to_zero=True), Velocity(), 10, 10)
    no_floor = VelocityLimits(floor_share=0.0)
    assert not held_with(ServicePolicy(scale_to_zero=True), Velocity(no_floor), 1, 1)
    assert held_with(ServicePolicy(), Velocity(no_floor), 1, 1)


def test_one_that_was_well_again_is_charged_anew() -> None:
    velocity = Velocity()
    well, ill = many(Evidence.TIMEOUT, 0), many(Evidence.TIMEOUT, 1)
    held = []
    for planned, published in ((ill, well), (ill, ill), (well, ill), (well, well), (ill, well)):
        after = protect(planned, published, {}, velocity, now=1.0, unix_ms=1)
        held.append(after.endpoints[0].hold is not None)
    assert held == [False, False, False, False, True], "the budget is used up"


def test_a_new_leader_counts_what_is_in_the_answers_held_or_not() -> None:
    velocity = Velocity()
    silent = many(Evidence.TIMEOUT, 4)
    take_stock([entry(plan(KEPT_SILENT, ILL, UP)), Entry(None, b"?")], velocity, 0.0)
    assert "2 in answers" in repr(velocity)
    take_stock([entry(silent)], velocity, 1.0)
    assert "6 in answers" in repr(velocity)
