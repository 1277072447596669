"""The next generation of a cell: its record, its delta, and now and then a base.

Publishing itself is one compare-and-set of the head in the store. What is worked out
here makes it safe to lose: a generation names its parent, and only ever one above it
(I1, I2).
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.domain.cell_plan import CellPlan, Entry, Step, octets_of
from registry.domain.names import NO_GENERATION, CellName, Epoch, Generation, Revision
from registry.domain.plan import Head, PlanDelta, PlanRecord
from registry.domain.served_name import ServedName, served_name
from registry.domain.zone import ZONE_KEY

BASE_FLOOR_OCTETS = 64 * 1024


def first_record(cell: CellName, epoch: Epoch, generation: Generation, digest: bytes) -> PlanRecord:
    """What stands in for the record of a head whose plan is not there: the empty start, or lost."""
    return PlanRecord(
        cell=cell,
        epoch=epoch,
        generation=generation,
        parent_generation=generation,
        digest=digest,
        service_count=0,
        endpoint_count=0,
        revision=Revision(0),
        create_time_ms=0,
    )


# is_outrun
#
#   frontends came with                                        outrun
#   ---------------------------------------------------------  ------------------------------
#   no generation or epoch that this chain never had           no
#   a generation that the head has not passed, or an epoch     yes: the database is an older
#   that the head's plan has not passed                        backup, and they would refuse
#                                                              what it has (I1)
def is_outrun(head: Head, record: PlanRecord) -> bool:
    """Whether frontends are ahead of a cell's head, so that it has to jump past them (I10)."""
    return 0 < head.seen_generation >= record.generation or 0 < head.seen_epoch >= record.epoch


# must_publish
#
#   the plan's content        changes  publish
#   ------------------------  -------  ------------------------------------------------
#   generation 0              any      yes: an empty cell is a fact as well, and without
#                                      it frontends cannot say that a name does not exist
#   not what the head says    any      yes, with a base: nobody can build on it (I10)
#   sound                     some     yes
#   sound                     none     no
def must_publish(plan: CellPlan, changes: int) -> bool:
    """Whether there is a reason for another generation."""
    return changes > 0 or not plan.is_sound


# needs_base
#
#   octets of deltas since the last base, this one included    base
#   ---------------------------------------------------------  ----
#   not known (a new leader), or the content was unsound       yes
#   above max(64 KiB, size of the base)                        yes
#   else                                                       no
#
# So the work of writing bases, spread over the deltas, is no more than the deltas' own, and
# reading a plan reads at most about twice its size.
def needs_base(plan: CellPlan, delta: PlanDelta, base_octets: int) -> bool:
    """Whether the next generation is to be stored whole."""
    if plan.octets_since_base is None or not plan.is_sound:
        return True
    return plan.octets_since_base + octets_of(delta) > max(BASE_FLOOR_OCTETS, base_octets)


def next_step(
    plan: CellPlan,
    entries: Mapping[str, Entry | None],
    *,
    epoch: Epoch,
    revision: Revision,
    now_ms: int,
    traceparent: str,
    skip: int = 0,
    above: Generation = NO_GENERATION,
) -> Step:
    """Work out the generation after `plan`; `plan` stays as it is until it commits the step.

    `skip` numbers are left out: those that the database holds already, though no head ever
    pointed to them (I10). The generation comes after `above` as well: see `is_outrun`.
    """
    totals = plan.totals
    names: dict[str, ServedName | None] = {} if plan.is_sound else {**plan.names()}
    changed: dict[str, bytes] = {}
    removed: list[str] = []
    for key, entry in entries.items():
        totals = totals.after(plan.entries.get(key), entry)
        if entry is None:
            removed.append(key)
            names[key] = None
        else:
            changed[key] = entry.body
            names[key] = served_name(entry.plan, entry.body)
    delta = PlanDelta(changed, tuple(removed))
    digest = plan.tree.stage(changed, removed)
    base: dict[str, bytes] | None = None
    if needs_base(plan, delta, totals.octets):
        base = plan.bodies() | changed
        for key in removed:
            base.pop(key, None)
    record = PlanRecord(
        cell=plan.record.cell,
        epoch=epoch,
        generation=Generation(max(plan.record.generation, plan.taken, above) + 1 + skip),
        parent_generation=plan.record.generation,
        digest=digest.value,
        service_count=totals.services - _holds_zone(plan, entries),
        endpoint_count=totals.endpoints,
        revision=revision,
        create_time_ms=now_ms,
        traceparent=traceparent,
    )
    return Step(record, delta, base, dict(entries), totals, digest, names, heals=not plan.is_sound)


def _holds_zone(plan: CellPlan, entries: Mapping[str, Entry | None]) -> bool:
    """Whether the step has the zone's settings, which are kept like a service and are none."""
    key = ZONE_KEY.entry
    return entries.get(key, plan.entries.get(key)) is not None
