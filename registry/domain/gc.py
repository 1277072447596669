"""Which plans may be deleted: those that nobody can reach any more, whatever their age (I4).

The store reads the rows in the transaction that deletes, and asks `removable`. In October
2025 a clean-up removed a plan because it was old, while it was the active one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from registry.domain.names import Generation


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept, though nobody needs it."""

    generations: int = 64
    """The last so many, the head included."""
    seconds: float = 24 * 3600.0
    """Those made within so long."""
    frontend_seconds: float = 7 * 24 * 3600.0
    """A frontend silent for longer is not expected back."""

    def __post_init__(self) -> None:
        """Nothing is kept by accident. Raises ValueError."""
        if self.generations < 2:
            raise ValueError("keep.generations: below 2, so that the last one can be rolled back")
        if self.seconds < 0 or self.frontend_seconds < 0:
            raise ValueError("keep: negative seconds")


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan's row, as far as clean-up looks at it."""

    generation: Generation
    create_time_ms: int
    is_base: bool
    """Whether it is stored whole; else it is read as the last base before it and the deltas."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What can reach a plan of the cell, as the deleting transaction reads it."""

    head: Generation
    last: Generation
    """The oldest of the last `Keep.generations`, counted from the head."""
    pinned: Collection[Generation]
    restored: Collection[Generation]
    """Where rollbacks among the kept generations came from, and what they replaced."""
    slowest: Generation | None
    """The lowest that a frontend which may come back has applied; None: none has anything."""
    young_ms: int
    """Plans made after this are young."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """One transaction of clean-up."""

    deleted: int
    more: bool
    """Whether another one may find more."""


class Reason(Enum):
    """Why a plan is kept."""

    HEAD = "head"
    LAST = "last"
    PINNED = "pinned"
    RESTORED = "restored"
    FRONTEND = "frontend"
    YOUNG = "young"
    LINK = "link"


# reason_to_keep
#
#   the plan is                                                       kept as
#   ----------------------------------------------------------------  --------
#   the head, or above it (no head pointed there, yet or ever)        HEAD
#   among the last Keep.generations                                   LAST
#   pinned                                                            PINNED
#   what a kept rollback restored, or replaced                        RESTORED
#   applied by the slowest frontend that may come back, or newer      FRONTEND
#   younger than Keep.seconds                                         YOUNG
#   read on the way to one of these: see `removable`                  LINK
#   none of these                                                     -
def reason_to_keep(plan: StoredPlan, reach: Reach) -> Reason | None:
    """Why a plan must stay, looked at by itself; None: only a link could need it."""
    generation = plan.generation
    if generation >= reach.head:
        return Reason.HEAD
    if generation >= reach.last:
        return Reason.LAST
    if generation in reach.pinned:
        return Reason.PINNED
    if generation in reach.restored:
        return Reason.RESTORED
    if reach.slowest is not None and generation >= reach.slowest:
        return Reason.FRONTEND
    if plan.create_time_ms > reach.young_ms:
        return Reason.YOUNG
    return None


def removable(
    plans: Sequence[StoredPlan], reach: Reach, *, complete: bool
) -> tuple[Generation, ...]:
    """The plans of `plans` that may go, in one transaction with the reading of all this.

    `plans` are the oldest of the cell, ascending; `complete` when there are no more. A plan
    is a link of every plan after it up to the next base, so those after the last base of an
    incomplete window stay: what needs them may lie outside.
    """
    gone: list[Generation] = []
    segment: list[StoredPlan] = []
    for plan in plans:
        if plan.is_base and segment:
            gone += _unneeded(segment, reach)
            segment = []
        segment.append(plan)
    if complete and segment:
        gone += _unneeded(segment, reach)
    return tuple(gone)


def _unneeded(segment: Sequence[StoredPlan], reach: Reach) -> list[Generation]:
    """Of one base and the deltas that build on it: what comes after the last kept one."""
    kept = [reason_to_keep(plan, reach) is not None for plan in segment]
    first = len(segment) - kept[::-1].index(True) if any(kept) else 0
    return [plan.generation for plan in segment[first:]]
