"""Cells: who leads them, and what their heads point to.

Each write locks the cell's row first and decides on what it reads there, by the pure
functions `decide_lead` and `judge_move`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.adapters.store.database import Transaction
from registry.adapters.store.freezes import is_frozen
from registry.adapters.store.sightings import sighting
from registry.adapters.store.value import text
from registry.domain.errors import CellFrozen, LeadershipLost
from registry.domain.head import Pointer
from registry.domain.leadership import Bid, Seat, decide_lead
from registry.domain.names import (
    CellName,
    Epoch,
    Generation,
    NamespaceId,
    RegionName,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import Fence
from registry.domain.plan import Head
from registry.domain.refused_entry import RefusedEntry
from registry.ports import Leadership

_COLUMNS = (
    "c.name, c.region, c.epoch, c.head_generation, c.head_digest, c.publish_ms, c.leader,"
    " COALESCE((SELECT f.reason FROM freezes f WHERE f.scope IN (c.name, '*')"
    " ORDER BY f.scope DESC LIMIT 1), ''),"
    " COALESCE((SELECT s.epoch FROM sightings s WHERE s.cell = c.name), 0),"
    " COALESCE((SELECT s.generation FROM sightings s WHERE s.cell = c.name), 0)"
)
_SERVER_CLOCK = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def begin(tx: Transaction, cell: CellName, region: RegionName) -> None:
    """Make the row of a cell, if there is none: nobody leads it, and nothing is published."""
    tx.run(
        "INSERT INTO cells (name, region, epoch, leader, leader_until_ms, head_generation,"
        " head_digest, publish_ms) VALUES (?, ?, 0, '', 0, 0, ?, 0)"
        " ON CONFLICT (name) DO NOTHING",
        cell,
        region,
        b"",
    )


def begin_all(tx: Transaction, new: Mapping[CellName, RegionName]) -> None:
    """Make the rows of several cells, in one order everywhere."""
    for cell in sorted(new):
        begin(tx, cell, new[cell])


def lead(
    tx: Transaction,
    cell: CellName,
    region: RegionName,
    node: str,
    lease_seconds: float,
    now_ms: int,
) -> Leadership | None:
    """Take or keep the lead of a cell; None while another has it.

    `now_ms` is this node's clock, used where it is also the database's.
    """
    row = _lock(tx, cell)
    if row is None:
        begin(tx, cell, region)
        row = _lock(tx, cell)
        if row is None:
            return None
    epoch, generation, leader, until_ms = row
    # Negative numbers were put there by hand; nothing could be written on them (I10).
    seat = Seat(Epoch(max(epoch, 0)), leader, until_ms, sighting(tx, cell).epoch)
    bid = Bid(node, round(lease_seconds * 1000), now(tx, now_ms), tx.dialect.exclusive)
    granted = decide_lead(seat, bid)
    if granted is None:
        return None
    tx.run(
        "UPDATE cells SET epoch = ?, head_generation = ?, leader = ?, leader_until_ms = ?,"
        " region = ? WHERE name = ?",
        granted.epoch,
        max(generation, 0),
        granted.leader,
        granted.until_ms,
        region,
        cell,
    )
    head = _head(tx.run(f"SELECT {_COLUMNS} FROM cells c WHERE c.name = ?", cell).one())
    return Leadership(head.epoch, head)


def resign(tx: Transaction, cell: CellName, node: str) -> bool:
    """Give up the lead; False, and nothing, if it is another's."""
    done = tx.run(
        "UPDATE cells SET leader = '', leader_until_ms = 0 WHERE name = ? AND leader = ?",
        cell,
        node,
    )
    return done.rowcount > 0


def heads(tx: Transaction) -> Sequence[Head]:
    """The heads of all cells, by name."""
    refused = _refused(tx)
    return [
        _head(row, tuple(refused.get(CellName(row[0]), ())))
        for row in tx.run(f"SELECT {_COLUMNS} FROM cells c ORDER BY c.name")
    ]


