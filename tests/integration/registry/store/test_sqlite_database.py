"""SQLite: durable on every connection, one process a file, honest about a broken disk."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from registry.adapters.clock import SystemClock
from registry.adapters.rpc.translate.audit_entry import audit_entry_message
from registry.adapters.store.database import Transaction
from registry.adapters.store.factory import SQLITE_FILE, migrate, open_store
from registry.adapters.store.sqlite import SqliteDatabase
from registry.domain.audit import Act, Deed
from registry.domain.errors import SchemaOutdated, StoreUnavailable
from registry.domain.names import CellName, RegionName
from sheetanchor.v1.audit_entry_pb2 import AuditEntry

EAST = CellName("east"), RegionName("east")


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open, migrated database."""
    await migrate("", tmp_path)
    database = SqliteDatabase(tmp_path / SQLITE_FILE)
    await database.open()
    yield database
    await database.close()


def pragma(tx: Transaction, name: str) -> object:
    """A setting of the transaction's connection."""
    return tx.run(f"PRAGMA {name}").scalar_one()


async def test_every_connection_is_durable(database: SqliteDatabase) -> None:
    """WAL, synchronous FULL and foreign keys hold for the writer, its successor and readers."""

    def settings(tx: Transaction) -> list[object]:
        return [
            pragma(tx, name)
            for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")
        ]

    def fail(tx: Transaction) -> None:
        tx.run("SELECT nonsense")

    full = 2
    assert await database.write(settings) == ["wal", full, 1, 0]
    with pytest.raises(SchemaOutdated):
        await database.write(fail)
    assert await database.write(settings) == ["wal", full, 1, 0]
    readers = await asyncio.gather(*(database.read(settings) for _ in range(4)))
    assert readers == [["wal", full, 1, 1]] * 4


