"""What the database itself knows of each name of a head: whether it has an answer.

The plan's content is octets to the database. This one row a name beside it is what lets
a trigger hold the rule of rules a third time: no name loses its last endpoint unless that
was asked for (I7). Of an entry that nothing could make again (its instances are gone, its
endpoints are held) the row keeps the octets too, so that even a lost plan loses no name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from registry.domain.plan import ServicePlan
from registry.domain.planner import is_servable


class Asked(IntEnum):
    """Whether somebody asked for the name to be empty, and how."""

    NO = 0
    TOMBSTONE = 1
    SCALE_TO_ZERO = 2


@dataclass(frozen=True, slots=True)
class ServedName:
    """One name of a cell's head."""

    servable: int
    """Endpoints that an answer may name."""
    asked: Asked
    body: bytes | None
    """The entry, when it is held."""


def served_name(plan: ServicePlan | None, body: bytes) -> ServedName:
    """The row of an entry. One that is not understood (None) claims nothing."""
    if plan is None:
        return ServedName(0, Asked.NO, None)
    if plan.tombstone is not None:
        asked = Asked.TOMBSTONE
    elif plan.policy is not None and plan.policy.scale_to_zero:
        asked = Asked.SCALE_TO_ZERO
    else:
        asked = Asked.NO
    servable = sum(map(is_servable, plan.endpoints))
    return ServedName(servable, asked, body if plan.held else None)


# is_emptied: the triggers `names_never_empty` and `names_never_vanish` say the same in SQL
#
#   row before   row after                      emptied
#   -----------  -----------------------------  -----------------------------------------
#   none, or     any                            no
#   nothing
#   servable
#   servable     none                           yes
#   servable     servable                       no
#   servable     nothing servable, not asked    yes
#   servable     nothing servable, TOMBSTONE    unless the service's row has a tombstone:
#                                               the word of the plan alone is not enough
#   servable     nothing servable, other        no
def is_emptied(
    before: ServedName | None, after: ServedName | None, *, service_is_tombstoned: bool
) -> bool:
    """Whether a name loses its last endpoint without anybody having asked for it."""
    if before is None or before.servable == 0:
        return False
    if after is None:
        return True
    if after.servable > 0:
        return False
    if after.asked is Asked.TOMBSTONE:
        return not service_is_tombstoned
    return after.asked is Asked.NO