def refuse(tx: Transaction, fence: Fence, refused: Sequence[RefusedEntry]) -> None:
    """Keep what is refused, in place of what was. Raises LeadershipLost, CellFrozen."""
    check_fence(tx, fence)
    tx.run("DELETE FROM refused_entries WHERE cell = ?", fence.cell)
    tx.run_many(
        "INSERT INTO refused_entries (cell, namespace, service, rule, reason)"
        " VALUES (?, ?, ?, ?, ?)",
        [(fence.cell, *each.service, each.rule, each.reason) for each in refused],
    )


def _refused(tx: Transaction) -> Mapping[CellName, Sequence[RefusedEntry]]:
    """What is refused in the cells where anything is, by name."""
    found: dict[CellName, list[RefusedEntry]] = {}
    for cell, namespace, service, rule, reason in tx.run(
        "SELECT cell, namespace, service, rule, reason FROM refused_entries"
        " ORDER BY cell, namespace, service"
    ):
        try:
            key = ServiceKey(NamespaceId(text(namespace)), ServiceId(text(service)))
            told = RefusedEntry(key, text(rule), text(reason))
        except (TypeError, ValueError):
            continue  # no head is unknown because somebody spoilt what is told beside it
        found.setdefault(cell, []).append(told)
    return found


def pointer(tx: Transaction, cell: CellName) -> Pointer | None:
    """A cell's row, locked until the transaction ends; None if there is none."""
    row = _lock(tx, cell)
    if row is None:
        return None
    # A statement of its own: it must see a freeze that the lock was waited for.
    return Pointer(Epoch(row[0]), Generation(row[1]), is_frozen(tx, cell))


def check_fence(tx: Transaction, fence: Fence) -> Pointer:
    """The cell's row, kept as it is until the end. Raises LeadershipLost, CellFrozen."""
    at = pointer(tx, fence.cell)
    if at is None or at.epoch != fence.epoch:
        raise leadership_lost(fence, None if at is None else at.epoch)
    if at.frozen:
        raise cell_frozen(fence.cell)
    return at


def leadership_lost(fence: Fence, current: int | None) -> LeadershipLost:
    """Another node leads the cell, or nobody ever did."""
    return LeadershipLost(
        f"cell {fence.cell} is at epoch {current}, this writer at {fence.epoch}: another node "
        "leads it now. Nothing was changed.",
        cell=fence.cell,
        epoch=fence.epoch,
        current_epoch=current or 0,
    )


def cell_frozen(cell: CellName) -> CellFrozen:
    """An operator stopped the cell's automation."""
    return CellFrozen(
        f"cell {cell} is frozen: its automation writes nothing until it is unfrozen.", cell=cell
    )


def now(tx: Transaction, now_ms: int) -> int:
    """The database's clock; where the database is this process's own, `now_ms`, its clock."""
    if tx.dialect.exclusive:
        return now_ms
    return int(tx.run(f"SELECT {_SERVER_CLOCK}").scalar_one())


def _lock(tx: Transaction, cell: CellName) -> Any | None:
    return tx.run(
        "SELECT epoch, head_generation, leader, leader_until_ms FROM cells WHERE name = ?"
        + tx.dialect.row_lock,
        cell,
    ).one_or_none()


def _head(row: Any, refused: tuple[RefusedEntry, ...] = ()) -> Head:
    name, region, epoch, generation, digest, publish_ms, leader, frozen, seen_epoch, seen = row
    return Head(
        cell=CellName(name),
        region=RegionName(region),
        epoch=Epoch(epoch),
        generation=Generation(generation),
        digest=bytes(digest),
        publish_time_ms=publish_ms,
        leader=leader,
        frozen=frozen,
        seen_epoch=Epoch(seen_epoch),
        seen_generation=Generation(seen),
        refused=refused,
    )
