"""The stores under one contract: memory, SQLite, PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from postgresql_server import PostgresqlServer

from registry.adapters.clock import ManualClock
from registry.adapters.store.factory import migrate, open_store
from registry.adapters.store.memory import MemoryStore
from registry.ports import Store

KINDS = ("memory", "sqlite", "postgresql")


@pytest.fixture
def clock() -> ManualClock:
    """The wall clock of the store under test."""
    return ManualClock()


@pytest.fixture(scope="session")
def migrated_template(
    postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A migrated database to copy: a copy takes a fraction of a migration."""
    url = postgresql_server.new_database()
    asyncio.run(migrate(url, tmp_path_factory.mktemp("unused")))
    return url


@pytest.fixture(scope="session")
def migrated_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a migrated SQLite database, to copy as well."""
    directory = tmp_path_factory.mktemp("migrated")
    asyncio.run(migrate("", directory))
    return directory


@pytest.fixture
def migrated_url(postgresql_server: PostgresqlServer, migrated_template: str) -> str:
    """A migrated PostgreSQL database of the test's own."""
    return postgresql_server.new_database(migrated_template)


@pytest.fixture(params=KINDS)
def make_store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> Callable[[], Store]:
    """Makes the store of this run of the suite, over one migrated database."""
    match request.param:
        case "memory":
            kept = MemoryStore(clock)
            return lambda: kept
        case "sqlite":
            template: Path = request.getfixturevalue("migrated_directory")
            shutil.copytree(template, tmp_path, dirs_exist_ok=True)
            return lambda: open_store("", tmp_path, clock)
        case _:
            url: str = request.getfixturevalue("migrated_url")
            return lambda: open_store(url, tmp_path, clock)


@pytest_asyncio.fixture
async def store(make_store: Callable[[], Store]) -> AsyncIterator[Store]:
    """An open, empty store."""
    made = make_store()
    await made.open()
    yield made
    await made.close()
