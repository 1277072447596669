"""A SQLite database in memory without threads, so that a clock turned by hand suffices."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from registry.adapters.store.database import SQLITE, Transaction, blames_content, unavailable
from registry.adapters.store.schema import metadata
from registry.adapters.store.schema_version import HEAD
from registry.adapters.store.triggers import SQLITE_TRIGGERS

T = TypeVar("T")


class InlineSqlite:
    """`registry.adapters.store.database.Database`, with the schema and all triggers.

    `content` is that of another one, as `raw.serialize` gave it.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.dialect = SQLITE
        self.where = "memory"
        self.raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.raw.execute("PRAGMA foreign_keys=ON")
        self._engine: Engine = sqlalchemy.create_engine(
            "sqlite+pysqlite://", creator=lambda: self.raw, poolclass=StaticPool
        )

        @event.listens_for(self._engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        if content:
            self.raw.deserialize(content)
            return
        with self._engine.begin() as connection:
            metadata.create_all(connection)
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """It stays: another node may open it."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction, at once."""
        try:
            with self._engine.begin() as connection:
                return work(Transaction(connection, self.dialect))
        except DBAPIError as error:
            if blames_content(error):
                raise
            raise unavailable(error, self.where) from error

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """The same: nothing else is under way."""
        return await self.write(work)

    def tamper(self, *statements: str) -> None:
        """Change rows as somebody with no respect for any rule does; the rules are back after."""
        self.raw.execute("PRAGMA foreign_keys=OFF")
        self.raw.execute("PRAGMA ignore_check_constraints=ON")
        found = self.raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in found.fetchall():
            self.raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            with suppress(sqlite3.IntegrityError):  # some edits even SQLite cannot be made to do
                self.raw.execute(statement)
        for trigger in SQLITE_TRIGGERS:
            self.raw.execute(trigger)
        self.raw.execute("PRAGMA ignore_check_constraints=OFF")
        self.raw.execute("PRAGMA foreign_keys=ON")
