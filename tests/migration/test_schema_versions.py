"""Migrations make the schema that the code is written for, on both databases, when asked."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgresql_server import PostgresqlServer
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from registry.adapters.clock import SystemClock
from registry.adapters.store import schema_version
from registry.adapters.store.factory import database_url, migrate, open_store
from registry.adapters.store.postgresql import postgresql_engine
from registry.adapters.store.schema import metadata
from registry.adapters.store.sqlite import sqlite_engine
from registry.domain.errors import InvalidField, SchemaOutdated

ROOT = Path(__file__).resolve().parents[2]
CATALOG = """
SELECT 'column', table_name, column_name, data_type, is_nullable, collation_name
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
AND conrelid::regclass::text <> 'alembic_version'
UNION ALL
SELECT 'index', tablename, indexname, indexdef, '', ''
FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', ''
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', proname, '', pg_get_functiondef(oid), '', ''
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'options', relname, array_to_string(reloptions, ','), '', '', ''
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
ORDER BY 1, 2, 3
"""


def run_on(url: str, work: Callable[[Connection], Any]) -> Any:
    """Run `work` in a transaction on a database."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sqlite_engine(Path(parsed.database or ""), writes=True)
        with engine.begin() as connection:
            result = work(connection)
        engine.dispose()
        return result

    async def on_server() -> Any:
        engine = postgresql_engine(parsed)
        async with engine.begin() as connection:
            result = await connection.run_sync(work)
        await engine.dispose()
        return result

    return asyncio.run(on_server())


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Two empty databases of one kind."""
    if request.param == "sqlite":
        return (
            database_url("", tmp_path / "one"),
            database_url(f"sqlite:///{tmp_path}/two.db", tmp_path),
        )
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    return (
        database_url(server.new_database(), tmp_path),
        database_url(server.new_database(), tmp_path),
    )


def description(connection: Connection) -> list[tuple[Any, ...]]:
    """Everything that the database knows of its own schema."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema"
            " WHERE tbl_name <> 'alembic_version' ORDER BY type, name"
        )
        return [
            (*row[:3], sorted(part.strip() for part in (row[3] or "").split("\n"))) for row in rows
        ]
    return [tuple(row) for row in connection.exec_driver_sql(CATALOG)]


def test_the_migrated_schema_is_that_of_the_tables(urls: tuple[str, str]) -> None:
    """Column by column, constraint by constraint; and Alembic finds nothing left to do."""
    migrated, scratch = urls
    asyncio.run(schema_version.upgrade(migrated))
    if scratch.startswith("sqlite"):
        Path(make_url(scratch).database or "").touch()
    run_on(scratch, metadata.create_all)
    assert run_on(migrated, description) == run_on(scratch, description)
    assert run_on(migrated, description) != []

    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert run_on(migrated, differences) == []


def test_the_database_itself_holds_the_core_rules(urls: tuple[str, str]) -> None:
    """A head that goes back and a plan that changes are refused, whoever asks (I1, I6)."""
    url, _ = urls
    asyncio.run(schema_version.upgrade(url))

    def fill(connection: Connection) -> None:
        connection.execute(
            metadata.tables["cells"].insert(),
            {
                "name": "east",
                "region": "east",
                "epoch": 3,
                "leader": "",
                "leader_until_ms": 0,
                "head_generation": 7,
                "head_digest": b"",
                "publish_ms": 0,
            },
        )
        connection.execute(
            metadata.tables["plans"].insert(),
            {
                "cell": "east",
                "generation": 7,
                "parent_generation": 6,
                "epoch": 3,
                "digest": b"d",
                "service_count": 0,
                "endpoint_count": 0,
                "revision": 1,
                "create_ms": 1,
                "traceparent": "",
                "delta": b"",
            },
        )

    run_on(url, fill)
    for statement in (
        "UPDATE cells SET head_generation = 6",
        "UPDATE cells SET epoch = 2, head_generation = 8",
        "UPDATE plans SET digest = delta",
        "UPDATE plans SET generation = 6",
        "INSERT INTO plans SELECT cell, generation, parent_generation, epoch, digest,"
        " service_count, endpoint_count, revision, create_ms, traceparent, delta, base FROM plans",
        "DELETE FROM cells",
        "INSERT INTO services (namespace, service, body) VALUES ('none', 's', '{}')",
        "INSERT INTO registry_state (id, revision, compacted_revision, uid) VALUES (2, 0, 0, '')",
        "INSERT INTO leases (id, renewals, renewed_ms, ttl_ms) VALUES (1, 0, 0, 0)",
    ):
        with pytest.raises(IntegrityError):
            run_on(url, lambda connection, sql=statement: connection.exec_driver_sql(sql))
    run_on(url, lambda c: c.exec_driver_sql("UPDATE cells SET epoch = 4, head_generation = 8"))


