"""The budget of hasty probes: every row of the table, and what it bounds."""

from __future__ import annotations

import pytest

from registry.domain.bucket import Size, take
from registry.domain.haste import FULL, size


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        pytest.param(0, Size(64.0, 4.0), id="none"),
        pytest.param(10, Size(64.0, 4.0), id="few"),
        pytest.param(400, Size(64.0, 4.0), id="as many as the floor of a second stands for"),
        pytest.param(800, Size(64.0, 8.0), id="few at once, and more in a second"),
        pytest.param(1280, Size(64.0, 12.8), id="as many as the floor stands for"),
        pytest.param(10_000, Size(500.0, 100.0), id="many"),
    ],
)
def test_every_row_of_how_many_hasty_probes_there_are(targets: int, expected: Size) -> None:
    assert size(targets) == expected


def test_over_a_minute_no_more_than_a_twentieth_comes_on_top_of_the_ordinary_probes() -> None:
    """I25: 1,000 targets at 5 s are 12,000 probes a minute."""
    haste, granted = FULL, 0
    for tick in range(60_000):
        said, haste = take(haste, size(1000), tick / 1000)
        granted += said
    assert 600 <= granted <= 700


def test_a_cell_begins_with_what_a_small_one_may_do_at_once() -> None:
    assert FULL.left == size(10).capacity
    assert FULL.at_seconds == 0.0
