"""A region is left below one threshold and taken again only above another, held for a time."""

from __future__ import annotations

import pytest

from dns_frontend.plan.entry import Policy
from dns_frontend.plan.standing import IN, OUT, Standing, Tally, due, step, usable

POLICY = Policy(enter_threshold=0.5, exit_threshold=0.7, exit_hold_seconds=30.0)


@pytest.mark.parametrize(
    ("standing", "healthy", "counted", "now", "becomes"),
    [
        # none
        (None, 0, 0, 100.0, None),
        (None, 1, 2, 100.0, IN),
        (None, 1, 3, 100.0, OUT),
        # in
        (IN, 1, 2, 100.0, IN),
        (IN, 1, 3, 100.0, OUT),
        (IN, 0, 0, 100.0, OUT),
        # out, below the exit threshold
        (OUT, 6, 10, 100.0, OUT),
        (Standing(True, 90.0), 6, 10, 100.0, OUT),
        (OUT, 0, 0, 100.0, OUT),
        # out, at the exit threshold, not yet held
        (OUT, 7, 10, 100.0, Standing(True, 100.0)),
        (Standing(True, 90.0), 7, 10, 100.0, Standing(True, 90.0)),
        # out, at the exit threshold for all of the hold
        (Standing(True, 70.0), 7, 10, 100.0, IN),
        # a clock that went back starts the hold again, never ends it
        (Standing(True, 500.0), 7, 10, 100.0, Standing(True, 100.0)),
    ],
)
def test_each_row_of_the_table(
    standing: Standing | None, healthy: int, counted: int, now: float, becomes: Standing | None
) -> None:
    assert step(standing, Tally(healthy, counted), POLICY, now) == becomes


@pytest.mark.parametrize(
    ("standing", "healthy", "now", "becomes"),
    [
        (IN, 5, 100.0, IN),
        (IN, 4, 100.0, Standing(False, None, 100.0)),
        (Standing(False, None, 100.0), 4, 104.9, Standing(False, None, 100.0)),
        (Standing(False, None, 100.0), 4, 105.0, OUT),
        (Standing(False, None, 100.0), 5, 105.0, IN),
        (Standing(False, None, 500.0), 4, 105.0, Standing(False, None, 105.0)),
    ],
)
def test_a_region_is_left_only_when_it_was_unwell_for_all_of_the_hold(
    standing: Standing, healthy: int, now: float, becomes: Standing
) -> None:
    policy = Policy(enter_hold_seconds=5.0)
    assert step(standing, Tally(healthy, 10), policy, now) == becomes
    assert due(Standing(False, None, 100.0), policy) == 105.0


def test_without_a_hold_a_well_region_returns_at_once() -> None:
    assert step(OUT, Tally(7, 10), Policy(exit_hold_seconds=0.0), 1.0) == IN


def test_a_region_needs_the_minimum_of_endpoints_besides_the_share() -> None:
    policy = Policy(minimum_endpoints=3)
    assert not usable(Tally(2, 2), policy)
    assert usable(Tally(3, 3), policy)


def test_a_region_of_which_nothing_is_known_does_not_stand_in_and_one_endpoint_is_enough() -> None:
    assert not usable(Tally(0, 0), Policy(minimum_endpoints=0))
    assert usable(Tally(1, 1), Policy())


def test_a_threshold_means_its_decimal_value() -> None:
    """0.55 * 100 is a little over 55 in binary."""
    assert usable(Tally(55, 100), Policy(enter_threshold=0.55))


def test_an_exit_threshold_below_the_enter_threshold_cannot_make_it_flap() -> None:
    policy = Policy(enter_threshold=0.8, exit_threshold=0.2, exit_hold_seconds=0.0)
    assert step(OUT, Tally(5, 10), policy, 1.0) == OUT


def test_only_a_region_on_its_way_back_needs_another_look() -> None:
    assert due(IN, POLICY) is None
    assert due(OUT, POLICY) is None
    assert due(Standing(True, 70.0), POLICY) == 100.0
