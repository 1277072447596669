"""PostgreSQL through asyncpg: several nodes share it.

Writers read what was last committed and take row locks; a node that is suspended in
the middle of a transaction is thrown out by the server, so that it cannot block the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from registry.adapters.store.database import (
    MIGRATE_ADVICE,
    POSTGRESQL,
    RETRY_AFTER_SECONDS,
    Transaction,
    blames_content,
    unavailable,
)
from registry.domain.errors import RegistryError, SchemaOutdated, StoreUnavailable

T = TypeVar("T")
POOL_SIZE = 8
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 15.0
ATTEMPTS = 3
SERVER_SETTINGS = {
    "application_name": "sheetanchor-registry",
    "lock_timeout": "5s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
}
CONNECT_ARGUMENTS = {
    "timeout": CONNECT_SECONDS,
    "command_timeout": STATEMENT_SECONDS,
    "server_settings": SERVER_SETTINGS,
}
# SQLSTATE, PostgreSQL manual, appendix A.
_RETRIED = {"40001", "40P01"}  # serialization failure, deadlock: the server undid everything
_NO_SCHEMA = {"42P01", "42703", "3F000"}  # undefined table, column, schema


class PostgresqlDatabase:
    """The database at `url`, which the migrations have filled."""

    def __init__(self, url: URL) -> None:
        self.dialect = POSTGRESQL
        self._url = url
        self.where = f"{url.host or url.query.get('host', 'localhost')}/{url.database}"
        self._engine: AsyncEngine | None = None

    def __repr__(self) -> str:
        return f"<PostgresqlDatabase {self.where} {'open' if self._engine else 'closed'}>"

    async def open(self) -> None:
        """Make the pool; it connects when first used."""
        self._engine = postgresql_engine(self._url)

    async def close(self) -> None:
        """Close the pool."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction, again after a deadlock."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._run("READ COMMITTED", work)
            except DBAPIError as error:
                if _sqlstate(error) not in _RETRIED:
                    self._raise_mapped(error)
        return await self._mapping("READ COMMITTED", work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot."""
        return await self._mapping("REPEATABLE READ", work)

    async def _mapping(self, isolation: str, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._run(isolation, work)
        except DBAPIError as error:
            self._raise_mapped(error)

    async def _run(self, isolation: str, work: Callable[[Transaction], T]) -> T:
        """Raises DBAPIError as it comes; all else is mapped."""
        engine = self._engine
        if engine is None:
            raise StoreUnavailable(
                f"the database ({self.where}) is closed: the registry is stopping.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        try:
            async with engine.connect() as connection:
                await connection.execution_options(isolation_level=isolation)
                async with connection.begin():
                    return await connection.run_sync(
                        lambda plain: work(Transaction(plain, self.dialect))
                    )
        except (RegistryError, DBAPIError):
            raise
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            raise unavailable(error, self.where) from error

    def _raise_mapped(self, error: DBAPIError) -> NoReturn:
        if blames_content(error):
            raise error
        if _sqlstate(error) in _NO_SCHEMA:
            raise SchemaOutdated(
                f"the database ({self.where}) has not the schema that this version needs: "
                f"{error.orig}. {MIGRATE_ADVICE}",
                database=self.where,
            ) from error
        raise unavailable(error, self.where) from error


def postgresql_engine(url: URL) -> AsyncEngine:
    """An engine with time limits on everything it waits for."""
    return create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        pool_use_lifo=True,
        connect_args=CONNECT_ARGUMENTS,
    )


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
