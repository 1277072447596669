"""Changes of health are stored at once while they are few, and together when they never end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from registry.domain.promptness import CAPACITY, PER_SECOND, Promptness, spent, wait_seconds


@pytest.mark.parametrize(
    ("left", "now", "expected"),
    [
        (CAPACITY, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, 0.0, 1.0 / PER_SECOND),
        (0.75, 0.0, 0.25 / PER_SECOND),
        (0.0, 0.5 / PER_SECOND, 0.5 / PER_SECOND),
        (0.0, 1.0 / PER_SECOND, 0.0),
        (0.0, 100.0, 0.0),
        # a clock that seems to go back refills nothing
        (0.0, -5.0, 1.0 / PER_SECOND),
    ],
)
def test_how_long_a_group_gathers(left: float, now: float, expected: float) -> None:
    assert wait_seconds(Promptness(left, 0.0), now) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("left", "now", "after"),
    [
        (CAPACITY, 0.0, CAPACITY - 1),
        (CAPACITY, 50.0, CAPACITY - 1),
        (1.0, 0.0, 0.0),
        (2.5, 1.0, 2.5 + PER_SECOND - 1),
        (0.25, 0.0, 0.0),
    ],
)
def test_what_is_left_when_a_group_is_stored(left: float, now: float, after: float) -> None:
    assert spent(Promptness(left, 0.0), now) == Promptness(after, now)


def test_changes_that_never_end_are_stored_by_the_second() -> None:
    bucket, now, stored = Promptness(), 0.0, []
    while now < 600.0:
        now += wait_seconds(bucket, now) + 0.01
        bucket = spent(bucket, now)
        stored.append(now)
    assert len(stored) <= CAPACITY + 600 * PER_SECOND + 1
    late = [b - a for a, b in pairwise(stored[100:])]
    assert max(late) <= 1.0 / PER_SECOND + 0.02
