"""SQLite: one file, one process, one writer thread and a few readers.

Each connection is set to WAL with `synchronous=FULL`, so that what a commit returned from
survives a kill and a power cut. A lock file beside the database keeps a second process
out: two registries on one file would both believe that they lead.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from registry.adapters.store.database import (
    MIGRATE_ADVICE,
    RETRY_AFTER_SECONDS,
    SQLITE,
    Transaction,
    blames_content,
    unavailable,
)
from registry.domain.errors import RegistryError, SchemaOutdated, StoreUnavailable

T = TypeVar("T")
READERS = 2
BUSY_SECONDS = 5.0


class FileLock:
    """Holds `{database}.lock` for this process; the kernel lets go when the process ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise StoreUnavailable that names its holder."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unavailable(error, str(self._path)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreUnavailable(
                f"another process (pid {holder}) holds {self._path}. Stop it, or give this one "
                "another data directory.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
                pid=holder,
            ) from error
        self._descriptor = descriptor
        # for people alone: on a full disk the lock is held as well
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would race with the next holder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SqliteDatabase:
    """The file at `path`, which the migrations have made."""

    def __init__(self, path: Path) -> None:
        self.dialect = SQLITE
        self.where = str(path)
        self._path = path
        self._lock = FileLock(path)
        self._writes: ThreadPoolExecutor | None = None
        self._reads: ThreadPoolExecutor | None = None
        self._write_engine: Engine | None = None
        self._read_engine: Engine | None = None
        self._writer: Connection | None = None

    def __repr__(self) -> str:
        return f"<SqliteDatabase {self._path} {'open' if self._writes else 'closed'}>"

    async def open(self) -> None:
        """Take the lock file and start the threads. Raises SchemaOutdated if there is no file."""
        if not self._path.exists():
            raise SchemaOutdated(
                f"there is no database at {self._path}. Run `sheetanchor registry "
                "--migrate` to make one, or give the `--data-dir` of the one that there is.",
                path=str(self._path),
            )
        self._lock.acquire()
        self._write_engine = sqlite_engine(self._path, writes=True)
        self._read_engine = sqlite_engine(self._path, writes=False)
        self._writes = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._reads = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")

    async def close(self) -> None:
        """Finish what is under way and close all connections."""
        writes, reads = self._writes, self._reads
        self._writes = self._reads = None
        if writes is not None and reads is not None:
            await asyncio.to_thread(self._shut, writes, reads)
        self._lock.release()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in the one writer's transaction, in the order of the calls."""
        return await self._hop(self._writes, partial(self._in_writer, work))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot; a writer neither waits for it nor is waited for."""
        return await self._hop(self._reads, partial(self._in_reader, work))

    async def _hop(self, threads: ThreadPoolExecutor | None, work: Callable[[], T]) -> T:
        if threads is None:
            raise StoreUnavailable(
                f"the database ({self._path}) is closed: the registry is stopping.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except RegistryError:
            raise
        except DBAPIError as error:
            if blames_content(error):
                raise
            raise self._mapped(error) from error
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise unavailable(error, self.where) from error

    def _in_writer(self, work: Callable[[Transaction], T]) -> T:
        if self._writer is None:
            assert self._write_engine is not None
            self._writer = self._write_engine.connect()
        try:
            with self._writer.begin():
                return work(Transaction(self._writer, self.dialect))
        except (SQLAlchemyError, sqlite3.Error):
            # Whatever state a failed disk left the connection in, do not build on it.
            broken, self._writer = self._writer, None
            broken.invalidate()
            broken.close()
            raise

    def _in_reader(self, work: Callable[[Transaction], T]) -> T:
        assert self._read_engine is not None
        with self._read_engine.connect() as connection, connection.begin():
            return work(Transaction(connection, self.dialect))

    def _mapped(self, error: DBAPIError) -> RegistryError:
        text = str(error.orig)
        if "no such table" in text or "no such column" in text:
            return SchemaOutdated(
                f"the database ({self._path}) has not the schema that this version needs: "
                f"{text}. {MIGRATE_ADVICE}",
                path=str(self._path),
            )
        return unavailable(error, self.where)

    def _shut(self, writes: ThreadPoolExecutor, reads: ThreadPoolExecutor) -> None:
        reads.shutdown()
        writes.shutdown()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for engine in (self._read_engine, self._write_engine):
            if engine is not None:
                engine.dispose()


def sqlite_engine(path: Path, *, writes: bool) -> Engine:
    """An engine whose every connection is durable, and whose transactions we begin ourselves."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN would come too late to hold a snapshot.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        if not writes:
            cursor.execute("PRAGMA query_only=ON")
        elif cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise sqlite3.OperationalError("this file system cannot hold a WAL; use a local disk")
        cursor.close()

    begin_statement = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin_statement)

    return engine


_PRAGMAS = (
    f"busy_timeout={int(BUSY_SECONDS * 1000)}",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-32000",  # 32 MB
    # 16 MB of 4 KiB: a page that several transactions of a flood write is copied back once
    "wal_autocheckpoint=4000",
    "journal_size_limit=67108864",  # a WAL swollen by one large transaction shrinks again
)
