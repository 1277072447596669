"""When the changes of health that are found out are stored: at once, unless they never end.

A change that comes alone is stored and published at once. When everything flaps, changes
come one after another for as long as it lasts, each with a transaction and a publication of its
own, and a registry that works several times as much just then would be part of the outage: past
the budget they are stored by the second, all that have gathered together (I25).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CAPACITY = 32.0
"""Groups in a row that are stored at once: enough for the death of a region."""
PER_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Promptness:
    """A bucket of groups stored at once. Times are monotonic seconds."""

    left: float = CAPACITY
    at_seconds: float = 0.0


# wait_seconds, spent
#
#   in the bucket, refilled to now   the group is stored        the bucket then
#   -------------------------------  -------------------------  ---------------
#   1 or more                        at once                    1 less
#   less                             when there is 1 again      0
def wait_seconds(promptness: Promptness, now: float) -> float:
    """How long a group has to gather before it is stored."""
    return max(0.0, (1.0 - _refilled(promptness, now).left) / PER_SECOND)


def spent(promptness: Promptness, now: float) -> Promptness:
    """A group is stored now."""
    refilled = _refilled(promptness, now)
    return replace(refilled, left=max(0.0, refilled.left - 1.0))


def _refilled(promptness: Promptness, now: float) -> Promptness:
    passed = max(0.0, now - promptness.at_seconds)
    return Promptness(min(CAPACITY, promptness.left + passed * PER_SECOND), now)
