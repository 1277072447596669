"""What a node knows of the entries that its registrations go into, as it begins to write them.

Several nodes write one database, and each lets in what there is room for as far as it has
heard. Together that may be too much (I9). So whoever comes near a bound is judged again in the
transaction that writes it, where no other can be under way. Far from the bounds that costs a
comparison: each revision that the node has not heard of added one instance at most, and
no more octets than the history has of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry.domain.names import Revision
from registry.domain.operation import Operation, Register
from registry.domain.room import FIXED_OCTETS, NOTHING, Place, Size, place_of


@dataclass(frozen=True, slots=True)
class Tally:
    """The entries that some operations go into."""

    revision: Revision
    """What the node has heard of; it knows of nothing later."""
    most: Size
    """What the endpoints of one entry may come to."""
    taken: Mapping[Place, Size]
    """What was there at that revision."""
    promised: Mapping[Place, Size]
    """What the node let in: these operations, and perhaps some that it has heard of since."""


def places_of(operations: Iterable[Operation]) -> frozenset[Place]:
    """The entries that the operations may enlarge."""
    return frozenset(
        place_of(operation.registration)
        for operation in operations
        if isinstance(operation, Register)
    )


# crowded
#
#   the node's tally   what came since   most that could be there   the entry
#   -----------------  ----------------  -------------------------  -----------------------
#   none               -                 -                          is looked at
#   some               not known         -                          is looked at
#   some               known             within both bounds         has room, whatever came
#   some               known             beyond one of them         is looked at
def crowded(
    operations: Iterable[Operation], tally: Tally | None, unheard: Size | None
) -> frozenset[Place]:
    """The entries that the operations might make too large.

    `tally` is of these very operations; `unheard` the most that was added since it was made.
    """
    if tally is None or unheard is None:
        return places_of(operations)
    return frozenset(
        place
        for place, taken in tally.taken.items()
        if taken.plus(tally.promised.get(place, NOTHING)).plus(unheard).passes(tally.most)
    )


def unheard_of(tally: Tally, revision: Revision, characters: int) -> Size:
    """The most that was added between a tally and a revision, all of it to one entry.

    `characters` are those of the history in between, as the store writes it: each text that is
    counted stands there in quotes. A character is at most four octets.
    """
    steps = revision - tally.revision
    return Size(steps, steps * FIXED_OCTETS + 4 * characters)
