"""Cells: who leads them, and what their heads point to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry.adapters.store.database import Transaction
from registry.domain.names import CellName, Epoch, Generation, RegionName
from registry.domain.plan import Head
from registry.ports import Leadership

_COLUMNS = "name, region, epoch, head_generation, head_digest, publish_ms, leader"
_SERVER_CLOCK = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


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
    lease_ms = round(lease_seconds * 1000)
    for _ in range(2):
        row = _take(tx, cell, region, node, lease_ms, now_ms)
        if row is not None:
            head = _head(row)
            return Leadership(head.epoch, head)
        tx.run(
            "INSERT INTO cells (name, region, epoch, leader, leader_until_ms, head_generation,"
            " head_digest, publish_ms) VALUES (?, ?, 0, '', 0, 0, ?, 0)"
            " ON CONFLICT (name) DO NOTHING",
            cell,
            region,
            b"",
        )
    return None


# Who may take the lead
#
#   leader now   its lease    exclusive database   result
#   -----------  -----------  -------------------  ------------------------------------------
#   this node    any          any                  kept, epoch as it was: nobody came between
#   nobody       -            any                  taken, epoch + 1
#   another      run out      any                  taken, epoch + 1
#   another      in force     yes                  taken, epoch + 1: that process is gone
#   another      in force     no                   None
def _take(
    tx: Transaction, cell: str, region: str, node: str, lease_ms: int, now_ms: int
) -> Any | None:
    assignments = (
        "UPDATE cells SET epoch = epoch + CASE WHEN leader = ? THEN 0 ELSE 1 END,"
        " leader = ?, region = ?, leader_until_ms = "
    )
    if tx.dialect.exclusive:
        return tx.run(
            f"{assignments} ? WHERE name = ? RETURNING {_COLUMNS}",
            node,
            node,
            region,
            now_ms + lease_ms,
            cell,
        ).one_or_none()
    return tx.run(
        f"{assignments} {_SERVER_CLOCK} + CAST(? AS BIGINT) WHERE name = ?"
        f" AND (leader = ? OR leader = '' OR leader_until_ms <= {_SERVER_CLOCK})"
        f" RETURNING {_COLUMNS}",
        node,
        node,
        region,
        lease_ms,
        cell,
        node,
    ).one_or_none()


def resign(tx: Transaction, cell: CellName, node: str) -> None:
    """Give up the lead; nothing if it is another's."""
    tx.run(
        "UPDATE cells SET leader = '', leader_until_ms = 0 WHERE name = ? AND leader = ?",
        cell,
        node,
    )


def heads(tx: Transaction) -> Sequence[Head]:
    """The heads of all cells, by name."""
    return [_head(row) for row in tx.run(f"SELECT {_COLUMNS} FROM cells ORDER BY name")]


def _head(row: Any) -> Head:
    name, region, epoch, generation, digest, publish_ms, leader = row
    return Head(
        cell=CellName(name),
        region=RegionName(region),
        epoch=Epoch(epoch),
        generation=Generation(generation),
        digest=bytes(digest),
        publish_time_ms=publish_ms,
        leader=leader,
    )
