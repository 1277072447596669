"""What the registry refuses to publish."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import (
    CART,
    POLICY,
    SCALE_TO_ZERO,
    endpoint,
    entry,
    named,
    plan,
    tombstoned,
)

from registry.domain.cell_plan import Entry, Totals
from registry.domain.guard import Limits, Rule, fault_of, judge
from registry.domain.health import Evidence, Health
from registry.domain.instance import Port
from registry.domain.names import InstanceId, NamespaceId, RegionName, ServiceId, ServiceKey
from registry.domain.plan import ServicePlan, StagedChange
from registry.domain.service import AllDown, FailoverPolicy, ServicePolicy
from registry.domain.zone import ZoneSettings

KEY = CART.entry
UNKNOWN = endpoint("i2", Health.UNKNOWN, Evidence.NONE)


def totals(current: dict[str, Entry]) -> Totals:
    sums = Totals()
    for one in current.values():
        sums = sums.after(None, one)
    return sums


def rule_of(before: Entry | None, after: Entry | None, limits: Limits | None = None) -> Rule | None:
    current = {} if before is None else {KEY: before}
    judgement = judge(current, totals(current), {KEY: after}, limits or Limits())
    if KEY in judgement.accepted:
        assert judgement.accepted[KEY] is after
        return None
    return judgement.refused[KEY].rule


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (None, plan(), None),
        (None, plan(endpoint()), None),
        (plan(endpoint()), plan(endpoint("i2")), None),
        (plan(endpoint()), plan(), Rule.EMPTIED),
        (plan(endpoint()), plan(UNKNOWN), Rule.EMPTIED),
        (plan(endpoint()), plan(policy=SCALE_TO_ZERO), None),
        (plan(endpoint()), plan(policy=POLICY), Rule.EMPTIED),
        (plan(endpoint()), tombstoned(), None),
        (plan(UNKNOWN), plan(), None),
        (plan(endpoint()), None, Rule.EMPTIED),
        (plan(), None, Rule.EMPTIED),
        (tombstoned(), None, None),
        (None, None, None),
        (tombstoned(), plan(), None),
    ],
)
def test_a_name_loses_its_last_servable_endpoint_only_by_explicit_intent(
    before: ServicePlan | None, after: ServicePlan | None, rule: Rule | None
) -> None:
    assert rule_of(before and entry(before), after and entry(after)) is rule


def test_an_entry_that_was_not_understood_is_never_removed_but_may_be_replaced() -> None:
    unread = Entry(None, b"garbage")
    assert rule_of(unread, None) is Rule.EMPTIED
    assert rule_of(unread, entry(plan(endpoint()))) is None
    assert rule_of(None, unread) is Rule.MALFORMED


BAD_ENDPOINTS = [
    endpoint("I1"),
    endpoint(""),
    endpoint("i" * 64),
    endpoint("i-"),
    endpoint("i.1"),
    endpoint(addresses=()),
    endpoint(addresses=("10.0.0.256",)),
    endpoint(addresses=("example.org",)),
    endpoint(addresses=("10.0.0.1", "0.0.0.0")),
    endpoint(addresses=("::",)),
    endpoint(addresses=("224.0.0.1",)),
    endpoint(addresses=("ff02::1",)),
    endpoint(addresses=("fe80::1%eth0",)),
    endpoint(ports=(Port("main", 0),)),
    endpoint(ports=(Port("main", 65536),)),
    endpoint(ports=(Port("", 80),)),
    endpoint(ports=(Port("a_b", 80),)),
    endpoint(ports=(Port("a", 80), Port("a", 81))),
    endpoint(priority=-1),
    endpoint(priority=65536),
    endpoint(weight=0),
    endpoint(weight=65536),
]
BAD_POLICIES = [
    replace(POLICY, record_ttl_seconds=0),
    replace(POLICY, record_ttl_seconds=4),
    replace(POLICY, record_ttl_seconds=61),
    replace(POLICY, failover=FailoverPolicy(enter_threshold=0.0)),
    replace(POLICY, failover=FailoverPolicy(enter_threshold=math.nan)),
    replace(POLICY, failover=FailoverPolicy(exit_threshold=math.nan)),
    replace(POLICY, failover=FailoverPolicy(enter_threshold=0.8, exit_threshold=0.7)),
    replace(POLICY, failover=FailoverPolicy(exit_threshold=1.1)),
    replace(POLICY, failover=FailoverPolicy(exit_hold_seconds=math.inf)),
    replace(POLICY, failover=FailoverPolicy(exit_hold_seconds=-1.0)),
    replace(POLICY, failover=FailoverPolicy(enter_hold_seconds=math.inf)),
    replace(POLICY, failover=FailoverPolicy(enter_hold_seconds=-1.0)),
    replace(POLICY, failover=FailoverPolicy(overprovisioning=0.9)),
    replace(POLICY, failover=FailoverPolicy(overprovisioning=10.1)),
    replace(POLICY, failover=FailoverPolicy(all_down=AllDown.STATIC)),
    replace(POLICY, failover=FailoverPolicy(static_addresses=("192.0.2.1",))),
    replace(POLICY, failover=FailoverPolicy(minimum_endpoints=0)),
    replace(POLICY, zone=ZoneSettings(negative_ttl_seconds=0)),
    replace(POLICY, failover=FailoverPolicy(region_order=(RegionName("US"),))),
]
BAD_PLANS = [
    *(plan(bad) for bad in BAD_ENDPOINTS),
    *(plan(policy=bad) for bad in BAD_POLICIES),
    plan(endpoint("i2"), endpoint("i1")),
    plan(endpoint("i1"), endpoint("i1", incarnation="another")),
    replace(tombstoned(), endpoints=(endpoint(),)),
    plan(key=ServiceKey(NamespaceId("shop"), ServiceId("other"))),
]


@pytest.mark.parametrize("bad", BAD_PLANS)
def test_an_entry_that_makes_no_sense_is_malformed(bad: ServicePlan) -> None:
    assert fault_of(KEY, bad)
    assert rule_of(entry(plan(endpoint("i9"))), entry(bad)) is Rule.MALFORMED


def test_a_key_that_is_no_pair_of_labels_is_malformed() -> None:
    key = ServiceKey(NamespaceId("shop"), ServiceId("a.b"))
    assert "labels" in fault_of("shop/a.b", plan(key=key))


@pytest.mark.parametrize(
    "good",
    [
        plan(),
        plan(endpoint(ports=()), policy=POLICY),
        plan(endpoint("i1"), endpoint("i2", addresses=("::1",), priority=65535, weight=65535)),
        plan(endpoint(ports=(Port("a", 1), Port("b", 65535)))),
        plan(policy=replace(POLICY, record_ttl_seconds=5)),
        plan(policy=replace(POLICY, record_ttl_seconds=60)),
        plan(policy=ServicePolicy(failover=FailoverPolicy((), 1.0, 1.0, overprovisioning=1.0))),
        plan(policy=ServicePolicy(failover=FailoverPolicy(overprovisioning=10.0))),
        plan(policy=ServicePolicy(zone=ZoneSettings(negative_ttl_seconds=1))),
        tombstoned(),
    ],
)
def test_a_sensible_entry_has_no_fault(good: ServicePlan) -> None:
    assert fault_of(KEY, good) == ""


def test_endpoints_that_were_looked_at_before_are_not_looked_at_again() -> None:
    bad = endpoint(weight=0)
    assert fault_of(KEY, plan(bad), plan(bad)) == ""
    assert fault_of(KEY, plan(replace(bad)), plan(bad)) != ""


def test_limits_of_an_entry_and_of_the_cell() -> None:
    limits = Limits(
        entry_octets=100, endpoints_per_service=2, services=3, octets=249, step_octets=10**6
    )
    assert rule_of(None, entry(plan(), 100), limits) is None
    assert rule_of(None, entry(plan(), 101), limits) is Rule.LIMIT
    assert rule_of(None, entry(plan(endpoint("i1"), endpoint("i2"))), limits) is None
    three = plan(*(endpoint(f"i{number}") for number in range(3)))
    assert rule_of(None, entry(three), limits) is Rule.LIMIT

    full = {named(n).key.entry: entry(named(n), 50) for n in range(3)}
    judgement = judge(
        full,
        totals(full),
        {
            "shop/s9": entry(named(9), 10),
            "shop/s0": entry(named(0), 100),
            "shop/s1": entry(named(1), 100),
            "shop/s2": entry(named(2), 40),
        },
        limits,
    )
    # No room for a fourth service, nor for so many octets; but what is there may change.
    assert {key: finding.rule for key, finding in judgement.refused.items()} == {
        "shop/s9": Rule.LIMIT,
        "shop/s1": Rule.LIMIT,
    }
    assert list(judgement.accepted) == ["shop/s0", "shop/s2"]


def grow(before: int, proposed: int, limits: Limits) -> tuple[int, int]:
    current = {named(n).key.entry: entry(named(n, plan(endpoint())), 1) for n in range(before)}
    more = {
        named(n).key.entry: entry(named(n, plan(endpoint())), 1)
        for n in range(before, before + proposed)
    }
    judgement = judge(current, totals(current), more, limits)
    assert not judgement.refused
    assert {finding.rule for finding in judgement.postponed.values()} <= {Rule.GROWTH}
    assert list(judgement.accepted) + list(judgement.postponed) == list(more)
    return len(judgement.accepted), len(judgement.postponed)


def test_a_cell_grows_at_will_up_to_a_floor_and_then_at_most_doubles_in_a_step() -> None:
    limits = Limits(endpoints_per_service=10, growth_floor_services=10, growth_floor_endpoints=1000)
    assert grow(0, 10, limits) == (10, 0)
    assert grow(0, 25, limits) == (10, 15)
    assert grow(4, 25, limits) == (6, 19)
    assert grow(20, 25, limits) == (20, 5)
    by_endpoints = Limits(
        endpoints_per_service=10, growth_floor_services=1000, growth_floor_endpoints=10
    )
    assert grow(0, 25, by_endpoints) == (10, 15)
    assert grow(20, 25, by_endpoints) == (20, 5)


def test_deletions_beyond_a_share_of_the_cell_wait_for_the_next_step() -> None:
    limits = Limits(loss_floor_services=2)
    current = {named(n).key.entry: entry(named(n)) for n in range(10)}
    deleted = {key: entry(named(n, tombstoned())) for n, key in enumerate(current)}
    judgement = judge(current, totals(current), deleted, limits)
    assert len(judgement.accepted) == 5
    assert {finding.rule for finding in judgement.postponed.values()} == {Rule.LOSS}


def test_a_step_has_a_bounded_size_but_one_entry_at_least() -> None:
    limits = Limits(step_octets=250)
    many = {named(n).key.entry: entry(named(n), 100) for n in range(5)}
    judgement = judge({}, Totals(), many, limits)
    assert list(judgement.accepted) == ["shop/s0", "shop/s1"]
    assert {finding.rule for finding in judgement.postponed.values()} == {Rule.SIZE}
    assert list(judge({}, Totals(), {KEY: entry(plan(), 999)}, limits).accepted) == [KEY]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(BAD_PLANS), min_size=1, max_size=8), st.data())
def test_a_bad_entry_hurts_its_own_name_only(bad: list[ServicePlan], data: st.DataObject) -> None:
    """I11: whatever is wrong with whichever entries, all others go into the step."""
    good = [(f"shop/s{n}", entry(named(n, plan(endpoint())))) for n in range(5)]
    worse = [(f"shop/bad{n}", entry(one)) for n, one in enumerate(bad)]
    proposed = dict(data.draw(st.permutations(good + worse)))
    judgement = judge({}, Totals(), proposed, Limits())
    assert set(judgement.accepted) == {key for key, _ in good}
    assert set(judgement.refused) == {key for key, _ in worse}


def test_limits_under_which_an_entry_could_wait_for_ever_are_refused() -> None:
    with pytest.raises(ValueError, match="growth_floor_endpoints"):
        Limits(endpoints_per_service=100, growth_floor_endpoints=99)
    with pytest.raises(ValueError, match="loss_floor_services"):
        Limits(loss_floor_services=0)


def test_floors_of_one_service_are_the_least_that_let_each_entry_through() -> None:
    least = Limits(growth_floor_services=1, loss_floor_services=1)
    current = {"shop/s0": entry(named(0))}
    assert list(judge({}, Totals(), current, least).accepted) == ["shop/s0"]
    deleted = {"shop/s0": entry(named(0, tombstoned()))}
    assert list(judge(current, totals(current), deleted, least).accepted) == ["shop/s0"]


def test_an_entry_of_an_overlong_name_is_named_shortly() -> None:
    fault = fault_of(KEY, plan(endpoint(InstanceId("x" * 10_000))))
    assert len(fault) < 200


@pytest.mark.parametrize(
    "staged",
    [StagedChange("t1", replace(POLICY, record_ttl_seconds=61)), StagedChange("", POLICY)],
)
def test_a_staged_policy_is_judged_as_one_in_force_is(staged: StagedChange) -> None:
    assert "staged" in fault_of(KEY, replace(plan(endpoint()), staged=staged))
    assert fault_of(KEY, replace(plan(endpoint()), staged=StagedChange("t1", POLICY))) == ""
    assert fault_of(KEY, replace(tombstoned(), staged=StagedChange("t1", None))) != ""


def test_the_bounds_of_a_cell_are_these() -> None:
    """I9: no configuration widens them, and frontends rely on that (theirs are no narrower)."""
    assert Limits() == Limits(
        entry_octets=1_048_576,
        endpoints_per_service=2000,
        services=200_000,
        octets=536_870_912,
        step_octets=1_048_576,
        growth_factor=2.0,
        growth_floor_services=1000,
        growth_floor_endpoints=10_000,
        loss_share=0.5,
        loss_floor_services=20,
    )


def cell_of(count: int, octets: int = 100) -> dict[str, Entry]:
    return {named(n).key.entry: entry(named(n), octets) for n in range(count)}


@pytest.mark.parametrize(
    ("limits", "count", "octets", "rule"),
    [
        pytest.param(Limits(services=4), 4, 100, None, id="the last service that fits goes in"),
        pytest.param(Limits(services=3), 4, 100, Rule.LIMIT, id="one more does not"),
        pytest.param(Limits(octets=400), 4, 100, None, id="so do the last octets"),
        pytest.param(Limits(octets=399), 4, 100, Rule.LIMIT, id="and one octet more does not"),
    ],
)
def test_a_cell_is_filled_to_its_bounds(
    limits: Limits, count: int, octets: int, rule: Rule | None
) -> None:
    *current, last = cell_of(count, octets).items()
    before = dict(current)
    judgement = judge(before, totals(before), dict([last]), limits)
    assert [finding.rule for finding in judgement.refused.values()] == ([rule] if rule else [])


@pytest.mark.parametrize("limits", [Limits(services=3), Limits(octets=300)], ids=["names", "size"])
def test_in_a_cell_beyond_its_bounds_what_makes_it_no_larger_goes_on(limits: Limits) -> None:
    """Bounds may have been wider when it was filled; its names must still be able to change."""
    current = cell_of(4)
    changed = {"shop/s0": entry(named(0, plan(endpoint())))}
    assert list(judge(current, totals(current), changed, limits).accepted) == ["shop/s0"]


def test_a_step_is_filled_to_its_last_octet_and_a_removal_takes_its_key_only() -> None:
    """A key and a body are 7 and 100 octets here."""
    two = cell_of(2)
    assert list(judge({}, Totals(), two, Limits(step_octets=214)).accepted) == list(two)
    assert len(judge({}, Totals(), two, Limits(step_octets=213)).accepted) == 1
    over = {"shop/s0": entry(named(0, tombstoned()))}
    swap: dict[str, Entry | None] = {"shop/s0": None, "shop/s1": two["shop/s1"]}
    assert len(judge(over, totals(over), swap, Limits(step_octets=114)).accepted) == 2
    assert len(judge(over, totals(over), swap, Limits(step_octets=113)).accepted) == 1


def test_services_that_change_and_live_on_are_no_loss() -> None:
    current = cell_of(30)
    changed = {key: entry(named(n, plan(endpoint()))) for n, key in enumerate(current)}
    limits = Limits(loss_floor_services=2, loss_share=0.0)
    assert len(judge(current, totals(current), changed, limits).accepted) == 30


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        pytest.param(
            plan(endpoint("X" * 99)), f"instance '{'X' * 63}' is not a DNS label", id="a name"
        ),
        pytest.param(
            plan(endpoint("x" * 99), endpoint("x" * 99)),
            f"instance '{'x' * 63}' is there twice or out of order",
            id="a name that is there twice",
        ),
        pytest.param(
            plan(endpoint(addresses=("1" * 99,))),
            f"instance 'i1' has the address '{'1' * 60}'",
            id="an address",
        ),
        pytest.param(
            plan(endpoint(ports=(Port("_" * 99, 80),))),
            f"instance 'i1' has a port named '{'_' * 60}'",
            id="the name of a port",
        ),
    ],
)
def test_a_fault_quotes_only_the_beginning_of_what_came(bad: ServicePlan, fault: str) -> None:
    assert fault_of(KEY, bad) == fault
