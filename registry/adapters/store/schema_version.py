"""Which version of the schema a database has, and bringing it to the one that this code needs.

Migrations are applied when an operator asks for it, never by the way. Nodes that start at
the same moment wait for each other: SQLite by its lock file, PostgreSQL by an advisory lock.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

import migrations
from registry.adapters.store.database import Transaction, outdated, unavailable
from registry.adapters.store.postgresql import postgresql_engine
from registry.adapters.store.sqlite import FileLock, sqlite_engine

HEAD = "0010"
"""The revision that this code needs; a test holds it equal to the newest in `migrations`."""
ADVISORY_LOCK = 0x5368_6565_7441
"""PostgreSQL's number for "sheetanchor migrates"."""


async def upgrade(url: str) -> None:
    """Bring the database to HEAD. Raises StoreUnavailable.

    `url` is as `factory.database_url` gives it. A SQLite file is made if it is missing.
    """
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            await asyncio.to_thread(_upgrade_sqlite, Path(parsed.database or ""))
            return
        engine = postgresql_engine(parsed)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade_locked)
        finally:
            await engine.dispose()
    except (TimeoutError, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise unavailable(error, parsed.render_as_string(hide_password=True)) from error


async def current(url: str) -> str | None:
    """The revision of the database, None if it has no schema. Raises StoreUnavailable."""
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return await asyncio.to_thread(_current_sqlite, Path(parsed.database or ""))
        engine = postgresql_engine(parsed)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(_current)
        finally:
            await engine.dispose()
    except (TimeoutError, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise unavailable(error, parsed.render_as_string(hide_password=True)) from error


def newest() -> str | None:
    """The newest revision among the migrations."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def check(tx: Transaction, where: str) -> None:
    """Raise SchemaOutdated unless the database is at HEAD."""
    try:
        found = _current(tx.connection)
    except DBAPIError as error:
        raise unavailable(error, where) from error
    if found != HEAD:
        raise outdated(found, HEAD, where)


def _config() -> Config:
    config = Config()
    # A percent sign in the path is no interpolation.
    location = str(Path(migrations.__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", location)
    return config


def _upgrade_sqlite(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path)
    lock.acquire()
    try:
        engine = sqlite_engine(path, writes=True)
        try:
            with engine.begin() as connection:
                _upgrade(connection)
        finally:
            engine.dispose()
    finally:
        lock.release()


def _upgrade_locked(connection: Connection) -> None:
    connection.execute(sqlalchemy.text("SET LOCAL lock_timeout = '60s'"))
    connection.execute(sqlalchemy.text("SET LOCAL statement_timeout = 0"))
    connection.execute(
        sqlalchemy.text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK}
    )
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current_sqlite(path: Path) -> str | None:
    if not path.exists():
        return None
    engine = sqlite_engine(path, writes=False)
    try:
        with engine.connect() as connection:
            return _current(connection)
    finally:
        engine.dispose()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
