"""Load moves between regions in bounded steps: every row of the table (I28)."""

from __future__ import annotations

import pytest
from answer_samples import API, endpoint, entry
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.plan.capacity import Bearing, Share, limits, shares
from dns_frontend.plan.entry import Health, Policy, ServiceEntry
from dns_frontend.plan.facet import ANY, V4, V6
from dns_frontend.plan.failover import Rule, Tier, choose, goal
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ramp import INTERVAL_SECONDS, STEP, Goal, Ramp, order, step
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.standing import IN

NOW = 1000.0
LATE, EARLY = NOW - INTERVAL_SECONDS, NOW - INTERVAL_SECONDS + 0.1


def parts(**by_region: float) -> tuple[Share, ...]:
    return tuple(Share(region, part) for region, part in by_region.items())


def after(
    at: dict[str, float], wanted: dict[str, float], bears: dict[str, float], last: float
) -> dict[str, float]:
    before = Ramp(parts(**at), parts(**at), last)
    found = step(before, Goal(parts(**wanted), bears), NOW)
    assert found.goal == parts(**wanted)
    return {share.region: round(share.part, 6) for share in found.shares}


@pytest.mark.parametrize(
    ("at", "wanted", "bears", "last", "found"),
    [
        # arrived
        ({"e": 1.0}, {"e": 1.0}, {"e": 1.0}, LATE, {"e": 1.0}),
        # a step away, and back
        ({"e": 1.0}, {"e": 0.5, "w": 0.5}, {"e": 1.0, "w": 0.6}, LATE, {"e": 0.8, "w": 0.2}),
        ({"e": 1.0}, {"e": 0.5, "w": 0.5}, {"e": 1.0, "w": 0.6}, EARLY, {"e": 1.0}),
        ({"e": 0.2, "w": 0.8}, {"e": 1.0}, {"e": 1.0, "w": 0.9}, LATE, {"e": 0.4, "w": 0.6}),
        ({"e": 0.2, "w": 0.8}, {"e": 1.0}, {"e": 1.0, "w": 0.9}, EARLY, {"e": 0.2, "w": 0.8}),
        # the last bit is no more than a step
        ({"e": 0.9, "w": 0.1}, {"e": 1.0}, {"e": 1.0, "w": 0.9}, LATE, {"e": 1.0}),
        # in proportion
        (
            {"e": 1.0},
            {"e": 0.2, "w": 0.6, "n": 0.2},
            {"e": 1.0, "w": 0.6, "n": 0.2},
            LATE,
            {"e": 0.8, "w": 0.15, "n": 0.05},
        ),
        # what cannot be borne moves at once, whenever the last step was
        ({"e": 1.0}, {"w": 1.0}, {"e": 0.0, "w": 1.0}, EARLY, {"w": 1.0}),
        ({"e": 0.5, "w": 0.5}, {"e": 1.0}, {"e": 1.0, "w": 0.0}, EARLY, {"e": 1.0}),
        ({"e": 0.5, "w": 0.5}, {"e": 0.5, "n": 0.5}, {"e": 1.0, "n": 0.5}, EARLY,
         {"e": 0.5, "n": 0.5}),
        # beyond what it can bear, and the rest by steps
        ({"e": 0.2, "w": 0.8}, {"e": 1.0}, {"e": 1.0, "w": 0.5}, EARLY, {"e": 0.5, "w": 0.5}),
        ({"e": 0.2, "w": 0.8}, {"e": 1.0}, {"e": 1.0, "w": 0.5}, LATE, {"e": 0.7, "w": 0.3}),
        # nobody else can bear it: the goal leaves it where it is
        ({"e": 1.0}, {"e": 1.0}, {"e": 0.0, "w": 0.0}, LATE, {"e": 1.0}),
    ],
)  # fmt: skip
def test_every_row(
    at: dict[str, float],
    wanted: dict[str, float],
    bears: dict[str, float],
    last: float,
    found: dict[str, float],
) -> None:
    assert after(at, wanted, bears, last) == found


def test_where_load_was_is_not_known_at_first() -> None:
    half = parts(e=0.5, w=0.5)
    assert step(None, Goal(half, {}), NOW) == Ramp(half, half)


