"""The budget of hasty probes: every row of the table, and what it bounds."""

from __future__ import annotations

import pytest

from registry.domain.haste import Haste, take


@pytest.mark.parametrize(
    ("haste", "targets", "now", "granted", "left"),
    [
        (Haste(1.0, 10.0), 10, 10.0, True, 0.0),
        (Haste(0.9, 10.0), 10, 10.0, False, 0.9),
        (Haste(0.0, 10.0), 10, 10.25, True, 0.0),
        (Haste(0.0, 10.0), 10, 10.2, False, 0.8),
        (Haste(0.0, 10.0), 10_000, 10.02, True, 1.0),
        (Haste(60.0, 10.0), 10, 1e9, True, 63.0),
        (Haste(), 10_000, 1.0, True, 163.0),
        (Haste(60.0, 10.0), 10_000, 1e9, True, 499.0),
        (Haste(5.0, 10.0), 10, 9.0, True, 4.0),
    ],
    ids=str,
)
def test_a_hasty_probe_is_granted_while_the_bucket_holds_one(
    haste: Haste, targets: int, now: float, granted: bool, left: float
) -> None:
    said, after = take(haste, targets, now)
    assert (said, after.at_seconds) == (granted, now)
    assert after.left == pytest.approx(left)


def test_over_a_minute_no_more_than_a_twentieth_comes_on_top_of_the_ordinary_probes() -> None:
    """I25: 1,000 targets at 5 s are 12,000 probes a minute."""
    haste, granted = Haste(), 0
    for tick in range(60_000):
        said, haste = take(haste, 1000, tick / 1000)
        granted += said
    assert 600 <= granted <= 700
