"""Points in time and spans: Unix milliseconds and seconds here, messages there.

A message that takes one of these over copies it, so the same few are given again and again:
the instances of one commit were all made in one millisecond.
"""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

REMEMBERED = 1024
_NANOS = 1_000_000_000


@lru_cache(maxsize=REMEMBERED)
def timestamp(unix_ms: int) -> Timestamp:
    """A point in time. To be copied, never changed."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000)


@lru_cache(maxsize=REMEMBERED)
def duration(seconds: float) -> Duration:
    """A span, not negative. To be copied, never changed."""
    span = Duration()
    write_duration(span, seconds)
    return span


def write_duration(span: Duration, seconds: float) -> None:
    """Make it a span of that length: for one that is hardly ever asked for again."""
    span.seconds, span.nanos = divmod(round(seconds * _NANOS), _NANOS)


def seconds_of(span: Duration) -> float:
    """A span in seconds."""
    return float(span.seconds) + span.nanos / _NANOS