async def test_a_transaction_that_raises_is_undone(database: SqliteDatabase) -> None:
    """And the next one works."""

    def half(tx: Transaction) -> None:
        tx.run("INSERT INTO frontends (id, region, seen_ms) VALUES ('f', 'r', 1)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(half)
    count = await database.write(lambda tx: tx.run("SELECT COUNT(*) FROM frontends").scalar_one())
    assert count == 0


async def test_readers_do_not_wait_for_the_writer(database: SqliteDatabase) -> None:
    """A snapshot is read while a transaction is open, and shows nothing of it."""
    loop = asyncio.get_running_loop()
    writing, finish = asyncio.Event(), asyncio.Event()

    def write(tx: Transaction) -> None:
        tx.run("INSERT INTO frontends (id, region, seen_ms) VALUES ('f', 'r', 1)")
        loop.call_soon_threadsafe(writing.set)
        asyncio.run_coroutine_threadsafe(finish.wait(), loop).result(timeout=10)

    def count(tx: Transaction) -> object:
        return tx.run("SELECT COUNT(*) FROM frontends").scalar_one()

    task = asyncio.create_task(database.write(write))
    await writing.wait()
    assert await database.read(count) == 0
    finish.set()
    await task
    assert await database.read(count) == 1


async def test_a_full_disk_makes_the_store_unavailable_until_there_is_room(
    database: SqliteDatabase,
) -> None:
    """Nothing of the failed transaction stays, and the next one after the clearing works."""
    small = await database.write(lambda tx: pragma(tx, "page_count"))

    def fill(tx: Transaction) -> None:
        tx.run(f"PRAGMA max_page_count={small}")
        for number in range(2000):
            tx.run("INSERT INTO frontends VALUES (?, ?, 1)", f"f{number}", "r" * 200)

    with pytest.raises(StoreUnavailable) as failed:
        await database.write(fill)
    assert failed.value.retry_after_seconds > 0
    assert "full" in str(failed.value)
    await database.write(lambda tx: tx.run("INSERT INTO frontends VALUES ('f', 'r', 1)"))
    count = await database.read(lambda tx: tx.run("SELECT COUNT(*) FROM frontends").scalar_one())
    assert count == 1


async def test_a_locked_file_makes_the_store_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's shell that holds a transaction costs a bounded wait, and nothing for ever."""
    monkeypatch.setattr(
        "registry.adapters.store.sqlite._PRAGMAS", ("busy_timeout=50", "synchronous=FULL")
    )
    await migrate("", tmp_path)
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    shell = sqlite3.connect(tmp_path / SQLITE_FILE, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.lead(*EAST, "node-1", 6.0)
    assert await store.heads() == []
    shell.execute("ROLLBACK")
    shell.close()
    assert await store.lead(*EAST, "node-1", 6.0) is not None
    await store.close()


async def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    """It says so, to readers and writers alike; closing again is harmless."""
    await migrate("", tmp_path)
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.renew([1])
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.heads()


async def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    """A write that was under way is committed."""
    await migrate("", tmp_path)
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    writes = [
        asyncio.create_task(store.lead(CellName(f"c{n}"), EAST[1], "node", 6.0)) for n in range(20)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert all(await asyncio.gather(*writes))
    await store.open()
    assert len(await store.heads()) == 20
    await store.close()


async def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    """It is told who is in, whether it comes to serve or to migrate."""
    await migrate("", tmp_path)
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    for come in (
        lambda: open_store("", tmp_path, SystemClock()).open(),
        lambda: migrate("", tmp_path),
    ):
        with pytest.raises(StoreUnavailable, match=str(os.getpid())):
            await come()
    await store.close()
    await migrate("", tmp_path)


async def test_the_lead_passes_at_once_to_the_process_that_has_the_file(tmp_path: Path) -> None:
    """A leader that was killed cannot be alive: the file's lock went with it."""
    await migrate("", tmp_path)
    program = (
        "import asyncio, os, sys, pathlib\n"
        "from registry.adapters.clock import SystemClock\n"
        "from registry.adapters.store.factory import open_store\n"
        "async def main():\n"
        "    store = open_store('', pathlib.Path(sys.argv[1]), SystemClock())\n"
        "    await store.open()\n"
        "    assert await store.lead('east', 'east', 'node-1', 3600.0)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path))
    assert await killed.wait() == -9
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    leadership = await store.lead(*EAST, "node-2", 6.0)
    assert leadership is not None
    assert leadership.epoch == 2
    await store.close()


async def test_a_missing_or_foreign_file_says_what_to_do(tmp_path: Path) -> None:
    """No file and no schema ask for a migration; garbage is not taken for a database."""
    store = open_store("", tmp_path, SystemClock())
    with pytest.raises(SchemaOutdated, match="sheetanchor registry --migrate"):
        await store.open()
    assert not (tmp_path / SQLITE_FILE).exists()
    (tmp_path / SQLITE_FILE).touch()
    with pytest.raises(SchemaOutdated, match="sheetanchor registry --migrate"):
        await store.open()
    (tmp_path / SQLITE_FILE).write_bytes(b"no database at all, for certain" * 400)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await store.open()
    (tmp_path / SQLITE_FILE).unlink()
    await migrate("", tmp_path)
    await store.open()
    await store.close()


async def test_a_lost_state_row_is_made_again_above_all_known_revisions(tmp_path: Path) -> None:
    """Numbers that watchers have seen are not given a second time."""
    await migrate("", tmp_path)
    connection = sqlite3.connect(tmp_path / SQLITE_FILE)
    connection.execute("INSERT INTO changes VALUES (41, 0, 'k', '', '{}'), (42, 0, 'k', '', '{}')")
    connection.commit()
    connection.close()
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    assert await store.revision() == 42
    assert await store.compact(keep=1) == 42
    await store.close()


async def test_a_deed_that_only_a_later_version_knows_hides_no_other(tmp_path: Path) -> None:
    """Nodes of two versions share a database while they are replaced one by one."""
    await migrate("", tmp_path)
    store = open_store("", tmp_path, SystemClock())
    await store.open()
    deeds = [Deed(uid, Act.FREEZE, "cells/east", "ann", "why", 5) for uid in ("d1", "d2")]
    await store.note(deeds)
    await store.close()
    with closing(sqlite3.connect(tmp_path / SQLITE_FILE)) as database, database:
        database.execute("UPDATE audit SET act = 'teleport' WHERE uid = 'd1'")
    await store.open()
    found = [audit_entry_message(entry) for entry in await store.audit(None, 10)]
    assert [(entry.name, entry.act) for entry in found] == [
        ("auditEntries/d2", AuditEntry.ACT_FREEZE),
        ("auditEntries/d1", AuditEntry.ACT_UNSPECIFIED),
    ]
    await store.close()
