"""Which store a setting means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from registry.adapters.store import schema_version
from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.postgresql import PostgresqlDatabase
from registry.adapters.store.postgresql_notifier import PostgresqlNotifier
from registry.adapters.store.sql_store import SqlStore
from registry.adapters.store.sqlite import SqliteDatabase
from registry.domain.errors import FieldViolation, InvalidField
from registry.ports import Clock, Notifier, Store

SQLITE_FILE = "registry.sqlite3"


def database_url(url: str, data_dir: Path) -> str:
    """The full URL of the database: SQLite in `data_dir` if `url` is empty.

    Accepts `postgresql://`, `postgres://` and `sqlite:///`. Raises InvalidField.
    """
    return _parse(url, data_dir).render_as_string(hide_password=False)


def open_store(url: str, data_dir: Path, clock: Clock, notifier: Notifier | None = None) -> Store:
    """The store that `url` names; connect with its `open()`. Raises InvalidField.

    It tells `notifier` what it commits.
    """
    parsed = _parse(url, data_dir)
    if parsed.get_backend_name() == "sqlite":
        return SqlStore(SqliteDatabase(Path(parsed.database or "")), clock, notifier)
    return SqlStore(PostgresqlDatabase(parsed), clock, notifier)


def open_notifier(url: str, data_dir: Path, clock: Clock, random: Callable[[], float]) -> Notifier:
    """What carries notices between the nodes that share the database. Raises InvalidField."""
    parsed = _parse(url, data_dir)
    if parsed.get_backend_name() == "sqlite":
        return LocalNotifier()
    return PostgresqlNotifier(parsed, clock, random)


async def migrate(url: str, data_dir: Path) -> None:
    """Bring the schema up to date. Raises InvalidField, StoreUnavailable."""
    await schema_version.upgrade(database_url(url, data_dir))


def _parse(url: str, data_dir: Path) -> URL:
    if not url:
        return URL.create("sqlite+pysqlite", database=str(data_dir / SQLITE_FILE))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _invalid() from None  # the text may hold a password: do not repeat it
    match parsed.drivername.partition("+")[0]:
        case "postgresql" | "postgres":
            return _asyncpg(parsed)
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+pysqlite")
    raise _invalid()


def _asyncpg(url: URL) -> URL:
    """As the driver wants it: libpq, and so everybody's habit, calls its `ssl` `sslmode`."""
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query)


def _invalid() -> InvalidField:
    return InvalidField(
        FieldViolation(
            "database_url",
            "must be postgresql://USER@HOST/DATABASE, sqlite:///FILE, or empty for SQLite in "
            "the data directory",
        )
    )
