"""Freezes: who stopped which cell's automation, and why.

A freeze takes the lock of each cell's row before it is written, and every write of the
automation reads it under that lock: once a freeze is committed, none can follow (I40).
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store.database import Transaction
from registry.domain.names import CellName
from registry.ports import ALL_CELLS, Freeze


def freeze(tx: Transaction, made: Freeze) -> Freeze | None:
    """Stop a cell's automation, or all. A second freeze of a scope leaves the first, and returns
    that."""
    tx.run(
        f"SELECT epoch FROM cells WHERE name = ? OR ? = '{ALL_CELLS}'"
        f" ORDER BY name{tx.dialect.row_lock}",
        made.scope,
        made.scope,
    ).all()
    done = tx.run(
        "INSERT INTO freezes (scope, reason, actor, create_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (scope) DO NOTHING",
        made.scope,
        made.reason,
        made.actor,
        made.time_ms,
    )
    if done.rowcount:
        return None
    return next((each for each in freezes(tx) if each.scope == made.scope), None)


def unfreeze(tx: Transaction, scope: str) -> bool:
    """Undo a freeze; False if there was none."""
    return tx.run("DELETE FROM freezes WHERE scope = ?", scope).rowcount > 0


def freezes(tx: Transaction) -> Sequence[Freeze]:
    """All of them, by scope."""
    return [
        Freeze(*row)
        for row in tx.run("SELECT scope, reason, actor, create_ms FROM freezes ORDER BY scope")
    ]


def is_frozen(tx: Transaction, cell: CellName) -> bool:
    """Whether a cell is under any freeze; asked after its row was locked."""
    found = tx.run("SELECT 1 FROM freezes WHERE scope IN (?, ?) LIMIT 1", cell, ALL_CELLS)
    return found.one_or_none() is not None
