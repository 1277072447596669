"""Pins: plans that clean-up never deletes (I4)."""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store.database import Transaction
from registry.domain.names import CellName, Generation
from registry.ports import Pin


def pin(tx: Transaction, made: Pin) -> bool:
    """Pin a plan; False if there is none. The cell's row keeps clean-up out meanwhile."""
    tx.run(f"SELECT epoch FROM cells WHERE name = ?{tx.dialect.row_lock}", made.cell).all()
    found = tx.run(
        "SELECT 1 FROM plans WHERE cell = ? AND generation = ?", made.cell, made.generation
    )
    if found.one_or_none() is None:
        return False
    tx.run(
        "INSERT INTO pins (cell, generation, reason, actor, create_ms) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (cell, generation) DO UPDATE SET reason = excluded.reason,"
        " actor = excluded.actor, create_ms = excluded.create_ms",
        made.cell,
        made.generation,
        made.reason,
        made.actor,
        made.time_ms,
    )
    return True


def unpin(tx: Transaction, cell: CellName, generation: Generation) -> bool:
    """Let it go with the others; False if it was not pinned."""
    done = tx.run("DELETE FROM pins WHERE cell = ? AND generation = ?", cell, generation)
    return done.rowcount > 0


def pins(tx: Transaction, cell: CellName) -> Sequence[Pin]:
    """All of a cell's, by generation."""
    return [
        Pin(CellName(row[0]), Generation(row[1]), row[2], row[3], row[4])
        for row in tx.run(
            "SELECT cell, generation, reason, actor, create_ms FROM pins WHERE cell = ?"
            " ORDER BY generation",
            cell,
        )
    ]
