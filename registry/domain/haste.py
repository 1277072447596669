"""How many probes may be made sooner than their turn: a budget, so that work stays constant.

A try that might settle something is worth making at once, and one endpoint that dies is
found out in seconds by it. When everything fails at once there is nothing left to find out
quickly, and a registry that probes five times as much just then would be part of the
outage: past the budget each target waits for its ordinary turn (I25).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SHARE = 0.05
"""Of the ordinary probes, over a longer time, this many may come on top."""
ORDINARY_SECONDS = 5.0
"""The default interval of probes, by which the share is reckoned."""
FLOOR = 64.0
"""Hasty probes in a row are always possible up to this: a small cell is looked at closely."""
FLOOR_PER_SECOND = 4.0


@dataclass(frozen=True, slots=True)
class Haste:
    """A bucket of hasty probes. Times are monotonic seconds."""

    left: float = FLOOR
    at_seconds: float = 0.0


# take
#
#   in the bucket, refilled to now   granted  the bucket after
#   -------------------------------  -------  ----------------
#   1 or more                        yes      1 less
#   less                             no       as refilled
def take(haste: Haste, targets: int, now: float) -> tuple[bool, Haste]:
    """Ask for one hasty probe in a cell of so many targets."""
    capacity = max(FLOOR, SHARE * targets)
    rate = max(FLOOR_PER_SECOND, SHARE * targets / ORDINARY_SECONDS)
    passed = max(0.0, now - haste.at_seconds)
    refilled = Haste(min(capacity, haste.left + passed * rate), now)
    if refilled.left < 1.0:
        return False, refilled
    return True, replace(refilled, left=refilled.left - 1.0)
