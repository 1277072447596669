"""The active generation of one cell, as its leader holds it: entries, sums and digest.

It only ever takes on steps that `publication.next_step` made from it, so that what it
holds is what the head points to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registry.domain.digest import DigestTree, Staged
from registry.domain.names import NO_GENERATION
from registry.domain.plan import PlanDelta, PlanRecord, ServicePlan
from registry.domain.served_name import ServedName, served_name


@dataclass(frozen=True, slots=True)
class Entry:
    """One service of the plan, with the octets that are hashed and sent.

    `plan` is None when the octets are not understood: they are published, so they count,
    but nothing is to be concluded from them.
    """

    plan: ServicePlan | None
    body: bytes

    @property
    def is_live(self) -> bool:
        """Whether the name exists."""
        return self.plan is not None and self.plan.tombstone is None

    @property
    def endpoint_count(self) -> int:
        """How many endpoints it holds."""
        return 0 if self.plan is None else len(self.plan.endpoints)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a plan's entries."""

    services: int = 0
    live: int = 0
    """Services without a tombstone."""
    endpoints: int = 0
    octets: int = 0
    """Of encoded entries, without their keys."""

    def after(self, before: Entry | None, after: Entry | None) -> Totals:
        """The sums once `before` has been replaced by `after`; None stands for no entry."""
        services, live, endpoints, octets = self.services, self.live, self.endpoints, self.octets
        if before is not None:
            services -= 1
            live -= before.is_live
            endpoints -= before.endpoint_count
            octets -= len(before.body)
        if after is not None:
            services += 1
            live += after.is_live
            endpoints += after.endpoint_count
            octets += len(after.body)
        return Totals(services, live, endpoints, octets)


@dataclass(frozen=True, slots=True)
class Step:
    """The next generation, worked out and not yet published."""

    record: PlanRecord
    delta: PlanDelta
    base: Mapping[str, bytes] | None
    """All entries, when it is time to write them; see `publication`."""
    entries: Mapping[str, Entry | None]
    """What changes; None removes."""
    totals: Totals
    digest: Staged
    names: Mapping[str, ServedName | None]
    """What the database is to know of the names that change."""
    heals: bool
    """Whether `names` are all of the cell's: what the database knows contradicts the head."""


class CellPlan:
    """One generation with all its entries. Changed by `commit` alone."""

    def __init__(self, record: PlanRecord, entries: Mapping[str, Entry] | None = None) -> None:
        self.record = record
        self.entries: dict[str, Entry] = dict(entries or {})
        self.tree = DigestTree({key: entry.body for key, entry in self.entries.items()})
        self.totals = Totals()
        for entry in self.entries.values():
            self.totals = self.totals.after(None, entry)
        self.taken = NO_GENERATION
        """The highest number that the store has a plan under, whatever the head says."""
        self.octets_since_base: int | None = None
        """Octets of deltas since a base was written; None: not known, so write one."""
        self.is_sound = record.generation > 0 and self.tree.value == record.digest
        """Whether the content is what the head says. If not, it is to be published anew."""

    def __repr__(self) -> str:
        at = self.record
        return (
            f"<CellPlan {at.cell} epoch {at.epoch} generation {at.generation}: "
            f"{self.totals.services} services, {self.totals.endpoints} endpoints"
            f"{'' if self.is_sound else ', UNSOUND'}>"
        )

    def names(self) -> dict[str, ServedName]:
        """What the database should know of the names of this generation."""
        return {key: served_name(each.plan, each.body) for key, each in self.entries.items()}

    def bodies(self) -> dict[str, bytes]:
        """All encoded entries."""
        return {key: entry.body for key, entry in self.entries.items()}

    def commit(self, step: Step) -> None:
        """Take on a step that has been published."""
        for key, entry in step.entries.items():
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = entry
        self.tree.commit(step.digest)
        self.totals = step.totals
        self.record = step.record
        self.is_sound = True
        if step.base is not None:
            self.octets_since_base = 0
        else:
            self.octets_since_base = (self.octets_since_base or 0) + octets_of(step.delta)


def restore(
    record: PlanRecord, bodies: Mapping[str, bytes], decode: Callable[[bytes], ServicePlan]
) -> CellPlan:
    """A generation as it was stored. An entry that cannot be read is kept as octets (I10)."""
    entries: dict[str, Entry] = {}
    for key, body in bodies.items():
        try:
            plan = decode(body)
        except ValueError:
            plan = None
        if plan is not None and plan.key.entry != key:
            plan = None
        entries[key] = Entry(plan, body)
    return CellPlan(record, entries)


def octets_of(delta: PlanDelta) -> int:
    """The size of a delta: keys and bodies."""
    changed = sum(len(key) + len(body) for key, body in delta.changed.items())
    return changed + sum(len(key) for key in delta.removed)
