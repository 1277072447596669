"""Buckets: every row of the table, by each of the three that ask."""

from __future__ import annotations

import pytest

from registry.domain.bucket import Bucket, Size, spent, take, wait_seconds

SIZE = Size(capacity=8.0, per_second=2.0)


@pytest.mark.parametrize(
    ("left", "now", "taken", "after", "wait", "after_spent"),
    [
        pytest.param(8.0, 10.0, True, 7.0, 0.0, 7.0, id="full"),
        pytest.param(1.0, 10.0, True, 0.0, 0.0, 0.0, id="exactly one"),
        pytest.param(2.5, 10.0, True, 1.5, 0.0, 1.5, id="more than one"),
        pytest.param(0.75, 10.0, False, 0.75, 0.125, 0.0, id="less than one"),
        pytest.param(0.0, 10.0, False, 0.0, 0.5, 0.0, id="empty"),
        pytest.param(0.0, 10.25, False, 0.5, 0.25, 0.0, id="refilled in part"),
        pytest.param(0.0, 10.5, True, 0.0, 0.0, 0.0, id="refilled to one"),
        pytest.param(0.5, 11.0, True, 1.5, 0.0, 1.5, id="refilled to more"),
        pytest.param(0.0, 1e9, True, 7.0, 0.0, 7.0, id="refilled to the brim and no more"),
        pytest.param(5.0, 4.0, True, 4.0, 0.0, 4.0, id="a clock that goes back refills nothing"),
        pytest.param(0.0, 4.0, False, 0.0, 0.5, 0.0, id="nor does it take anything"),
    ],
)
def test_every_row_of_what_may_be_taken(
    left: float, now: float, taken: bool, after: float, wait: float, after_spent: float
) -> None:
    bucket = Bucket(left, 10.0)
    assert take(bucket, SIZE, now) == (taken, Bucket(after, now))
    assert wait_seconds(bucket, SIZE, now) == pytest.approx(wait)
    assert spent(bucket, SIZE, now) == Bucket(after_spent, now)


def test_a_bucket_begins_at_the_beginning_of_the_clock() -> None:
    assert take(Bucket(0.0), SIZE, 0.5) == (True, Bucket(0.0, 0.5))


def test_who_waits_as_long_as_told_finds_one() -> None:
    bucket, now = Bucket(0.3, 10.0), 10.1
    now += wait_seconds(bucket, SIZE, now)
    assert wait_seconds(bucket, SIZE, now) == pytest.approx(0.0, abs=1e-9)
