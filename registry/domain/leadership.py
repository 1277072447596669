"""Who leads a cell: a row with an epoch and a lease, timed by the database's clock.

The lease only says when another may begin. Nothing that is written rests on it: every
write carries the epoch, and one of an old epoch is refused (I3).
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import NO_EPOCH, Epoch
from registry.domain.plan import Head

LEASE_LIMIT_MS = 5 * 60 * 1000
"""No lease is longer."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A cell's row: who leads it, until when by the database's clock."""

    epoch: Epoch
    leader: str
    """Empty when nobody leads."""
    until_ms: int
    seen_epoch: Epoch = NO_EPOCH
    """The highest that a frontend came with which this database never gave."""


@dataclass(frozen=True, slots=True)
class Bid:
    """A node asks to lead, or to go on leading."""

    node: str
    lease_ms: int
    now_ms: int
    """By the database's clock."""
    exclusive: bool
    """No other process can be at the database: whoever led before is gone."""


@dataclass(frozen=True, slots=True)
class Leadership:
    """A cell led by this node: its fencing number and its head at that moment."""

    epoch: Epoch
    head: Head


# decide_lead
#
#   leader now   its lease   exclusive   frontends saw      result
#                            database    an epoch not below
#   -----------  ----------  ----------  -----------------  ---------------------------------
#   this node    any         any         no                 kept, epoch as it was: nobody came
#                                                           between
#   nobody       -           any         no                 taken, epoch + 1
#   another      run out     any         no                 taken, epoch + 1
#   another      in force    yes         no                 taken, epoch + 1
#   another      in force    no          any                None
#   any other row                        yes                taken, above the epoch they saw
#
# A lease that ends further ahead than any can is not in force: the row was edited, or the
# clock was set back (I10, I36). The last row is a database restored from a backup: to
# frontends its epochs are past.
def decide_lead(seat: Seat, bid: Bid) -> Seat | None:
    """The seat as it is when the bid is granted; None when it is refused."""
    held_by_other = seat.leader not in ("", bid.node)
    in_force = bid.now_ms < seat.until_ms <= bid.now_ms + LEASE_LIMIT_MS
    if held_by_other and in_force and not bid.exclusive:
        return None
    epoch = seat.epoch if seat.leader == bid.node else Epoch(seat.epoch + 1)
    if seat.seen_epoch >= epoch:
        epoch = Epoch(seat.seen_epoch + 1)
    return Seat(epoch, bid.node, bid.now_ms + bid.lease_ms, seat.seen_epoch)
