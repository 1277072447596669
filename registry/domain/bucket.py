"""A bucket of so many at once and so many a second: how bursts are bounded, and what goes on for
ever is paced (I25). What is drawn from one, and how large it is, others say.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How many a bucket holds, and how fast it fills."""

    capacity: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left, as of a time in monotonic seconds."""

    left: float
    at_seconds: float = 0.0


# take, wait_seconds, spent
#
#   left, refilled to now   take  and the bucket then   wait_seconds            spent
#   ---------------------   ----  -------------------   ---------------------   -----
#   1 or more               yes   1 less                0                       1 less
#   less                    no    as refilled           until there is 1        0
def take(bucket: Bucket, size: Size, now: float) -> tuple[bool, Bucket]:
    """Ask for one now."""
    bucket = _refilled(bucket, size, now)
    if bucket.left < 1.0:
        return False, bucket
    return True, Bucket(bucket.left - 1.0, now)


def wait_seconds(bucket: Bucket, size: Size, now: float) -> float:
    """How long it takes until there is one."""
    return max(0.0, (1.0 - _refilled(bucket, size, now).left) / size.per_second)


def spent(bucket: Bucket, size: Size, now: float) -> Bucket:
    """One is taken, whether it is there or not: who waited for it finds it but for a rounding."""
    return Bucket(max(0.0, _refilled(bucket, size, now).left - 1.0), now)


def _refilled(bucket: Bucket, size: Size, now: float) -> Bucket:
    # a clock that seems to go back refills nothing
    passed = max(0.0, now - bucket.at_seconds)
    return Bucket(min(size.capacity, bucket.left + passed * size.per_second), now)
