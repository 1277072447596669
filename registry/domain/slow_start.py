"""Slow start: an endpoint that has just come up gets a small share first, by its weight."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

STEPS = 10
"""A share rises in so many steps, so that not every look at it makes a new generation."""
SCALE = 100
"""Weights are multiplied by this while one rises: a weight of 1 has no tenth."""
HEAVIEST = 65535
"""RFC 2782: the weight of an SRV record has 16 bits."""


# share
#
#   slow start  up for             share
#   ----------  -----------------  ---------------------------------
#   none        any                1
#   some        all of it or more  1
#   some        less               its tenths gone by, plus one tenth
def share(up_for_seconds: float, slow_start_seconds: float) -> float:
    """Which part of its weight an endpoint is to have, over 0 and up to 1."""
    if slow_start_seconds <= 0.0:
        return 1.0
    gone_by = min(max(up_for_seconds, 0.0), slow_start_seconds)
    tenths = floor(gone_by / slow_start_seconds * STEPS)
    return min(1.0, (tenths + 1) / STEPS)


# weights
#
#   shares       weights
#   -----------  -------------------------------------------------------------------
#   all 1        as registered
#   any below 1  all scaled alike by up to SCALE, as far as the heaviest allows, then
#                each times its share; at least 1
def weights(registered: Sequence[int], shares: Sequence[float]) -> tuple[int, ...]:
    """The weights to publish, in the same order."""
    if all(each >= 1.0 for each in shares):
        return tuple(registered)
    scale = max(1, min(SCALE, HEAVIEST // max(registered)))
    return tuple(
        max(1, round(weight * scale * each))
        for weight, each in zip(registered, shares, strict=True)
    )
