"""What the database itself knows of each name of a head: whether it has an answer.

The plan's content is octets to the database. This one row a name beside it is what lets
a trigger hold the rule of rules a third time: no name loses its last endpoint unless that
was asked for (I7). The row keeps the entry's octets too, so that even lost plans lose no
name: its instances may be gone, and nothing else could make it again.
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
    """The entry."""


def served_name(plan: ServicePlan | None, body: bytes) -> ServedName:
    """The row of an entry. One that is not understood (None) claims nothing."""
    if plan is None:
        return ServedName(0, Asked.NO, body)
    if plan.tombstone is not None:
        asked = Asked.TOMBSTONE
    elif plan.policy is not None and plan.policy.scale_to_zero:
        asked = Asked.SCALE_TO_ZERO
    else:
        asked = Asked.NO
    servable = sum(map(is_servable, plan.endpoints))
    return ServedName(servable, asked, body)


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
