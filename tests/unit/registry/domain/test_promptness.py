"""Changes of health are stored at once while they are few, and together when they never end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from registry.domain.bucket import Bucket, spent, wait_seconds
from registry.domain.promptness import SIZE, full


def test_a_leader_begins_with_a_full_bucket() -> None:
    assert full(7.0) == Bucket(SIZE.capacity, 7.0)


def test_as_many_groups_as_a_region_has_are_stored_at_once() -> None:
    bucket = full(0.0)
    for _ in range(32):
        assert wait_seconds(bucket, SIZE, 0.0) == 0.0
        bucket = spent(bucket, SIZE, 0.0)
    assert wait_seconds(bucket, SIZE, 0.0) == pytest.approx(1.0)


def test_changes_that_never_end_are_stored_by_the_second() -> None:
    bucket, now, stored = full(0.0), 0.0, []
    while now < 600.0:
        now += wait_seconds(bucket, SIZE, now) + 0.01
        bucket = spent(bucket, SIZE, now)
        stored.append(now)
    assert len(stored) <= SIZE.capacity + 600 * SIZE.per_second + 1
    late = [b - a for a, b in pairwise(stored[100:])]
    assert max(late) <= 1.0 / SIZE.per_second + 0.02
