"""For how long an answer may be kept while a change of it is coming at a known time (I30). Pure.

The time that is left shrinks with each second, and a compiled answer does not. So the TTL goes
down by rungs, and answers are compiled anew only where it steps from one to the next: a few
times a change, however many ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RUNGS = (60, 45, 30, 20, 10, 5)
"""Seconds, from the longest TTL to the least."""
_ROUNDING = 1e-3
"""Of a second: a step that is due is taken, though a difference of floats be a hair too great."""


@dataclass(frozen=True, slots=True)
class Ebb:
    """What an answer's TTL is bounded by until its next step down."""

    seconds: int
    until: float | None
    """When it is less; None: it is the least."""


# ebb
#
#   left until the change        the TTL at most              until
#   ---------------------------  ---------------------------  -------------------------------
#   more than the last rung but  the greatest rung that is    as much is left as that rung: no
#   one                          less than what is left       answer is to outlive the change
#   else                         the least rung               it has come
def ebb(change_time: float, now: float) -> Ebb:
    """The bound at `now` of what is to change at `change_time`, both of one clock."""
    left = change_time - now
    for rung in RUNGS[:-1]:
        if rung + _ROUNDING < left:
            return Ebb(rung, change_time - rung)
    return Ebb(RUNGS[-1], None)


def ebbs(changes: Iterable[tuple[str, float | None]], now: float) -> dict[str, Ebb]:
    """By region, what its next change bounds; `changes` may tell of several, or of none."""
    found: dict[str, float] = {}
    for region, time in changes:
        if time is not None:
            found[region] = min(time, found.get(region, time))
    return {region: ebb(time, now) for region, time in found.items()}
