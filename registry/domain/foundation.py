"""What the next generation of a cell is built on, whatever is left of the last one (I10).

    the head's plan     what is built on
    ------------------  -------------------------------------------------------------------
    generation 0, and   nothing: the empty start
    no plan is stored
    can be read         it
    is damaged, or      what the rows of `names` keep of each entry; where that cannot be read
    cannot be read      either, what can be read of the head's plan, or of the newest older
                        generation that can be read: what names had is to be remembered (I7);
                        so too when the head's own row was lost

Whatever is built on is the head only if its digest is the head's, and the rows of `names`
say of it what they should; else it is published anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from registry.domain.cell_plan import CellPlan, Entry, restore
from registry.domain.names import Generation
from registry.domain.plan import Head, PlanRecord, ServicePlan
from registry.domain.publication import first_record
from registry.domain.served_name import ServedName

OLDER_TRIES = 17
"""Older generations tried: 1, 2, 4, ... 65,536 before the head."""

Found = tuple[PlanRecord, Mapping[str, bytes]] | None
"""A stored plan; None when it, or a link to it, is missing or cannot be read."""
Decode = Callable[[bytes], ServicePlan]


class Ground(Enum):
    """What of the head's plan was there; the word is for people."""

    SOUND = "the head's plan"
    EMPTY = "nothing: no plan is stored"
    CONTRADICTED = "the head's plan, which what is known of the names contradicts"
    DAMAGED = "what can be read of the head's plan, which is damaged"
    OLDER = "an older plan: the head's cannot be read"
    LOST = "what is known of the names: no plan can be read"


@dataclass(frozen=True, slots=True)
class Foundation:
    """What to build on, and why that."""

    plan: CellPlan
    ground: Ground


Search = Generator[Generation, Found, Foundation]
"""Asks for stored plans by their generations, one after another, until it knows."""


def foundation(
    head: Head, newest: Generation, names: Mapping[str, ServedName], decode: Decode
) -> Search:
    """Find out what to build on. `newest`: the highest generation that is stored at all."""
    lost = first_record(head.cell, head.epoch, head.generation, head.digest)
    if max(head.generation, newest) == 0:
        return Foundation(_remembered(CellPlan(lost), names, decode), Ground.EMPTY)
    found = (yield head.generation) if head.generation else None
    if found is not None:
        record, bodies = found
        plan = restore(replace(record, digest=head.digest), bodies, decode)
        if not plan.is_sound:
            plan = yield from _mended(plan, decode)
            return Foundation(_remembered(plan, names, decode), Ground.DAMAGED)
        if names != plan.names():
            plan.is_sound = False
            return Foundation(plan, Ground.CONTRADICTED)
        return Foundation(plan, Ground.SOUND)
    for generation in _older(Generation(max(head.generation, newest) + 1)):
        found = yield generation
        if found is not None:
            plan = yield from _mended(restore(lost, found[1], decode), decode)
            return Foundation(_remembered(plan, names, decode), Ground.OLDER)
    return Foundation(_remembered(CellPlan(lost), names, decode), Ground.LOST)


def _mended(plan: CellPlan, decode: Decode) -> Generator[Generation, Found, CellPlan]:
    """The plan without octets that nobody understands: an older entry, or none."""
    broken = {key for key, entry in plan.entries.items() if entry.plan is None}
    if not broken:
        return plan
    entries = {key: entry for key, entry in plan.entries.items() if key not in broken}
    for generation in _older(plan.record.generation):
        found = yield generation
        if found is None:
            continue
        older = {key: found[1][key] for key in broken & found[1].keys()}
        read = restore(plan.record, older, decode).entries
        entries |= {key: entry for key, entry in read.items() if entry.plan is not None}
        broken -= entries.keys()
        if not broken:
            break
    return _unsound(plan.record, entries)


def _remembered(plan: CellPlan, names: Mapping[str, ServedName], decode: Decode) -> CellPlan:
    """The plan, with what the rows of names keep of each entry put over it."""
    bodies = {key: name.body for key, name in names.items() if name.body is not None}
    known = restore(plan.record, bodies, decode).entries
    kept = {key: entry for key, entry in known.items() if entry.plan is not None}
    return _unsound(plan.record, plan.entries | kept) if kept else plan


def _older(generation: Generation) -> list[Generation]:
    steps = (2**n for n in range(OLDER_TRIES))
    return [Generation(generation - step) for step in steps if step < generation]


def _unsound(record: PlanRecord, entries: Mapping[str, Entry]) -> CellPlan:
    plan = CellPlan(record, entries)
    plan.is_sound = False
    return plan
