"""Moving a head: the one decision by which a generation becomes the active one.

A store reads the cell's row in the transaction that writes, asks `judge_move`, and does
what it says. So it holds with every lock and lease taken away, after any pause, under any
clock (I2, I3): what a writer believed when it began counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from registry.domain.names import Epoch, Generation


@dataclass(frozen=True, slots=True)
class Pointer:
    """A cell's row as the writing transaction sees it."""

    epoch: Epoch
    generation: Generation
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a writer wants: the head to go from `parent` to `generation`."""

    epoch: Epoch | None
    """The leader's; None for an operator, who leads nothing and may act in a frozen cell."""
    parent: Generation
    generation: Generation


class Move(Enum):
    """What becomes of an attempt."""

    MADE = "made"
    LOST = "lost"
    """Another generation came first: plan anew, from fresh state."""
    DEPOSED = "deposed"
    """Another node leads the cell."""
    FROZEN = "frozen"
    """Somebody stopped the cell's automation."""
    BACKWARD = "backward"
    """It would not rise: a bug of the writer."""


# judge_move
#
#   writer    its epoch   cell     parent named       generation   move
#   --------  ----------  -------  -----------------  -----------  --------
#   a leader  not the     any      any                any          DEPOSED
#             cell's
#   a leader  the cell's  frozen   any                any          FROZEN
#   any       -           -        not the head       any          LOST (I2)
#   any       -           -        the head           not above    BACKWARD (I1)
#   any       -           -        the head           above        MADE
def judge_move(at: Pointer, attempt: Attempt) -> Move:
    """Whether the head may move as asked; nothing but the row and the attempt is looked at."""
    if attempt.epoch is not None:
        if attempt.epoch != at.epoch:
            return Move.DEPOSED
        if at.frozen:
            return Move.FROZEN
    if attempt.parent != at.generation:
        return Move.LOST
    if attempt.generation <= at.generation:
        return Move.BACKWARD
    return Move.MADE
