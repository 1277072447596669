"""Plan chains: the compare-and-set of a head, and reading generations back.

A chain is a base now and then and a delta for every generation; a generation's entries
are the last base at or below it with the deltas since. Links are checked when read: a
row that is missing or damaged makes a generation unreadable, never wrong (I6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.adapters.store import audit, cells, served_names, tracks
from registry.adapters.store.blob import (
    BlobCorrupt,
    decode_delta,
    decode_entries,
    encode_delta,
    encode_entries,
)
from registry.adapters.store.database import Transaction
from registry.adapters.store.freezes import freeze
from registry.domain.head import Attempt, Move, judge_move
from registry.domain.names import CellName, Epoch, Generation, Revision
from registry.domain.plan import PlanDelta, PlanRecord
from registry.ports import Freeze, Publication, Rollback

_RECORD = (
    "cell, epoch, generation, parent_generation, digest, service_count, endpoint_count,"
    " revision, create_ms, traceparent"
)


def publish(tx: Transaction, publication: Publication, now_ms: int) -> bool:
    """Move the head as `judge_move` allows (I2). Raises LeadershipLost, CellFrozen."""
    fence, record = publication.fence, publication.record
    check_publication(publication)
    at = cells.pointer(tx, fence.cell)
    if at is None:
        raise cells.leadership_lost(fence, None)
    match judge_move(at, attempt_of(publication)):
        case Move.DEPOSED:
            raise cells.leadership_lost(fence, at.epoch)
        case Move.FROZEN:
            raise cells.cell_frozen(fence.cell)
        case Move.LOST:
            return False
        case Move.BACKWARD:
            raise ValueError(f"generation {record.generation} is not above its parent")
    if publication.rollback is not None and record.epoch != at.epoch:
        return False
    tx.run(
        "UPDATE cells SET head_generation = ?, head_digest = ?, publish_ms = ? WHERE name = ?",
        record.generation,
        record.digest,
        record.create_time_ms,
        fence.cell,
    )
    tx.run(
        f"INSERT INTO plans ({_RECORD}, delta, base) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        record.cell,
        record.epoch,
        record.generation,
        record.parent_generation,
        record.digest,
        record.service_count,
        record.endpoint_count,
        record.revision,
        record.create_time_ms,
        record.traceparent,
        encode_delta(publication.delta),
        None if publication.base is None else encode_entries(publication.base),
    )
    served_names.write(tx, fence.cell, publication.names, heals=publication.heals)
    tracks.write(tx, fence.cell, publication.tracks)
    if publication.rollback is not None:
        _note_rollback(tx, record, publication.rollback)
        audit.note(tx, [publication.deed] if publication.deed else [], now_ms)
    return True


def attempt_of(publication: Publication) -> Attempt:
    """What a publication asks of the head."""
    record = publication.record
    return Attempt(
        None if publication.rollback is not None else publication.fence.epoch,
        record.parent_generation,
        record.generation,
    )


def _note_rollback(tx: Transaction, record: PlanRecord, rollback: Rollback) -> None:
    """Keep what was restored and replaced; and stop the automation, which would undo it."""
    tx.run(
        "INSERT INTO rollbacks (cell, generation, replaced_generation, restored_generation,"
        " reason, actor, create_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        record.cell,
        record.generation,
        record.parent_generation,
        rollback.restored_generation,
        rollback.reason,
        rollback.actor,
        rollback.time_ms,
    )
    freeze(tx, rollback_freeze(record, rollback))


def rollback_freeze(record: PlanRecord, rollback: Rollback) -> Freeze:
    """The freeze that a rollback leaves its cell under."""
    reason = f"rolled back to generation {rollback.restored_generation}: {rollback.reason}"
    return Freeze(record.cell, reason, rollback.actor, rollback.time_ms)


def check_publication(publication: Publication) -> None:
    """Raise ValueError on a record that contradicts its fence or does not rise (I1)."""
    fence, record = publication.fence, publication.record
    if (record.cell, record.epoch) != (fence.cell, fence.epoch):
        raise ValueError(f"a record of {record.cell} epoch {record.epoch} under {fence}")
    if record.generation <= record.parent_generation:
        raise ValueError(f"generation {record.generation} is not above its parent")


def read_plan(
    tx: Transaction, cell: CellName, generation: Generation
) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
    """A generation with all its entries; None if it, or a link of its chain, is not there."""
    base = tx.run(
        "SELECT MAX(generation) FROM plans WHERE cell = ? AND generation <= ? AND base IS NOT NULL",
        cell,
        generation,
    ).scalar_one()
    rows = tx.run(
        f"SELECT {_RECORD}, delta, CASE WHEN generation = ? THEN base END FROM plans"
        " WHERE cell = ? AND generation >= ? AND generation <= ? ORDER BY generation",
        base or 0,
        cell,
        base or 0,
        generation,
    ).all()
    if not rows:
        return None
    return replay([(_record(row), bytes(row[10]), row[11]) for row in rows], generation)


def replay(
    rows: Sequence[tuple[PlanRecord, bytes, bytes | None]], generation: Generation
) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
    """Fold a base and the deltas after it; None when a link is missing or damaged."""
    entries: dict[str, bytes] = {}
    reached = 0
    try:
        for record, delta, base in rows:
            if base is not None:
                entries = decode_entries(bytes(base))
            elif record.parent_generation != reached:
                return None
            else:
                advance(entries, decode_delta(delta))
            reached = record.generation
    except BlobCorrupt:
        return None
    return (rows[-1][0], entries) if reached == generation else None


def advance(entries: dict[str, bytes], delta: PlanDelta) -> None:
    """Take entries one generation further."""
    for key in delta.removed:
        entries.pop(key, None)
    entries.update(delta.changed)


def newest_stored(tx: Transaction, cell: CellName) -> Generation:
    """The highest generation that is stored; 0 when there is none."""
    newest = tx.run("SELECT MAX(generation) FROM plans WHERE cell = ?", cell).scalar_one()
    return Generation(newest or 0)


def deltas_after(
    tx: Transaction, cell: CellName, generation: Generation, limit: int
) -> Sequence[tuple[PlanRecord, PlanDelta]]:
    """The generations after one as far as each follows from the one before."""
    rows = tx.run(
        f"SELECT {_RECORD}, delta FROM plans WHERE cell = ? AND generation > ?"
        " AND generation <= (SELECT head_generation FROM cells WHERE name = ?)"
        " ORDER BY generation LIMIT ?",
        cell,
        generation,
        cell,
        limit,
    )
    steps: list[tuple[PlanRecord, PlanDelta]] = []
    reached = generation
    for row in rows:
        record = _record(row)
        if record.parent_generation != reached:
            break
        try:
            steps.append((record, decode_delta(bytes(row[10]))))
        except BlobCorrupt:
            break
        reached = record.generation
    return steps


def list_plans(
    tx: Transaction, cell: CellName, before: Generation | None, limit: int
) -> Sequence[PlanRecord]:
    """Generations from the head down, newest first."""
    limits = ["generation <= (SELECT head_generation FROM cells WHERE name = ?)"]
    values: list[Any] = [cell]
    if before is not None:
        limits.append("generation < ?")
        values.append(before)
    rows = tx.run(
        f"SELECT {_RECORD} FROM plans WHERE cell = ? AND {' AND '.join(limits)}"
        " ORDER BY generation DESC LIMIT ?",
        cell,
        *values,
        limit,
    )
    return [_record(row) for row in rows]


def _record(row: Any) -> PlanRecord:
    return PlanRecord(
        cell=CellName(row[0]),
        epoch=Epoch(row[1]),
        generation=Generation(row[2]),
        parent_generation=Generation(row[3]),
        digest=bytes(row[4]),
        service_count=row[5],
        endpoint_count=row[6],
        revision=Revision(row[7]),
        create_time_ms=row[8],
        traceparent=row[9],
    )
