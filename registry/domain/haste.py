"""How many probes may be made sooner than their turn: a budget, so that work stays constant.

A try that might settle something is worth making at once, and one endpoint that dies is
found out in seconds by it. When everything fails at once there is nothing left to find out
quickly, and a registry that probes five times as much just then would be part of the
outage: past the budget each target waits for its ordinary turn (I25).
"""

from __future__ import annotations

from registry.domain.bucket import Bucket, Size

SHARE = 0.05
"""Of the ordinary probes, over a longer time, this many may come on top."""
ORDINARY_SECONDS = 5.0
"""The default interval of probes, by which the share is reckoned."""
FLOOR = 64.0
"""Hasty probes in a row are always possible up to this: a small cell is looked at closely."""
FLOOR_PER_SECOND = 4.0

FULL = Bucket(FLOOR)
"""What a cell begins with."""


# size
#
#   targets                              hasty probes in a row  in a second
#   -----------------------------------  ---------------------  ----------------------------
#   few: their SHARE is below the floor  FLOOR                  FLOOR_PER_SECOND
#   more                                 SHARE of the targets   the same each ORDINARY_SECONDS
#
# Each column has its own floor.
def size(targets: int) -> Size:
    """The bucket of hasty probes of a cell of so many targets."""
    return Size(
        max(FLOOR, SHARE * targets), max(FLOOR_PER_SECOND, SHARE * targets / ORDINARY_SECONDS)
    )
