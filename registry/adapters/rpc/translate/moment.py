"""Points in time and spans: Unix milliseconds and seconds here, messages there."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_NANOS = 1_000_000_000


def timestamp(unix_ms: int) -> Timestamp:
    """A point in time."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000)


def duration(seconds: float) -> Duration:
    """A span, not negative."""
    whole, nanos = divmod(round(seconds * _NANOS), _NANOS)
    return Duration(seconds=whole, nanos=nanos)


def seconds_of(span: Duration) -> float:
    """A span in seconds."""
    return float(span.seconds) + span.nanos / _NANOS
