"""Times as operators read them: how long ago, how much longer. Pure."""

from __future__ import annotations

from typing import Any


def span(seconds: float) -> str:
    """A length of time in its two largest units: `3d 4h`, `4m 5s`, `7s`, `0.4s`."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, below, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // below}{smaller}"
    return f"{whole // 60}m {whole % 60}s" if whole >= 60 else f"{whole}s"


def ago(message: Any, field: str, now: float) -> str:
    """How long ago a timestamp field of a message was; `-` where it is unset.

    A machine whose clock is behind the registry's sees 0, not the future.
    """
    if not message.HasField(field):
        return "-"
    return span(max(0.0, now - seconds_of(getattr(message, field))))


def until(message: Any, field: str, now: float) -> str:
    """How far away a timestamp field is: `in 12s`, or `7s ago`."""
    if not message.HasField(field):
        return "-"
    left = seconds_of(getattr(message, field)) - now
    return f"in {span(left)}" if left >= 0 else f"{span(-left)} ago"


def duration_text(duration: Any) -> str:
    """A Duration: `15s`, `0.5s`."""
    return f"{seconds_of(duration):g}s"


def seconds_of(value: Any) -> float:
    """A Timestamp or a Duration, in seconds."""
    return float(value.seconds) + float(value.nanos) / 1e9
