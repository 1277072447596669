"""Names that a cell lost or emptied by accident, and that are answered all the same (I7).

A generation that lacks something is taken for every other name; of these the entry that was
answered last is *held*, beside the generation's own content, which stays what its digest
says (I6). So a fault of one name is one name's (I20). A name is held until the registry
deletes it, or has something to say of it again; no age ends that.

Pure. What share of a cell may be held at once is the guard's to say (`guard.judge`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dns_frontend.plan.digest import Difference, EntryTree, Published
from dns_frontend.plan.guard import is_emptied

Held = Mapping[str, Published]
"""By key, what was answered last of each name that is held."""

TOLD_MAXIMUM = 20
"""Names told one by one; the others are counted."""


# held_over
#
#   what is answered now    in the candidate                     of the name is answered
#   ----------------------  -----------------------------------  ---------------------------
#   nothing, or tombstoned  anything                             the candidate's
#   live                    absent                               what is answered now: held
#   live                    tombstoned                           the candidate's: asked for
#   servable                nothing servable, scale_to_zero      the candidate's: asked for
#   servable                nothing servable                     what is answered now: held
#   servable                servable                             the candidate's
#   live, not servable      live                                 the candidate's
#
# What is answered now is what is held, if the name is held already, else the entry of the
# generation that is served.
def held_over(
    served: EntryTree, held: Held, candidate: EntryTree, difference: Difference
) -> dict[str, Published]:
    """What is to be held when `candidate` follows; `difference` is from `served` to it.

    Costs what differs and what is held.
    """
    kept: dict[str, Published] = {}
    for key in {*difference.changed, *difference.removed, *held}:
        answered = held.get(key) or served.get(key)
        new = candidate.get(key)
        # with a fault it is as good as absent; from a registry it is refused before it comes here
        said = new.entry if new is not None and not new.fault else None
        if answered is not None and is_emptied(answered.entry, said):
            kept[key] = answered
    return dict(sorted(kept.items()))


# mended
#
#   entry from disk       an older generation on disk has it   of the name is answered
#   --------------------  -----------------------------------  ---------------------------------
#   without a fault       -                                    the entry
#   with one              without a fault                      the older one's: held
#   with one              with one, or not at all              the entry itself, as before: held
#
# A fault in what was served once is one that a newer guard finds. It is no reason to empty a
# name (I7), and concerns no other (I11): that of which no answer can be made fails by itself.
def mended(tree: EntryTree, held: Held, older: Iterable[EntryTree]) -> dict[str, Published]:
    """What is to be held of a generation from disk; `older` ones come newest first."""
    faulty = {
        key: each
        for key in tree.faulty
        if (each := tree.get(key)) is not None
        and each.fault
        and key not in held
        and each.entry is not None
        and not each.entry.tombstoned
    }
    if not faulty:
        return dict(held)
    found: dict[str, Published] = {}
    for other in older:
        for key in faulty.keys() - found.keys():
            good = other.get(key)
            if (
                good is not None
                and not good.fault
                and good.entry is not None
                and not good.entry.tombstoned
            ):
                found[key] = good
        if len(found) == len(faulty):
            break
    return dict(sorted((dict(held) | faulty | found).items()))


class Turn(NamedTuple):
    """What answers have to take in; all by key."""

    changed: Mapping[str, Published]
    removed: tuple[str, ...]
    held: Held
    """Held from now on."""


def turn(
    old: EntryTree,
    old_held: Held,
    new: EntryTree,
    new_held: Held,
    difference: Difference | None = None,
) -> Turn:
    """From one content with its held names to another; `difference` where it is known."""
    if difference is None:
        difference = old.difference(new)
    if not old_held and not new_held:
        return Turn(difference.changed, difference.removed, {})
    changed, removed = dict(difference.changed), set(difference.removed)
    begun: dict[str, Published] = {}
    for key, kept in new_held.items():
        changed.pop(key, None)
        removed.discard(key)
        before = old_held.get(key)
        if before is None or before.body != kept.body:
            begun[key] = kept
    for key in old_held.keys() - new_held.keys():
        released = new.get(key)
        if released is None:
            removed.add(key)
        else:
            changed[key] = released
    return Turn(changed, tuple(sorted(removed)), begun)


def told(held: Held) -> tuple[str, ...]:
    """The first of the names, to be told."""
    return tuple(sorted(held)[:TOLD_MAXIMUM])
