"""What frontends came with that this database never made."""

from __future__ import annotations

from registry.adapters.store.database import Transaction
from registry.domain.names import CellName, Epoch, Generation
from registry.domain.sighting import Claim, Sighting, fold_claim


def note_seen(tx: Transaction, cell: CellName, claim: Claim) -> bool:
    """Fold a frontend's position into the cell's sighting; whether that changed it."""
    row = tx.run(
        "SELECT epoch, head_generation, head_digest FROM cells WHERE name = ?"
        + tx.dialect.row_lock,
        cell,
    ).one_or_none()
    if row is None:
        return False
    known = sighting(tx, cell)
    published = tx.run(
        "SELECT epoch FROM plans WHERE cell = ? AND generation = ?", cell, row[1]
    ).scalar_one_or_none()
    epoch = row[0] if published is None else published
    seen = fold_claim(known, Epoch(epoch), Generation(row[1]), bytes(row[2]), claim)
    if seen == known:
        return False
    tx.run(
        "INSERT INTO sightings (cell, epoch, generation) VALUES (?, ?, ?)"
        " ON CONFLICT (cell) DO UPDATE SET epoch = excluded.epoch,"
        " generation = excluded.generation",
        cell,
        seen.epoch,
        seen.generation,
    )
    return True


def sighting(tx: Transaction, cell: CellName) -> Sighting:
    """The highest of what frontends came with; zeros when there is nothing."""
    row = tx.run("SELECT epoch, generation FROM sightings WHERE cell = ?", cell).one_or_none()
    return Sighting() if row is None else Sighting(Epoch(row[0]), Generation(row[1]))
