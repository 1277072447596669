"""The damping window and the penalty: every row of the tables."""

from __future__ import annotations

from math import inf

import pytest

from registry.domain.damping import (
    CEILING,
    HALF_LIFE_SECONDS,
    Cause,
    Damping,
    observe,
    penalty_at,
    release,
)

UP = Damping(served=True, turned_seconds=100.0, up_seconds=100.0)
DOWN = Damping(served=False, turned_seconds=100.0, up_seconds=50.0)
NEW = Damping(served=False, is_new=True)


@pytest.mark.parametrize(
    ("known", "served", "facts", "after"),
    [
        (None, True, {}, Damping(True)),
        (None, False, {}, Damping(False)),
        (None, True, {"age_seconds": 3.0}, Damping(True, False, 197.0, 197.0)),
        (None, False, {"age_seconds": -5.0}, Damping(False, False, 200.0)),
        (None, False, {"is_new": True, "age_seconds": 3.0}, NEW),
        (None, True, {"is_new": True, "age_seconds": 3.0}, Damping(True, up_seconds=197.0)),
        (None, True, {"is_new": True, "age_seconds": -5.0}, Damping(True, up_seconds=200.0)),
        (None, True, {"is_new": True}, Damping(True)),
        (UP, True, {}, UP),
        (DOWN, False, {}, DOWN),
        (NEW, False, {"is_new": True}, NEW),
        (NEW, True, {}, Damping(True, up_seconds=200.0)),
        (DOWN, True, {}, Damping(True, False, 200.0, 200.0)),
        (UP, False, {}, Damping(False, False, 200.0, 100.0, 1.0, 200.0)),
        (UP, False, {"cause": Cause.WISHED}, Damping(False, False, 200.0, 100.0)),
        (UP, False, {"cause": Cause.REPLACED}, Damping(False, True, -inf, 100.0, 1.0, 200.0)),
    ],
)
def test_every_row_of_what_is_observed(
    known: Damping | None, served: bool, facts: dict[str, object], after: Damping
) -> None:
    assert observe(known, served, 200.0, **facts) == after  # type: ignore[arg-type]  # by their names


SUPPRESSED = Damping(False, False, 100.0, 0.0, 3.0, 100.0, 150.0)


@pytest.mark.parametrize(
    ("known", "up", "now", "allowed"),
    [
        (None, False, 105.0, 105.0),
        (UP, False, 105.0, 110.0),
        (UP, False, 110.0, 110.0),
        (Damping(True), False, 105.0, -inf),
        (SUPPRESSED, True, 105.0, 150.0),
        (Damping(False, False, 145.0, 0.0, 3.0, 145.0, 150.0), True, 146.0, 155.0),
        (DOWN, True, 105.0, 110.0),
        (NEW, True, 105.0, -inf),
        (SUPPRESSED, False, 105.0, 110.0),
    ],
)
def test_every_row_of_when_it_may_turn(
    known: Damping | None, up: bool, now: float, allowed: float
) -> None:
    assert release(known, up=up, now=now, window_seconds=10.0) == allowed


def test_the_third_fall_in_a_short_time_suppresses_until_the_penalty_has_decayed() -> None:
    known = observe(None, True, 0.0)
    for fall in (10.0, 20.0, 25.0):
        known = observe(observe(known, True, fall - 1.0), False, fall)
        assert known.suppressed_until_seconds == -inf, "decayed, three falls are less than 3"
    known = observe(observe(known, True, 26.0), False, 27.0)
    until = known.suppressed_until_seconds
    assert 27.0 + HALF_LIFE_SECONDS < until < 27.0 + 2.0 * HALF_LIFE_SECONDS
    assert penalty_at(known, until) == pytest.approx(1.0)
    assert penalty_at(known, 27.0 - 9.0) == known.penalty, "no clock makes it grow"


def test_a_penalty_halves_in_a_minute_and_begins_at_nothing() -> None:
    assert Damping(True).penalty == 0.0
    assert penalty_at(Damping(True, False, 0.0, 0.0, 2.0, 100.0), 160.0) == 1.0


def test_exactly_the_penalty_that_suppresses_does() -> None:
    known = Damping(True, False, 0.0, 0.0, 2.0, 100.0)
    assert observe(known, False, 100.0).suppressed_until_seconds > 100.0


def test_nobody_is_kept_out_for_more_than_three_minutes() -> None:
    known = observe(None, True, 0.0)
    for second in range(1000):
        known = observe(known, second % 2 == 1, float(second))
    assert CEILING - 1.0 < known.penalty <= CEILING
    assert known.suppressed_until_seconds <= 1000.0 + 3 * HALF_LIFE_SECONDS


def test_falls_far_apart_are_forgiven() -> None:
    known = observe(None, True, 0.0)
    for hour in range(1, 20):
        known = observe(known, False, hour * 3600.0)
        assert known.suppressed_until_seconds == -inf
        known = observe(known, True, hour * 3600.0 + 60.0)
