"""An entry that would be too large is published in part, and who leaves it is seen to leave."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_samples import POLICY, endpoint, plan

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.cell_plan import Entry, Totals
from registry.domain.excerpt import excerpt
from registry.domain.guard import Limits, judge
from registry.domain.health import Evidence, Health
from registry.domain.names import Incarnation, RegionName
from registry.domain.plan import Endpoint, Hold, ServicePlan, StagedChange
from registry.domain.room import POLICY_OCTETS
from registry.domain.service import FailoverPolicy, ServicePolicy
from registry.domain.velocity import Reason

SMALL = Limits(endpoints_per_service=2)
ENCODE = ProtoPlanCodec().encode
HELD = Hold(Reason.NAME_BUDGET, 1)
HUGE = ServicePolicy(
    failover=FailoverPolicy(tuple(RegionName(f"r{'x' * 60}{n}") for n in range(2000)))
)


def ill(name: str, health: Health = Health.UNHEALTHY) -> Endpoint:
    return endpoint(name, health, Evidence.NONE if health is Health.UNKNOWN else Evidence.TIMEOUT)


def unknown(name: str) -> Endpoint:
    return ill(name, Health.UNKNOWN)


def cut(
    now: ServicePlan, before: ServicePlan | None = None, limits: Limits = SMALL
) -> ServicePlan | None:
    entry = excerpt(now, before, ENCODE, limits)
    if entry is None:
        return before
    assert entry.plan is not None
    assert entry.body == ENCODE(entry.plan)
    return entry.plan


def names(of: ServicePlan | None) -> str:
    assert of is not None
    return " ".join(each.instance for each in of.endpoints)


def test_what_has_room_is_published_as_it_is() -> None:
    now = plan(endpoint("a"), endpoint("b"))
    assert cut(now) is now


# published before, now -> published; the order of their hashes is d, c, b, a
ROWS: list[tuple[list[Endpoint], list[Endpoint], str]] = [
    ([], [endpoint("a"), endpoint("b"), endpoint("c")], "b c"),
    # who is answered with stays, whoever comes
    ([endpoint("a"), endpoint("b")], [endpoint("a"), endpoint("b"), endpoint("c")], "a b"),
    # who comes is served before one that is not well
    ([endpoint("b"), endpoint("c")], [endpoint("a"), ill("b"), endpoint("c")], "a c"),
    # unless its removal is held: then it is in the answers, and stays there
    (
        [endpoint("a"), endpoint("b")],
        [replace(ill("a"), hold=HELD), endpoint("b"), endpoint("c")],
        "a b",
    ),
    # of those that are not well, the ones that were there
    ([ill("a"), ill("b")], [ill("a"), ill("b"), ill("c")], "a b"),
    ([ill("a"), ill("b")], [endpoint("a"), ill("b"), ill("c")], "a b"),
    # nobody knows yet whether they can be answered with
    ([unknown("c"), unknown("d")], [ill("a"), endpoint("b"), unknown("c"), unknown("d")], "a b"),
    # another incarnation under an id is another
    (
        [replace(endpoint("a"), incarnation=Incarnation("old")), endpoint("b")],
        [endpoint("a"), endpoint("b"), endpoint("c")],
        "b c",
    ),
]


@pytest.mark.parametrize(("before", "now", "published"), ROWS)
def test_who_is_answered_with_comes_first_and_then_who_was_there(
    before: list[Endpoint], now: list[Endpoint], published: str
) -> None:
    """The table of `_rank`."""
    previous = plan(*before) if before else None
    found = cut(plan(*now), previous)
    assert names(found) == published
    assert found is not None
    assert found.omitted == len(now) - 2


def test_it_is_the_same_choice_in_any_order_and_on_any_node() -> None:
    four = [endpoint(name) for name in "abcd"]
    assert {names(cut(plan(*order))) for order in permutations(four)} == {names(cut(plan(*four)))}


def test_what_is_chosen_anew_and_comes_out_the_same_is_no_change() -> None:
    four = plan(*(endpoint(name) for name in "abcd"))
    before = cut(four)
    assert excerpt(replace(four, revision=four.revision), before, ENCODE, SMALL) is None


def test_how_many_are_left_out_is_read_back() -> None:
    found = cut(plan(*(endpoint(name) for name in "abcd")))
    assert found is not None
    assert ProtoPlanCodec().decode(ENCODE(found)) == found
    assert found.omitted == 2


def test_who_leaves_is_seen_to_leave_and_makes_room() -> None:
    first = cut(plan(*(endpoint(name) for name in "abcd")))
    assert names(first) == "c d"
    second = cut(plan(*(endpoint(name) for name in "abc")), first)
    assert names(second) == "b c"
    third = cut(plan(*(endpoint(name) for name in "ac")), second)
    assert (names(third), third and third.omitted) == ("a c", 0)


def test_one_that_fits_into_no_entry_is_left_out_and_hurts_no_other() -> None:
    """I11: such a one can only have come past the door."""
    limits = Limits(entry_octets=POLICY_OCTETS + 1000)
    found = cut(
        plan(endpoint("a", metadata={"k": "v" * limits.entry_octets}), endpoint("b")), None, limits
    )
    assert found is not None
    assert (names(found), found.omitted) == ("b", 1)


def test_a_policy_that_fits_into_no_entry_is_not_taken_on() -> None:
    limits = Limits(entry_octets=POLICY_OCTETS + 1000)
    before = plan(endpoint("a"), policy=POLICY)
    staged = StagedChange("s", None)
    found = cut(plan(endpoint("a"), endpoint("b"), policy=HUGE, staged=staged), before, limits)
    assert found is not None
    assert (names(found), found.policy, found.staged) == ("a b", POLICY, None)
    assert (alone := cut(plan(endpoint("a"), policy=HUGE), None, limits)) is not None
    assert alone.policy is None


ENDPOINTS = st.builds(
    lambda name, health, held, octets: endpoint(
        name,
        health,
        Evidence.TIMEOUT if health is Health.UNHEALTHY else Evidence.NONE,
        hold=HELD if held and health is Health.UNHEALTHY else None,
        metadata={"k": "v" * octets},
    ),
    st.from_regex(r"[a-z][a-z0-9]{0,2}", fullmatch=True),
    st.sampled_from([Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN, Health.DRAINING]),
    st.booleans(),
    st.integers(0, 400),
)
PLANS = st.lists(ENDPOINTS, max_size=8, unique_by=lambda each: each.instance).map(
    lambda found: plan(*sorted(found, key=lambda each: each.instance))
)


@given(history=st.lists(PLANS, min_size=1, max_size=6), most=st.integers(1, 4), extra=st.just(1000))
def test_whatever_is_registered_the_guard_takes_it_and_nobody_who_left_stays(
    history: list[ServicePlan], most: int, extra: int
) -> None:
    """No name is frozen by its size: every step is within bounds, and a part of what is there."""
    limits = Limits(endpoints_per_service=most, entry_octets=POLICY_OCTETS + extra)
    tight = replace(limits, entry_octets=extra)
    for bounds in (limits, tight):
        before: Entry | None = None
        for now in history:
            previous = None if before is None else before.plan
            entry = excerpt(now, previous, ENCODE, bounds) or before
            assert entry is not None
            assert entry.plan is not None
            assert len(entry.plan.endpoints) <= most
            assert len(entry.body) <= bounds.entry_octets
            there = {each.instance: each for each in now.endpoints}
            assert all(there[each.instance] == each for each in entry.plan.endpoints)
            assert entry.plan.omitted == len(now.endpoints) - len(entry.plan.endpoints)
            current = {} if before is None else {now.key.entry: before}
            refused = judge(current, Totals(), {now.key.entry: entry}, bounds).refused
            assert all(finding.rule.value == "emptied" for finding in refused.values())
            before = entry


@given(before=PLANS, now=PLANS, most=st.integers(1, 8))
def test_nobody_that_is_answered_with_gives_way_to_one_that_comes(
    before: ServicePlan, now: ServicePlan, most: int
) -> None:
    limits = Limits(endpoints_per_service=most)
    first = cut(before, None, limits)
    assert first is not None
    second = cut(now, first, limits)
    assert second is not None
    stood = {each.instance for each in first.endpoints}
    kept = {each.instance for each in second.endpoints}
    answered = {
        each.instance
        for each in now.endpoints
        if each.health is Health.HEALTHY or each.hold is not None
    }
    assert stood & answered <= kept
    assert len(kept & answered) == min(most, len(answered))
