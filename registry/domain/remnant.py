"""Rows that outlive what they are about: frontends that do not come back, deleted services.

They go when nobody can need them any more. The store reads what that rests on in the
transaction that deletes, and asks here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.domain.names import FrontendId, Revision, ServiceKey


# frontend_is_gone
#
#   last heard of                      row
#   ---------------------------------  ----------------------------------------------------
#   within `Keep.frontend_seconds`     stays: it may come back, and plans are kept for it (I4)
#   before that                        goes: no plan is kept for it, and should it come back
#                                      after all, its first word makes the row anew
def frontend_is_gone(seen_ms: int, silent_ms: int) -> bool:
    """Whether a frontend last heard of then is forgotten; `silent_ms`: none is expected before."""
    return seen_ms < silent_ms


@dataclass(frozen=True, slots=True)
class Buried:
    """A deleted service, as far as clean-up looks at it."""

    key: ServiceKey
    revision: Revision
    """Of its deletion."""
    tombstone_ms: int
    is_answered: bool
    """Whether the head of some cell has its name without a tombstone."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What somebody may still go by, as the deleting transaction reads it."""

    oldest: Revision | None
    """The lowest revision that a stored plan of any cell was made of; None: one has no plan."""
    rolled_back: bool
    """Whether a stored plan was made by a rollback: it has older content than its revision."""
    young_ms: int
    """What was deleted after this is young."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One transaction that deleted rows of what is no more."""

    frontends: Sequence[FrontendId]
    services: Sequence[ServiceKey]
    buried: frozenset[ServiceKey]
    """The deleted services that are still remembered ..."""
    revision: Revision
    """... at this revision."""


# service_is_forgotten
#
#   deleted   its name at some head   stored plans of all cells            row
#   --------  ----------------------  -----------------------------------  -------------------
#   lately    any                     any                                  stays
#   long ago  without the tombstone   any                                  stays: it has to be
#                                                                          buried there first
#   long ago  buried or gone          one of before the deletion, or by a  stays: who has that
#                                     rollback; or a cell without any      plan, or rolls back
#                                                                          to it, would have the
#                                                                          name for ever (I7)
#   long ago  buried or gone          all made after it                    goes
#
# Plans that frontends may come back with are among the stored ones (I4), so the third row is
# about them too. Once the row is gone, planners take the tombstone out of the entries.
def service_is_forgotten(service: Buried, memory: Memory) -> bool:
    """Whether the tombstone of a service has done its work."""
    if service.tombstone_ms > memory.young_ms or service.is_answered:
        return False
    if memory.oldest is None or memory.rolled_back:
        return False
    return memory.oldest >= service.revision
