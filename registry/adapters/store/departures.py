"""Which places were left lately, for a registry that begins: its mirror shows who is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from registry.adapters.store.database import Transaction
from registry.adapters.store.rows import readable
from registry.domain.grave import Grave
from registry.domain.names import NamespaceId, ServiceId, ServiceKey
from registry.domain.place import DRAIN_SECONDS, Departure


def write(tx: Transaction, graves: Iterable[Grave]) -> None:
    """Note what the buried ones left; the last time of each counts."""
    last: dict[tuple[str, int, str, str], int] = {}
    for grave in graves:
        for address, port in grave.places:
            row = (address, port, grave.key.namespace, grave.key.service)
            last[row] = max(grave.left_ms, last.get(row, 0))
    tx.run_many(
        "INSERT INTO departures (address, port, namespace, service, left_ms)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (address, port, namespace, service)"
        " DO UPDATE SET left_ms = excluded.left_ms",
        [(*row, left_ms) for row, left_ms in last.items()],
    )


def recent(tx: Transaction, now_ms: int) -> Sequence[Departure]:
    """Those that still matter, the earliest first."""
    rows = tx.run(
        "SELECT address, port, namespace, service, left_ms FROM departures WHERE left_ms > ?"
        " ORDER BY left_ms, address, port, namespace, service",
        now_ms - DRAIN_SECONDS * 1000,
    )
    return list(readable(rows, _departure))


def _departure(row: Sequence[Any]) -> Departure:
    address, port, namespace, service, left_ms = row
    # SQLite keeps in a column of numbers what is none
    if not (isinstance(port, int) and isinstance(left_ms, int)):
        raise ValueError(f"{address} port {port} was left at {left_ms}")
    return Departure(
        ServiceKey(NamespaceId(namespace), ServiceId(service)), (address, port), left_ms
    )


def purge(tx: Transaction, now_ms: int) -> None:
    """Forget those that nobody asks for any more."""
    tx.run("DELETE FROM departures WHERE left_ms <= ?", now_ms - DRAIN_SECONDS * 1000)
