"""A row of who left that cannot be read hides nobody else, and harms no service (I11)."""

from __future__ import annotations

import logging

import pytest
from inline_sqlite import InlineSqlite

from registry.adapters.clock import ManualClock
from registry.adapters.store.sql_store import SqlStore


async def test_a_departure_that_cannot_be_read_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others count, whichever comes first; SQLite keeps words where numbers belong."""
    database, clock = InlineSqlite(), ManualClock()
    store = SqlStore(database, clock)
    await store.open()
    now = clock.unix_ms()
    for address, port, left_ms in (
        ("192.0.2.1", 80, now),
        ("192.0.2.2", 80, "soon"),
        ("192.0.2.3", "http", now),
        ("192.0.2.4", 80, now + 1),
    ):
        database.raw.execute(
            "INSERT INTO departures (address, port, namespace, service, left_ms)"
            " VALUES (?, ?, 'shop', 'gone', ?)",
            (address, port, left_ms),
        )
    with caplog.at_level(logging.ERROR):
        found = (await store.state()).departures
    assert [each.place for each in found] == [("192.0.2.1", 80), ("192.0.2.4", 80)]
    assert [each.levelname for each in caplog.records] == ["ERROR", "ERROR"]
    await store.close()
