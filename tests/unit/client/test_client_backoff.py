"""Waiting after failures."""

from __future__ import annotations

import pytest

from sheetanchor.client.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "addresses", "draw", "retry_after", "expected"),
    [
        # the limit holds for a whole round of the addresses, then doubles
        (1, 1, 1.0, 0.0, 0.1),
        (2, 1, 1.0, 0.0, 0.2),
        (1, 3, 1.0, 0.0, 0.1),
        (3, 3, 1.0, 0.0, 0.1),
        (4, 3, 1.0, 0.0, 0.2),
        # full jitter: from nothing to the limit
        (3, 1, 0.0, 0.0, 0.0),
        (3, 1, 0.5, 0.0, 0.2),
        # the ceiling, also after weeks
        (7, 1, 1.0, 0.0, 5.0),
        (1_000_000, 1, 1.0, 0.0, 5.0),
        # the registry's wish is a floor with jitter on top
        (1, 1, 0.5, 1.0, 1.05),
        (1, 1, 0.0, -3.0, 0.0),
    ],
)
def test_the_delay_grows_by_rounds_and_is_drawn_from_nothing_to_its_limit(
    failures: int, addresses: int, draw: float, retry_after: float, expected: float
) -> None:
    backoff = Backoff(base_seconds=0.1, ceiling_seconds=5.0)
    assert backoff.delay_seconds(failures, addresses, draw, retry_after) == pytest.approx(expected)


def test_a_limit_of_somebody_elses_is_kept_when_it_is_the_lower_one() -> None:
    backoff = Backoff(base_seconds=0.1, ceiling_seconds=5.0)
    assert backoff.within(0.25).delay_seconds(7, 1, 1.0) == 0.25
    assert backoff.within(60.0).delay_seconds(7, 1, 1.0) == 5.0