def test_a_last_step_ends_exactly_at_the_goal() -> None:
    """0.05 + 0.16 is a little less than 0.21 in binary, and would never arrive."""
    aim = Goal(parts(e=0.21, w=0.79), {"e": 1.0, "w": 1.0})
    assert step(Ramp(parts(e=0.05, w=0.95), ()), aim, NOW) == Ramp(aim.shares, aim.shares, NOW)


def test_only_a_step_begins_an_interval() -> None:
    moved = step(Ramp(parts(e=1.0), ()), Goal(parts(w=1.0), {"w": 1.0}), NOW)
    assert moved.step_time < 0.0, "what had to move at once is no step"
    stepped = step(Ramp(parts(e=1.0), ()), Goal(parts(w=1.0), {"e": 1.0, "w": 1.0}), NOW)
    assert stepped.step_time == NOW
    assert stepped.due == NOW + INTERVAL_SECONDS
    assert moved.due is None


bearings = st.builds(
    Bearing,
    region=st.sampled_from("wns"),
    healthy=st.integers(0, 50),
    counted=st.integers(50, 60),
    stands_in=st.booleans(),
)
worlds = st.tuples(
    st.builds(Bearing, st.just("e"), st.integers(0, 50), st.integers(50, 60)),
    st.lists(bearings, max_size=3, unique_by=lambda each: each.region),
)


@given(st.lists(st.tuples(worlds, st.sampled_from([0.0, 3.0, 10.0])), min_size=1, max_size=20))
def test_shares_add_up_and_no_region_gets_more_than_it_can_spare_whatever_happens(
    steps: list[tuple[tuple[Bearing, list[Bearing]], float]],
) -> None:
    ramp, now, moved = None, 0.0, []
    for (home, others), pause in steps:
        now += pause
        bears = limits(home, others, 1.25)
        aim = Goal(shares(home, others, 1.25), bears)
        before = ramp
        ramp = step(ramp, aim, now)
        assert sum(each.part for each in ramp.shares) == pytest.approx(1.0)
        for each in ramp.shares:
            if each.region != "e":
                assert each.part <= bears.get(each.region, 0.0) + 1e-6
        if before is None:
            continue
        at = {each.region: each.part for each in before.shares}
        able = sum(
            max(0.0, min(part, bears.get(region, 0.0)) - new)
            for region, part in at.items()
            for new in [next((s.part for s in ramp.shares if s.region == region), 0.0)]
        )
        moved.append((now, able))
        lately = sum(share for time, share in moved if time > now - INTERVAL_SECONDS)
        assert lately <= STEP + 1e-6, "what could have stayed moved faster"


@given(worlds)
def test_it_arrives(world: tuple[Bearing, list[Bearing]]) -> None:
    home, others = world
    aim = Goal(shares(home, others, 1.25), limits(home, others, 1.25))
    ramp = Ramp(parts(e=1.0), parts(e=1.0))
    for number in range(7):
        ramp = step(ramp, aim, number * INTERVAL_SECONDS)
    assert ramp.due is None
    assert ramp.shares == aim.shares


def test_shares_come_in_the_order_of_regions() -> None:
    assert order(parts(w=0.25, e=0.5, gone=0.25), ["e", "n", "w"]) == parts(e=0.5, w=0.25)


@pytest.mark.parametrize(
    ("home", "other", "bears"),
    [
        (Bearing("e", 1, 10), Bearing("w", 10, 10), {"e": 1.0, "w": 0.25}),
        (Bearing("e", 0, 10), Bearing("w", 40, 10), {"e": 0.0, "w": 4.0}),
        (Bearing("e", 1, 10), Bearing("w", 7, 10), {"e": 1.0, "w": 0.0}),
        (Bearing("e", 1, 10), Bearing("w", 40, 10, stands_in=False), {"e": 1.0, "w": 0.0}),
    ],
)
def test_every_row_of_what_a_region_bears(
    home: Bearing, other: Bearing, bears: dict[str, float]
) -> None:
    assert limits(home, [other], 1.25) == pytest.approx(bears)


def region(prefix: str, healthy: int, of: int = 10) -> ServiceEntry:
    return entry(
        *(
            endpoint(
                f"{prefix}{n}",
                f"10.0.0.{n + 1}",
                health=Health.HEALTHY if n < healthy else Health.UNHEALTHY,
            )
            for n in range(of)
        ),
        policy=Policy(overprovisioning=1.0, enter_threshold=0.1, exit_threshold=0.1),
    )


