"""How fast a region's load moves to others, and back: in bounded steps (I28). Pure.

`capacity.shares` says who ought to bear how much. A region that is sent half of another's
load in one moment has cold caches and too few connections for it, whatever its endpoints
could bear an hour later; and what left too fast comes back too fast. So load that can be
borne where it is moves by steps, and only what cannot moves at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dns_frontend.plan.capacity import Share

STEP = 0.2
"""Of a name's load in one region: so much moves in one interval ..."""
INTERVAL_SECONDS = 10.0
"""... of this length: the default TTL, so that clients have followed before the next step."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a region's load ought to be, and what each region can bear of it at most."""

    shares: tuple[Share, ...]
    limits: Mapping[str, float]
    """By region; one that is not in it can bear nothing. The home region's is 1 while any of its
    endpoints is healthy: it is served before others are harmed."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """Where the load is on its way to a goal."""

    shares: tuple[Share, ...]
    goal: tuple[Share, ...]
    step_time: float = float("-inf")
    """When a step was last taken, in seconds of the caller's clock."""

    @property
    def due(self) -> float | None:
        """When the next step may be taken; None: it has arrived."""
        return None if self.shares == self.goal else self.step_time + INTERVAL_SECONDS


# step
#
#   before     the load                            moves
#   ---------  ----------------------------------  ----------------------------------------------
#   none       any                                 to the goal: where it was is not known
#   at a ramp  of a region beyond what it can      at once, to where the goal wants more
#              bear now
#   at a ramp  else, less than INTERVAL since the  not yet
#              last step
#   at a ramp  else, INTERVAL or more              STEP of it at most, all regions together
#
# Gains are in proportion to what each region lacks of its goal; so none is ever given more
# than the goal has for it, which is what it can spare.
def step(before: Ramp | None, goal: Goal, now: float) -> Ramp:
    """The ramp at `now`. Shares add up to 1, as those of the goal do."""
    if before is None:
        return Ramp(goal.shares, goal.shares)
    at = {share.region: share.part for share in before.shares}
    wanted = {share.region: share.part for share in goal.shares}
    losses = {r: part - wanted.get(r, 0.0) for r, part in at.items() if part > wanted.get(r, 0.0)}
    forced = {
        region: max(0.0, min(loss, at[region] - goal.limits.get(region, 0.0)))
        for region, loss in losses.items()
    }
    lost, at_once = sum(losses.values()), sum(forced.values())
    free = lost - at_once
    is_due = now - before.step_time >= INTERVAL_SECONDS
    stepped = min(STEP, free) if is_due else 0.0
    step_time = now if stepped > _ROUNDING else before.step_time
    if lost - at_once - stepped <= _ROUNDING:
        return Ramp(goal.shares, goal.shares, step_time)
    granted = (at_once + stepped) / lost
    parts: dict[str, float] = {}
    for region in dict.fromkeys((*wanted, *at)):
        part = at.get(region, 0.0)
        if region in losses:
            part -= forced[region] + (losses[region] - forced[region]) * stepped / free
        else:
            part += (wanted[region] - part) * granted
        if part > _ROUNDING:
            parts[region] = part
    return Ramp(
        tuple(Share(region, part) for region, part in parts.items()), goal.shares, step_time
    )


def order(shares: Sequence[Share], regions: Sequence[str]) -> tuple[Share, ...]:
    """The shares as regions are wanted; those of regions that are not wanted are left out."""
    by_region = {share.region: share for share in shares}
    return tuple(by_region[region] for region in regions if region in by_region)


_ROUNDING = 1e-9
