"""The rows that the database's own rule of never empty rests on (I7)."""

from __future__ import annotations

from collections.abc import Mapping

from registry.adapters.store.database import Transaction
from registry.domain.names import CellName, ServiceKey
from registry.domain.served_name import Asked, ServedName


def names(tx: Transaction, cell: CellName) -> Mapping[str, ServedName]:
    """All of a cell's, by entry key. A row that makes no sense claims nothing."""
    return {
        f"{namespace}/{service}": ServedName(
            servable,
            Asked(asked) if asked in (0, 1, 2) else Asked.NO,
            None if body is None else bytes(body),
        )
        for namespace, service, servable, asked, body in tx.run(
            "SELECT namespace, service, servable, asked, body FROM names WHERE cell = ?", cell
        )
    }


def served(tx: Transaction, key: ServiceKey) -> Mapping[CellName, int]:
    """The cells that answer, or answered, for a service, and with how many endpoints now."""
    return {
        CellName(cell): servable
        for cell, servable in tx.run(
            "SELECT cell, servable FROM names WHERE namespace = ? AND service = ?"
            " AND (servable > 0 OR asked = ?) ORDER BY cell",
            *key,
            int(Asked.SCALE_TO_ZERO),
        )
    }


def write(
    tx: Transaction, cell: CellName, changed: Mapping[str, ServedName | None], *, heals: bool
) -> None:
    """Write the rows that change; with `heals` they replace all others, unjudged by triggers."""
    if heals:
        tx.run("INSERT INTO healings (cell) VALUES (?) ON CONFLICT (cell) DO NOTHING", cell)
        tx.run("DELETE FROM names WHERE cell = ?", cell)
    tx.run_many(
        "DELETE FROM names WHERE cell = ? AND namespace = ? AND service = ?",
        [(cell, *_split(key)) for key, name in changed.items() if name is None],
    )
    tx.run_many(
        "INSERT INTO names (cell, namespace, service, servable, asked, body)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (cell, namespace, service) DO UPDATE SET"
        " servable = excluded.servable, asked = excluded.asked, body = excluded.body",
        [
            (cell, *_split(key), name.servable, int(name.asked), name.body)
            for key, name in changed.items()
            if name is not None
        ],
    )
    if heals:
        tx.run("DELETE FROM healings WHERE cell = ?", cell)


def _split(key: str) -> tuple[str, str]:
    namespace, _, service = key.partition("/")
    return namespace, service
