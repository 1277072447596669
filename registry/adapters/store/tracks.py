"""What has left the answers of each name and cell lately, for the next leader (I8)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from registry.adapters.store.database import Transaction
from registry.domain.names import CellName, NamespaceId, ServiceId, ServiceKey
from registry.domain.track import TrackRecord
from registry.domain.velocity import Tracks

log = logging.getLogger(__name__)

_CELL = ("", "")
"""Stands for the cell itself: no name is empty."""
_LARGEST_NUMBER = 2**31
"""No cell has so many endpoints."""
_LONGEST_AGE_MS = 10**12
"""Thirty years; both bound what arithmetic has to bear."""


def tracks(tx: Transaction, cell: CellName) -> Mapping[ServiceKey | None, TrackRecord]:
    """All of a cell's. A row that makes no sense claims nothing (I10)."""
    found: dict[ServiceKey | None, TrackRecord] = {}
    for namespace, service, write_ms, body in tx.run(
        "SELECT namespace, service, write_ms, body FROM tracks WHERE cell = ?", cell
    ):
        name = ServiceKey(NamespaceId(namespace), ServiceId(service)) if namespace else None
        try:
            found[name] = _decode(write_ms, body)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            log.error(
                "a record of removals cannot be read; its budgets are whole again",
                extra={"cell": cell, "entry": f"{namespace}/{service}", "reason": str(error)},
            )
    return found


def write(tx: Transaction, cell: CellName, changed: Tracks) -> None:
    """Write the rows that change."""
    tx.run_many(
        "DELETE FROM tracks WHERE cell = ? AND namespace = ? AND service = ?",
        [(cell, *(name or _CELL)) for name, record in changed.items() if record is None],
    )
    tx.run_many(
        "INSERT INTO tracks (cell, namespace, service, write_ms, body) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (cell, namespace, service) DO UPDATE SET"
        " write_ms = excluded.write_ms, body = excluded.body",
        [
            (cell, *(name or _CELL), record.write_time_ms, _encode(record))
            for name, record in changed.items()
            if record is not None
        ],
    )


def _encode(record: TrackRecord) -> str:
    return json.dumps({"removals": record.removals, "peaks": record.peaks}, separators=(",", ":"))


def _decode(write_ms: int, body: str) -> TrackRecord:
    read = json.loads(body)
    # a column of SQLite holds any type, whatever it was declared as
    return TrackRecord(int(write_ms), _pairs(read["removals"]), _pairs(read["peaks"]))


def _pairs(rows: list[list[int]]) -> tuple[tuple[int, int], ...]:
    pairs = tuple((int(age_ms), int(number)) for age_ms, number in rows)
    if not all(
        0 <= age_ms <= _LONGEST_AGE_MS and 0 <= number <= _LARGEST_NUMBER
        for age_ms, number in pairs
    ):
        raise ValueError("an age or a number that none can have")
    return pairs
