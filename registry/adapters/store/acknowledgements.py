"""What frontends say they serve, kept forward only (I1)."""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store import stages
from registry.adapters.store.database import Transaction
from registry.domain.frontend_record import NOTHING_HELD, HeldNames
from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName
from registry.domain.role import Role
from registry.ports import Acknowledgement, FrontendCell, FrontendRecord


# hear
#
#   word      compared with applied  then
#   --------  ---------------------  ---------------------------------------------------------
#   any       behind it              only the time is taken: words may overtake
#   applied   at or ahead of it      it is the applied one, with what it holds; no refusal of
#                                    it, or of an older one, is left
#   refused   at or ahead of it      noted, unless a later one was refused already
def hear(current: FrontendCell | None, word: Acknowledgement) -> FrontendCell:
    """Fold one acknowledgement into what is known of a frontend and a cell.

    A frontend may refuse what it had applied: when it died of it (`crashed`).
    """
    known = current or FrontendCell(word.cell, Epoch(0), Generation(0), Generation(0), "", 0)
    time_ms = max(known.time_ms, word.time_ms)
    epoch, generation = known.epoch, known.generation
    refused, refusal, held = known.refused_generation, known.refusal, known.held
    if (word.epoch, word.generation) >= (epoch, generation):
        if word.refusal:
            if word.generation >= refused:
                refused, refusal = word.generation, word.refusal
        else:
            epoch, generation, held = word.epoch, word.generation, word.held
            if refused <= generation:
                refused, refusal = Generation(0), ""
    return FrontendCell(word.cell, epoch, generation, refused, refusal, time_ms, held)


def acknowledge(tx: Transaction, words: Sequence[Acknowledgement]) -> None:
    """Keep what frontends said, in the order given."""
    latest: dict[FrontendId, tuple[RegionName, int]] = {}
    for word in words:
        _, seen_ms = latest.get(word.frontend, (word.region, 0))
        latest[word.frontend] = (word.region, max(seen_ms, word.time_ms))
    # Locks each frontend's row, in one order for all writers, before its cells are read.
    tx.run_many(
        "INSERT INTO frontends (id, region, seen_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET region = excluded.region, seen_ms = CASE WHEN excluded.seen_ms > frontends.seen_ms"
        " THEN excluded.seen_ms ELSE frontends.seen_ms END",
        [(frontend, *latest[frontend]) for frontend in sorted(latest)],
    )
    known = _cells_of(tx, sorted(latest))
    touched: dict[tuple[FrontendId, CellName], FrontendCell] = {}
    for word in words:
        key = (word.frontend, word.cell)
        touched[key] = hear(touched.get(key) or known.get(key), word)
    tx.run_many(
        "INSERT INTO frontend_cells (frontend, cell, epoch, generation, refused_generation,"
        " refusal, time_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (frontend, cell) DO UPDATE SET"
        " epoch = excluded.epoch, generation = excluded.generation,"
        " refused_generation = excluded.refused_generation, refusal = excluded.refusal,"
        " time_ms = excluded.time_ms",
        [
            (
                frontend,
                cell,
                row.epoch,
                row.generation,
                row.refused_generation,
                row.refusal.replace("\0", " "),  # PostgreSQL's text cannot hold it
                row.time_ms,
            )
            for (frontend, cell), row in touched.items()
        ],
    )
    before = {key: row.held for key, row in known.items()}
    changed = {
        key: row.held for key, row in touched.items() if row.held != before.get(key, NOTHING_HELD)
    }
    tx.run_many("DELETE FROM held_names WHERE frontend = ? AND cell = ?", list(changed))
    tx.run_many(
        "INSERT INTO held_names (frontend, cell, count, services, reason) VALUES (?, ?, ?, ?, ?)",
        [
            (*key, held.count, " ".join(held.services), held.reason.replace("\0", " "))
            for key, held in changed.items()
            if held.count
        ],
    )


def frontends(tx: Transaction) -> Sequence[FrontendRecord]:
    """All frontends, by id."""
    records = tx.run("SELECT id, region, seen_ms FROM frontends ORDER BY id").all()
    cells: dict[str, list[FrontendCell]] = {}
    canaries = stages.canaries(tx)
    for (frontend, _), cell in _cells_of(tx, [id_ for id_, _, _ in records]).items():
        cells.setdefault(frontend, []).append(cell)
    return [
        FrontendRecord(
            FrontendId(id_),
            RegionName(region),
            tuple(sorted(cells.get(id_, ()), key=lambda cell: cell.cell)),
            seen_ms,
            Role.CANARY if id_ in canaries else Role.SERVING,
        )
        for id_, region, seen_ms in records
    ]


def _cells_of(
    tx: Transaction, ids: Sequence[str]
) -> dict[tuple[FrontendId, CellName], FrontendCell]:
    return {
        (FrontendId(row[0]), CellName(row[1])): FrontendCell(
            CellName(row[1]),
            Epoch(row[2]),
            Generation(row[3]),
            Generation(row[4]),
            row[5],
            row[6],
            HeldNames(row[7], tuple(row[8].split()), row[9]) if row[7] else NOTHING_HELD,
        )
        for row in tx.run(
            "SELECT f.frontend, f.cell, f.epoch, f.generation, f.refused_generation, f.refusal,"
            " f.time_ms, h.count, h.services, h.reason FROM frontend_cells f"
            " LEFT JOIN held_names h ON h.frontend = f.frontend AND h.cell = f.cell"
            f" WHERE f.frontend IN (SELECT value FROM {tx.dialect.texts})",
            *tx.dialect.list_values(ids),
        )
    }
