"""How much of a region's load stays, and how much goes where: shares by weight. Pure.

What a region can bear is the weight of its healthy endpoints. What it usually bears is
that of all its endpoints, divided by the policy's `overprovisioning`: with 1.4, three
tenths may fall before anything has to go elsewhere. What does not fit at home goes to the
next regions in order, to each no more than it has to spare (I28).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bearing:
    """The weights of one region's endpoints for a service."""

    region: str
    healthy: int
    counted: int
    """Of healthy and unhealthy ones; those not validated, or leaving, do not count (I27)."""
    stands_in: bool = True
    """Whether the region may be sent others' load."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the home region's load that a region is to have, over 0 and up to 1."""

    region: str
    part: float


# shares
#
#   home is                 its load                others' spare    shares
#   ----------------------  ----------------------  ---------------  ----------------------------
#   unknown: counts none    cannot be told          any              home alone
#   well, or fits           at most its capacity    any              home alone
#   partly unwell           more than its capacity  enough in all    what fits at home, the rest
#                                                                    in order, each up to its spare
#   partly or all unwell    more than its capacity  not enough       others up to their spare, and
#                                                                    home the rest: it is served
#   all unwell              none fits               none             home alone
#
# "Spare" is healthy weight beyond a region's own usual load, of a region that stands in.
def shares(home: Bearing, others: Sequence[Bearing], overprovisioning: float) -> tuple[Share, ...]:
    """Who bears how much of home's load; `others` in failover order. Parts add up to 1."""
    load = home.counted / overprovisioning
    excess = load - min(load, float(home.healthy))
    if excess <= _ROUNDING * load:
        return (Share(home.region, 1.0),)
    moved: list[Share] = []
    for other in others:
        spare = max(0.0, other.healthy - other.counted / overprovisioning)
        taken = min(spare, excess) if other.stands_in else 0.0
        if taken > _ROUNDING * load:
            moved.append(Share(other.region, taken / load))
            excess -= taken
    left = 1.0 - sum(share.part for share in moved)
    if left > _ROUNDING:
        return (Share(home.region, left), *moved)
    return tuple(moved)


# limits
#
#   region   its endpoints                 can bear of home's load
#   -------  ----------------------------  -------------------------------------------------
#   home     some healthy                  all of it: it is served before others are harmed
#   home     none healthy                  nothing
#   another  it stands in                  what it has to spare
#   another  it does not                   nothing
def limits(home: Bearing, others: Sequence[Bearing], overprovisioning: float) -> dict[str, float]:
    """The greatest part of home's load that each region can bear, whatever it is given."""
    load = home.counted / overprovisioning
    found = {home.region: 1.0 if home.healthy else 0.0}
    for other in others:
        spare = max(0.0, other.healthy - other.counted / overprovisioning)
        found[other.region] = spare / load if load and other.stands_in else 0.0
    return found


def spread(weights: Sequence[int], part: float) -> tuple[int, ...]:
    """Weights in the same proportions that add up to about `part` of SCALE; each at least 1."""
    whole = sum(weights)
    if whole <= 0:
        return tuple(1 for _ in weights)
    return tuple(max(1, round(weight / whole * part * SCALE)) for weight in weights)


SCALE = 10_000
"""Weights of shares are reckoned in ten thousandths, well within 16 bits (RFC 2782)."""
_ROUNDING = 1e-9
