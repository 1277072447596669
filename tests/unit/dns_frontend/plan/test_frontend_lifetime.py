"""No answer outlives a change that is known to come, but for the least TTL: every row (I30)."""

from __future__ import annotations

import pytest
from answer_samples import API, endpoint, entry
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.plan.entry import Health, Policy, ServiceEntry
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.lifetime import RUNGS, Ebb, ebb, ebbs
from dns_frontend.plan.ranking import Ranking

CHANGE = 1000.0


@pytest.mark.parametrize(
    ("left", "bound"),
    [
        (3600.0, Ebb(60, CHANGE - 60)),
        (60.5, Ebb(60, CHANGE - 60)),
        (60.0, Ebb(45, CHANGE - 45)),
        (45.0, Ebb(30, CHANGE - 30)),
        (30.5, Ebb(30, CHANGE - 30)),
        (30.0, Ebb(20, CHANGE - 20)),
        (20.0, Ebb(10, CHANGE - 10)),
        (10.5, Ebb(10, CHANGE - 10)),
        (10.0, Ebb(5, None)),
        (0.0, Ebb(5, None)),
        (-3600.0, Ebb(5, None)),
        # a step that a difference of floats makes a hair early is taken all the same
        (30.0005, Ebb(20, CHANGE - 20)),
    ],
)
def test_every_row(left: float, bound: Ebb) -> None:
    assert ebb(CHANGE, CHANGE - left) == bound


def test_a_thousandth_of_a_second_too_early_is_in_time() -> None:
    assert ebb(30.001, 0.0).seconds == 20
    assert ebb(30.002, 0.0).seconds == 30


@given(st.floats(0.0, 1e7), st.floats(0.01, 120.0))
def test_it_steps_down_a_few_times_and_never_outlives_the_change(begun: float, left: float) -> None:
    """Who looks whenever a step is due never looks in vain."""
    change, now, steps = begun + left, begun, 0
    bound = ebb(change, now)
    while bound.until is not None:
        assert bound.until > now
        assert bound.seconds < change - now
        now, before = bound.until, bound
        bound = ebb(change, now)
        assert bound.seconds < before.seconds
        steps += 1
    assert bound.seconds == RUNGS[-1]
    assert steps <= len(RUNGS)


def test_of_several_changes_of_a_region_the_first_counts() -> None:
    changes = [("east", 100.0), ("east", 40.0), ("east", 70.0), ("west", None), ("north", 61.0)]
    assert ebbs(changes, 0.0) == {"east": Ebb(30, 10.0), "north": Ebb(60, 1.0)}
    assert ebbs([], 0.0) == {}


def crowd(healthy: int, policy: Policy) -> ServiceEntry:
    return entry(
        *(
            endpoint(f"e{n}", health=Health.HEALTHY if n < healthy else Health.UNHEALTHY)
            for n in range(10)
        ),
        policy=policy,
    )


def test_a_ledger_asks_to_be_looked_at_when_a_ttl_steps_down_and_at_no_other_time() -> None:
    policy = Policy(record_ttl_seconds=60, enter_hold_seconds=50.0)
    book = Ledger(API, Ranking("east", ("east",)))
    book.put("east", "east", crowd(10, policy), 0.0)
    assert (book.ebb("east"), book.due()) == (None, None)
    book.put("east", "east", crowd(2, policy), 100.0)
    seen = []
    while (due := book.due()) is not None:
        bound = book.ebb("east")
        assert bound is not None
        seen.append((due, bound.seconds))
        assert not book.review(due - 0.5)
        assert book.review(due)
    assert seen == [(105.0, 45), (120.0, 30), (130.0, 20), (140.0, 10), (150.0, 5)]
    assert book.standings["east"].out


def test_a_region_that_is_well_again_in_time_bounds_nothing_any_more() -> None:
    policy = Policy(record_ttl_seconds=60, enter_hold_seconds=50.0)
    book = Ledger(API, Ranking("east", ("east",)))
    book.put("east", "east", crowd(10, policy), 0.0)
    book.put("east", "east", crowd(2, policy), 100.0)
    book.put("east", "east", crowd(10, policy), 110.0)
    assert (book.ebb("east"), book.due()) == (None, None)