def away(one: Ledger) -> float:
    ramp = one.ramp("east")
    assert ramp is not None
    return round(sum(s.part for s in ramp.shares if s.region != "east"), 6)


def test_the_ledger_asks_to_be_looked_at_until_the_load_is_where_it_ought_to_be() -> None:
    policy = Policy(overprovisioning=2.0, enter_threshold=0.1, exit_threshold=0.1)
    east_well = entry(*region("e", 10).endpoints, policy=policy)
    east_ill = entry(*region("e", 2).endpoints, policy=policy)
    one = Ledger(API, Ranking("east", ("east", "west")))
    one.put("east", "east", east_well, NOW)
    one.put("west", "west", entry(*region("w", 10).endpoints), NOW)
    assert one.due() is None
    one.put("east", "east", east_ill, NOW + 1)
    seen, now = [away(one)], NOW + 1
    while (due := one.due()) is not None:
        assert due > now
        assert not one.review(due - 0.1)
        assert one.review(due)
        now = due
        seen.append(away(one))
    assert seen == [0.2, 0.4, 0.6]
    assert now == NOW + 21
    one.put("east", "east", east_well, now)
    assert away(one) == 0.6, "no step within the interval"
    one.review(now + 10)
    assert away(one) == 0.4
    one.put("east", "east", entry(*region("e", 0).endpoints, policy=policy), now + 11)
    assert away(one) == 1.0, "where nothing is healthy nothing stays that fits elsewhere"


def test_after_a_restart_the_load_is_where_it_ought_to_be() -> None:
    policy = Policy(overprovisioning=2.0, enter_threshold=0.1, exit_threshold=0.1)
    one = Ledger(API, Ranking("east", ("east", "west")))
    one.put("east", "east", entry(*region("e", 2).endpoints, policy=policy), NOW)
    one.put("west", "west", entry(*region("w", 10).endpoints), NOW)
    assert away(one) == 0.6
    one.put("east", "east", entry(*region("e", 10).endpoints, policy=policy), NOW + 1)
    assert away(one) == 0.4
    one.restart((), NOW + 2)
    assert away(one) == 0.0


def test_without_a_policy_of_shares_there_is_no_ramp() -> None:
    one = Ledger(API, Ranking("east", ("east", "west")))
    one.put("east", "east", entry(*region("e", 2).endpoints), NOW)
    assert one.ramp("east") is None
    assert goal("east", [], 1.25) is None


def test_an_answer_goes_by_the_ramp_but_for_facets_that_only_some_offer() -> None:
    policy = Policy(overprovisioning=2.0)
    ill = [endpoint(f"e{n}", f"10.0.0.{n + 1}", health=Health.UNHEALTHY) for n in range(8)]
    well = [endpoint(f"e{n}", f"10.0.0.{n + 1}") for n in range(8, 10)]
    west = [endpoint(f"w{n}", f"10.2.0.{n + 1}") for n in range(10)]
    both = [endpoint(f"x{n}", f"10.2.1.{n + 1}", f"2001:db8::{n + 1}") for n in range(2)]
    tiers = [
        Tier("east", IN, healthy=tuple(well), unhealthy=tuple(ill)),
        Tier("west", IN, healthy=tuple(west)),
    ]
    ramped = parts(west=0.2, east=0.8)

    def weights(tiers: list[Tier], facet: str) -> dict[str, int]:
        choice = choose("east", tiers, facet, policy, ramped)
        assert choice.rule is Rule.SPILL
        found = {choice.region: sum(e.weight for e in choice.endpoints)}
        return found | {r: sum(e.weight for e in endpoints) for r, endpoints in choice.beside}

    assert weights(tiers, ANY) == weights(tiers, V4) == {"east": 8000, "west": 2000}
    tiers[1] = Tier("west", IN, healthy=(*west, *both))
    tiers[0] = Tier("east", IN, healthy=tuple(well), unhealthy=(*ill, endpoint(
        "six", "2001:db8:1::1", health=Health.UNHEALTHY)))  # fmt: skip
    assert weights(tiers, V6) == {"west": 10_000}
