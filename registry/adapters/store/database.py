"""A database as the store sees it: transactions, and the few words in which dialects differ.

The work of a transaction is one plain function over a `Transaction`; it never awaits.
SQLite runs it in a thread of its own, PostgreSQL on the loop, so a whole transaction costs
SQLite one hop between threads, not one a statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DataError, IntegrityError

from registry.domain.errors import SchemaOutdated, StoreUnavailable
from registry.domain.names import InstanceKey

T = TypeVar("T")
RETRY_AFTER_SECONDS = 1.0
MIGRATE_ADVICE = "Stop the registry, and run `sheetanchor registry --migrate` once."


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a statement must know of the database that it is for."""

    name: str
    exclusive: bool
    """No other process can write: whoever led before is gone."""
    row_lock: str
    """Ends a SELECT whose rows are to stay as they are until the transaction ends."""
    keys: str
    """A FROM item `k(namespace, service, instance)` over the parameters `key_values`."""
    texts: str
    """A FROM item `k(value)` over the parameters `list_values`."""
    numbers: str
    """The same for integers."""
    native: Callable[[str], str]
    """A statement written with `?` as the driver wants it."""
    key_values: Callable[[Sequence[InstanceKey]], tuple[Any, ...]]
    list_values: Callable[[Iterable[Any]], tuple[Any, ...]]


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    first, *rest = sql.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))


SQLITE = Dialect(
    name="sqlite",
    exclusive=True,
    row_lock="",
    keys=(
        "(SELECT value->>0 AS namespace, value->>1 AS service, value->>2 AS instance"
        " FROM json_each(?)) AS k"
    ),
    texts="json_each(?) AS k",
    numbers="json_each(?) AS k",
    native=lambda sql: sql,
    key_values=lambda keys: (json.dumps(keys),),
    list_values=lambda values: (json.dumps(list(values)),),
)

POSTGRESQL = Dialect(
    name="postgresql",
    exclusive=False,
    row_lock=" FOR UPDATE",
    keys=(
        "unnest(CAST(? AS TEXT[]), CAST(? AS TEXT[]), CAST(? AS TEXT[]))"
        " AS k(namespace, service, instance)"
    ),
    texts="unnest(CAST(? AS TEXT[])) AS k(value)",
    numbers="unnest(CAST(? AS BIGINT[])) AS k(value)",
    native=_numbered,
    key_values=lambda keys: (
        [key.namespace for key in keys],
        [key.service for key in keys],
        [key.instance for key in keys],
    ),
    list_values=lambda values: (list(values),),
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction under way."""

    connection: Connection
    dialect: Dialect

    def run(self, sql: str, *parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement, written with `?`."""
        return self.connection.exec_driver_sql(self.dialect.native(sql), parameters)

    def run_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run one statement for each row; nothing for none."""
        if rows:
            self.connection.exec_driver_sql(self.dialect.native(sql), list(rows))


class Database(Protocol):
    """Opens, closes, and runs transactions.

    Raises StoreUnavailable and SchemaOutdated; what `work` raises undoes the transaction.
    """

    dialect: Dialect
    where: str
    """Names it to an operator, without a password."""

    async def open(self) -> None:
        """Connect; for an embedded database keep other processes out."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that is durable when this returns.

        `work` may be run again after the database has undone it.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one unchanging view of the database."""
        ...


def blames_content(error: BaseException) -> bool:
    """Whether the database answered, and refused what it was given: no outage, but a fault here.

    Such an error is passed on as it is, so that it hurts its own request only (I11).
    """
    if isinstance(error, (IntegrityError, DataError)):
        return True
    # SQLSTATE classes 22, data exception, and 23, integrity constraint violation.
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return state[:2] in ("22", "23")


def unavailable(error: BaseException, where: str) -> StoreUnavailable:
    """The database did not answer, or not with what was asked."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()) or type(cause).__name__
    return StoreUnavailable(
        f"the database ({where}) does not answer: {text[:300]}. Nothing was acknowledged; "
        "try again.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def outdated(found: str | None, wanted: str, where: str) -> SchemaOutdated:
    """The schema is absent or is another version's."""
    if found is None:
        what = f"the database ({where}) has no schema yet"
    else:
        what = f"the database ({where}) has schema {found}, and this version needs {wanted}"
    return SchemaOutdated(f"{what}. {MIGRATE_ADVICE}", found=found or "none", wanted=wanted)