def test_an_upgrade_is_asked_for_once_or_twice_with_the_same_end(urls: tuple[str, str]) -> None:
    """Nothing before; the newest version after; the second time changes nothing."""
    url, _ = urls
    assert asyncio.run(schema_version.current(url)) is None
    for _ in range(2):
        asyncio.run(schema_version.upgrade(url))
        assert asyncio.run(schema_version.current(url)) == schema_version.HEAD
    assert schema_version.newest() == schema_version.HEAD


def test_a_failed_upgrade_leaves_nothing_behind(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a schema would be worse than none."""
    url, _ = urls

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.create_index", fail)
        with pytest.raises(ZeroDivisionError):
            asyncio.run(schema_version.upgrade(url))
    assert run_on(url, description) == []
    assert asyncio.run(schema_version.current(url)) is None
    asyncio.run(schema_version.upgrade(url))
    assert asyncio.run(schema_version.current(url)) == schema_version.HEAD


async def test_nodes_that_start_together_migrate_once(postgresql_database: str) -> None:
    """They wait for each other, and all find the schema."""
    url = database_url(postgresql_database, Path("unused"))
    await asyncio.gather(*(schema_version.upgrade(url) for _ in range(4)))
    assert await schema_version.current(url) == schema_version.HEAD


async def test_another_versions_schema_is_refused(tmp_path: Path) -> None:
    """The message names both versions and the way out."""
    await migrate("", tmp_path)
    url = database_url("", tmp_path)
    connection = sqlite3.connect(make_url(url).database or "")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    store = open_store("", tmp_path, SystemClock())
    with pytest.raises(SchemaOutdated, match="9999") as refused:
        await store.open()
    assert refused.value.details["found"] == "9999"
    assert refused.value.details["wanted"] == schema_version.HEAD


def test_migrations_need_nothing_of_the_place_they_run_in(tmp_path: Path) -> None:
    """No ini file, no working directory, no environment, and a percent sign in the path."""
    data_dir = tmp_path / "100%s"
    program = (
        "import asyncio, pathlib, sys\n"
        "from registry.adapters.store.factory import migrate\n"
        "asyncio.run(migrate('', pathlib.Path(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_dir)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert asyncio.run(schema_version.current(database_url("", data_dir))) == schema_version.HEAD


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", "sqlite+pysqlite:////data/registry.sqlite3"),
        ("sqlite:////tmp/x.db", "sqlite+pysqlite:////tmp/x.db"),
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d"),
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("postgresql+asyncpg://u@/d?host=/run/pg", "postgresql+asyncpg://u@/d?host=%2Frun%2Fpg"),
    ],
)
def test_a_setting_names_a_database(given: str, meant: str) -> None:
    """As people write it, without naming a driver."""
    assert database_url(given, Path("/data")) == meant


@pytest.mark.parametrize(
    "given", ["mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "secret"]
)
def test_a_setting_that_names_no_database_is_refused(given: str) -> None:
    """The field is named, and a password in it is not repeated."""
    with pytest.raises(InvalidField) as refused:
        database_url(given, Path("/data"))
    assert refused.value.violations[0].field == "database_url"
    assert "secret" not in str(refused.value)
