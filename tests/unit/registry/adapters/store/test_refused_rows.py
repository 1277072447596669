"""What is told beside a head, and cannot be read, hides no head."""

from __future__ import annotations

from inline_sqlite import InlineSqlite

from registry.adapters.clock import ManualClock
from registry.adapters.store.sql_store import SqlStore
from registry.domain.names import CellName, RegionName


async def test_a_refused_entry_that_cannot_be_read_is_passed_over() -> None:
    """SQLite keeps octets where words belong; the others are told."""
    database = InlineSqlite()
    store = SqlStore(database, ManualClock())
    await store.open()
    await store.begin_cells({CellName("eu"): RegionName("eu")})
    for service, rule, reason in (
        ("a", "limit", "too large"),
        ("b", b"\xff", "too large"),
        ("c", "limit", b"\xff"),
        ("d", "malformed", "no name"),
    ):
        database.raw.execute(
            "INSERT INTO refused_entries (cell, namespace, service, rule, reason)"
            " VALUES ('eu', 'shop', ?, ?, ?)",
            (service, rule, reason),
        )
    (head,) = await store.heads()
    assert [each.service.service for each in head.refused] == ["a", "d"]
    await store.close()
