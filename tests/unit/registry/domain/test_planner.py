"""What a cell publishes of a service."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import (
    POLICY,
    SCALE_TO_ZERO,
    endpoint,
    entry,
    instance,
    plan,
    service,
    tombstoned,
)

from registry.domain.cell_plan import Totals
from registry.domain.diversion import Span
from registry.domain.guard import Limits, judge
from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, Override
from registry.domain.names import CellName, Incarnation, Revision
from registry.domain.plan import Endpoint, ServicePlan, StagedChange, Tombstone
from registry.domain.planner import is_servable, last_known, plan_missing, plan_service
from registry.domain.service import HealthPolicy, ServicePolicy, StagedPolicy, StageState

NOW = Revision(9)
EU = CellName("eu")
UNKNOWN = instance("i1", Health.UNKNOWN, Evidence.NONE)
HEALTHY = instance("i1")
EXPIRED = instance("i1", Health.UNHEALTHY, Evidence.LEASE_EXPIRED)
GONE = endpoint("i1", Health.UNHEALTHY, Evidence.DEREGISTERED)


def test_all_instances_are_published_with_their_true_health_in_order_of_id() -> None:
    planned = plan_service(
        service(POLICY),
        [
            instance("i3", Health.DRAINING, Evidence.DEREGISTERED),
            instance("i1", Health.UNKNOWN, Evidence.NONE),
            instance("i10", Health.UNHEALTHY, Evidence.REFUSED),
            instance("i2"),
        ],
        None,
        NOW,
    )
    assert [(e.instance, e.health, e.evidence) for e in planned.endpoints] == [
        ("i1", Health.UNKNOWN, Evidence.NONE),
        ("i10", Health.UNHEALTHY, Evidence.REFUSED),
        ("i2", Health.HEALTHY, Evidence.VALIDATED),
        ("i3", Health.DRAINING, Evidence.DEREGISTERED),
    ]
    assert (planned.policy, planned.held, planned.tombstone) == (POLICY, False, None)
    assert planned.revision == NOW


# instances now, previous endpoints, scale_to_zero -> endpoints, held
ROWS: list[tuple[list[Instance], list[Endpoint] | None, bool, list[Endpoint], bool]] = [
    ([HEALTHY], None, False, [endpoint("i1")], False),
    ([], None, False, [], False),
    ([UNKNOWN], None, False, [endpoint("i1", Health.UNKNOWN, Evidence.NONE)], False),
    ([], [], False, [], False),
    ([], [endpoint("i1", Health.UNKNOWN, Evidence.NONE)], False, [], False),
    ([], [endpoint("i1")], False, [GONE], True),
    ([], [endpoint("i1")], True, [], False),
    ([], [GONE], False, [GONE], True),
    ([], [endpoint("i1", Health.UNHEALTHY, Evidence.TIMEOUT)], False, [GONE], True),
    ([], [GONE], True, [], False),
    (
        [],
        [endpoint("i1", Health.UNHEALTHY, Evidence.LEASE_EXPIRED)],
        False,
        [endpoint("i1", Health.UNHEALTHY, Evidence.LEASE_EXPIRED)],
        True,
    ),
    ([], [endpoint("i1", Health.DRAINING, Evidence.DEREGISTERED)], False, [GONE], True),
    (
        [instance("i2", Health.UNKNOWN, Evidence.NONE)],
        [endpoint("i1"), endpoint("i3", Health.UNKNOWN, Evidence.NONE)],
        False,
        [GONE, endpoint("i2", Health.UNKNOWN, Evidence.NONE)],
        True,
    ),
    ([instance("i2")], [GONE], False, [endpoint("i2")], False),
    (
        [instance("i2", Health.UNHEALTHY, Evidence.TIMEOUT)],
        [endpoint("i1")],
        False,
        [endpoint("i2", Health.UNHEALTHY, Evidence.TIMEOUT)],
        False,
    ),
    # The only instance comes back under its id: it waits outside until it is validated.
    (
        [instance("i1", Health.UNKNOWN, Evidence.NONE, uid="new")],
        [endpoint("i1")],
        False,
        [GONE],
        True,
    ),
    # The same incarnation is to be validated anew: the reason it was unwell stays true.
    (
        [UNKNOWN],
        [endpoint("i1", Health.UNHEALTHY, Evidence.NOT_SERVING)],
        False,
        [endpoint("i1", Health.UNHEALTHY, Evidence.NOT_SERVING)],
        True,
    ),
    (
        [UNKNOWN],
        [endpoint("i1")],
        False,
        [endpoint("i1", Health.UNHEALTHY, Evidence.NONE)],
        True,
    ),
]


@pytest.mark.parametrize(("now", "before", "scale_to_zero", "after", "held"), ROWS)
def test_the_last_servable_set_is_held_as_its_row_says(
    now: list[Instance],
    before: list[Endpoint] | None,
    scale_to_zero: bool,
    after: list[Endpoint],
    held: bool,
) -> None:
    policy = SCALE_TO_ZERO if scale_to_zero else None
    previous = None if before is None else plan(*before)
    planned = plan_service(service(policy), now, previous, NOW)
    assert list(planned.endpoints) == after
    assert planned.held is held


def test_a_deleted_service_has_a_tombstone_and_nothing_else() -> None:
    planned = plan_service(service(POLICY, tombstone=5), [HEALTHY], plan(endpoint()), NOW)
    assert planned.tombstone == Tombstone(5, Revision(7))
    assert (planned.endpoints, planned.policy, planned.held) == ((), None, False)


def test_a_service_made_again_begins_with_nothing_held() -> None:
    planned = plan_service(service(), [UNKNOWN], tombstoned(), NOW)
    assert planned.tombstone is None
    assert not any(map(is_servable, planned.endpoints))


def test_an_entry_that_stays_the_same_is_the_same_object_with_its_old_revision() -> None:
    previous = plan_service(service(), [HEALTHY, instance("i2")], None, Revision(3))
    assert plan_service(service(), [instance("i2"), HEALTHY], previous, NOW) is previous
    changed = plan_service(service(POLICY), [instance("i2"), HEALTHY], previous, NOW)
    assert changed.revision == NOW
    assert changed.endpoints[0] is previous.endpoints[0]


@pytest.mark.parametrize(
    ("published", "planned"),
    [
        pytest.param(plan(endpoint()), plan(endpoint()), id="what lives is planned as it was"),
        pytest.param(plan(), plan(), id="without endpoints too"),
        pytest.param(tombstoned(), None, id="the time of what was deleted is over"),
    ],
)
def test_a_missing_row_is_no_deletion(published: ServicePlan, planned: ServicePlan | None) -> None:
    assert plan_missing(published) == planned


@pytest.mark.parametrize(
    "published",
    [
        plan(endpoint()),
        replace(plan(endpoint(), policy=POLICY), staged=StagedChange("u", SCALE_TO_ZERO)),
        replace(plan(endpoint(), policy=SCALE_TO_ZERO), diversion=Span(1, 2)),
    ],
)
def test_without_its_row_a_service_goes_on_as_it_was_published(published: ServicePlan) -> None:
    """Its instances come and go, under the policy, the trial and the diversion that are out."""
    known = last_known(published.key, published, EU)
    assert plan_service(known, [HEALTHY], published, NOW, cell=EU) is published
    grown = plan_service(known, [HEALTHY, instance("i2")], published, NOW, cell=EU)
    assert [each.instance for each in grown.endpoints] == ["i1", "i2"]
    assert replace(grown, endpoints=published.endpoints, revision=published.revision) == published


@pytest.mark.parametrize("published", [None, tombstoned()])
def test_what_was_never_published_or_is_over_begins_without_a_policy(
    published: ServicePlan | None,
) -> None:
    known = last_known(service().key, published, EU)
    assert plan_service(known, [HEALTHY], published, NOW, cell=EU) == replace(
        plan(endpoint()), revision=NOW
    )


STANDINGS = [
    (Health.UNKNOWN, Evidence.NONE),
    (Health.HEALTHY, Evidence.VALIDATED),
    (Health.UNHEALTHY, Evidence.TIMEOUT),
    (Health.UNHEALTHY, Evidence.LEASE_EXPIRED),
    (Health.DRAINING, Evidence.DEREGISTERED),
]


def test_over_all_small_cases_planning_twice_changes_nothing_and_never_empties_a_name() -> None:
    choices: list[tuple[Health, Evidence] | None] = [None, *STANDINGS]
    for one, two, was_one, was_two, policy in product(
        choices, choices, choices, choices, (None, SCALE_TO_ZERO)
    ):
        now = [instance(n, *s) for n, s in (("i1", one), ("i2", two)) if s is not None]
        was = [endpoint(n, *s) for n, s in (("i1", was_one), ("i2", was_two)) if s is not None]
        previous = plan(*was)
        planned = plan_service(service(policy), now, previous, NOW)
        names = [e.instance for e in planned.endpoints]
        assert names == sorted(set(names))
        assert plan_service(service(policy), now, planned, Revision(10)) is planned
        if policy is None and any(map(is_servable, was)):
            assert any(map(is_servable, planned.endpoints)), (one, two, was_one, was_two)
        assert {e.incarnation for e in planned.endpoints if e.health is Health.HEALTHY} == {
            i.incarnation for i in now if i.health is Health.HEALTHY
        }


NAMES = st.sampled_from(["i1", "i2", "i3"])
EVENTS = st.one_of(
    st.tuples(st.just("put"), NAMES, st.sampled_from(STANDINGS), st.sampled_from("ab")),
    st.tuples(st.just("gone"), NAMES),
    st.tuples(st.just("policy"), st.sampled_from([None, POLICY, SCALE_TO_ZERO])),
    st.tuples(st.just("delete")),
    st.tuples(st.just("make")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_over_random_histories_only_explicit_intent_empties_a_name(
    history: list[tuple[object, ...]],
) -> None:
    instances: dict[str, Instance] = {}
    policy: ServicePolicy | None = None
    tombstone: int | None = None
    planned: ServicePlan | None = None
    for event in history:
        match event:
            case "put", str(name), (Health() as health, Evidence() as evidence), str(uid):
                instances[name] = replace(
                    instance(name, health, evidence), incarnation=Incarnation(name + uid)
                )
            case "gone", str(name):
                instances.pop(name, None)
            case "policy", new:
                assert new is None or isinstance(new, ServicePolicy)
                policy = new
            case ("delete",):
                tombstone = 5
                instances.clear()
            case ("make",):
                tombstone = None
        if instances:
            tombstone = None
        before = planned
        planned = plan_service(
            service(policy, tombstone=tombstone), instances.values(), before, NOW
        )
        servable = any(map(is_servable, planned.endpoints))
        was_servable = before is not None and any(map(is_servable, before.endpoints))
        if was_servable and not servable:
            assert tombstone is not None or policy is SCALE_TO_ZERO, "I7"
        assert planned.held <= servable
        # What the planner says, the guard lets pass.
        key = planned.key.entry
        current = {} if before is None else {key: entry(before)}
        judgement = judge(current, Totals(), {key: entry(planned)}, Limits())
        assert not judgement.refused


def test_one_that_has_just_come_up_has_a_growing_part_of_its_weight() -> None:
    slow = ServicePolicy(health=HealthPolicy(slow_start_seconds=100.0))
    ill = instance("i3", Health.UNHEALTHY, Evidence.REFUSED)
    before = None
    for seconds, weights in ((5.0, [10, 100, 100]), (9.0, [10, 100, 100]), (55.0, [60, 100, 100])):
        up_for = {"i1": seconds, "i2": 1e6, "i3": 0.0}
        planned = plan_service(
            service(slow),
            [HEALTHY, instance("i2"), ill],
            before,
            NOW,
            lambda key, up_for=up_for: up_for[key.instance],  # type: ignore[misc]  # bound now
        )
        assert [endpoint.weight for endpoint in planned.endpoints] == weights
        assert (planned is before) == (seconds == 9.0)
        before = planned
    planned = plan_service(service(slow), [HEALTHY, instance("i2")], before, NOW)
    assert [endpoint.weight for endpoint in planned.endpoints] == [1, 1]


def test_what_bakes_is_published_beside_the_policy_in_force() -> None:
    """Endpoints follow the policy in force: the last set is held, whatever is staged (I7)."""
    staging = replace(service(POLICY), staged=StagedPolicy("t1", SCALE_TO_ZERO, 5))
    planned = plan_service(staging, [], plan(endpoint()), NOW)
    assert (planned.policy, planned.staged) == (POLICY, StagedChange("t1", SCALE_TO_ZERO))
    assert [each.instance for each in planned.endpoints] == ["i1"]
    assert planned.held
    assert plan_service(staging, [], planned, Revision(10)) is planned


def test_what_was_rolled_back_is_published_no_more() -> None:
    ended = StagedPolicy("t1", SCALE_TO_ZERO, 5, StageState.ROLLED_BACK, "it failed")
    planned = plan_service(replace(service(POLICY), staged=ended), [HEALTHY], None, NOW)
    assert planned.staged is None


@pytest.mark.parametrize(
    ("slow_start_seconds", "weights"),
    [
        pytest.param(None, [1, 1], id="a service without a policy has no slow start"),
        pytest.param(0.0, [1, 1], id="one of no seconds is none"),
        pytest.param(1.0, [60, 100], id="one of a second lasts a second"),
    ],
)
def test_a_weight_is_as_registered_unless_a_slow_start_is_asked_for(
    slow_start_seconds: float | None, weights: list[int]
) -> None:
    policy = None
    if slow_start_seconds is not None:
        policy = ServicePolicy(health=HealthPolicy(slow_start_seconds=slow_start_seconds))
    planned = plan_service(
        service(policy),
        [HEALTHY, instance("i2")],
        None,
        NOW,
        lambda key: 0.5 if key.instance == "i1" else 60.0,
    )
    assert [each.weight for each in planned.endpoints] == weights


@pytest.mark.parametrize(
    ("override", "health", "confirmed"),
    [
        pytest.param(Override.REMOVE, Health.UNHEALTHY, True, id="an ill one that may go"),
        pytest.param(Override.REMOVE, Health.HEALTHY, False, id="one that may go, and is well"),
        pytest.param(Override.NONE, Health.UNHEALTHY, False, id="an ill one of which none spoke"),
        pytest.param(Override.KEEP, Health.UNHEALTHY, False, id="an ill one that is to stay"),
    ],
)
def test_a_removal_is_confirmed_of_what_is_ill_and_may_go(
    override: Override, health: Health, confirmed: bool
) -> None:
    """Frontends let a confirmed one go without looking at their own budgets."""
    (planned,) = plan_service(
        service(), [instance("i1", health, override=override)], None, NOW
    ).endpoints
    assert planned.confirmed is confirmed


def test_what_is_held_stays_the_same_object_from_plan_to_plan() -> None:
    """That tells the guard that it has been looked at before."""
    held = plan_service(service(), [], plan(endpoint()), NOW)
    again = plan_service(service(POLICY), [], held, Revision(10))
    assert again.revision == Revision(10)
    assert again.endpoints[0] is held.endpoints[0]
