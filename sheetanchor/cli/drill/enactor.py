"""One publisher of the drill, as a process: told what to do a line at a time on standard input.

    lead                 take the lead of the cell
    plan N               read the head, and plan content number N on it
    publish              move the head to what was planned, by the store's own decision
    publish-fenceless    the same, under whatever epoch the cell has now
    publish-unguarded    October 2025: write it, compare nothing
    clean                delete what nobody can reach, by the store's own decision
    clean-by-age         October 2025: delete what is old

Each line is answered with one. All but the two last words of each kind are what the
registry itself runs; those two live here alone.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from registry.adapters.clock import SystemClock
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.adapters.store.blob import encode_delta, encode_entries
from registry.adapters.store.database import SQLITE, Dialect, Transaction, blames_content
from registry.adapters.store.sql_store import SqlStore
from registry.adapters.store.sqlite import sqlite_engine
from registry.app.plan_reader import PlanReader
from registry.app.uptime import Uptime
from registry.domain.cell_plan import Entry, Step
from registry.domain.errors import LeadershipLost, RegistryError
from registry.domain.gc import Keep
from registry.domain.health import Evidence, Health
from registry.domain.names import (
    CellName,
    Epoch,
    Incarnation,
    InstanceId,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import Fence
from registry.domain.plan import Endpoint, Head, ServicePlan
from registry.domain.publication import next_step
from registry.ports import Publication
from sheetanchor.cli.quantity import counted

CELL = CellName("local")
SERVICE = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
KEEP = Keep(generations=10, seconds=0.0)
OLD_GENERATIONS = 10

T = TypeVar("T")


class SharedSqlite:
    """The registry's file without its lock: here several processes are wanted.

    SQLite itself lets one write at a time, so every transaction is still one.
    """

    def __init__(self, path: Path) -> None:
        self.dialect: Dialect = SQLITE
        self.where = str(path)
        self._engine = sqlite_engine(path, writes=True)

    async def open(self) -> None:
        """Nothing to lock."""

    async def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction."""
        with self._engine.begin() as connection:
            return work(Transaction(connection, self.dialect))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """The same."""
        return await self.write(work)


@dataclass(slots=True)
class Planned:
    """What waits to be published."""

    step: Step
    fence: Fence


class Enactor:
    """One publisher: what it believes may be old by the time it acts on it."""

    def __init__(self, path: Path, name: str) -> None:
        clock = SystemClock()
        self._database = SharedSqlite(path)
        self._store = SqlStore(self._database, clock)
        self._clock = clock
        self._codec = ProtoPlanCodec()
        self._reader = PlanReader(self._store, self._codec, Uptime(clock), CELL)
        self._name = name
        self._epoch = Epoch(0)
        self._planned: Planned | None = None

    async def obey(self, line: str) -> str:
        """Do what a line says; the answer to it."""
        verb, _, number = line.partition(" ")
        match verb:
            case "lead":
                return await self._lead()
            case "plan":
                return await self._plan(int(number))
            case "publish":
                return await self._publish(self._what.fence.epoch)
            case "publish-fenceless":
                return await self._publish((await self._head()).epoch)
            case "publish-unguarded":
                return await self._publish_unguarded()
            case "clean":
                return await self._clean()
            case "clean-by-age":
                return await self._clean_by_age()
            case _:
                return f"no such word: {line}"

    @property
    def _what(self) -> Planned:
        assert self._planned is not None, "plan first"
        return self._planned

    async def _head(self) -> Head:
        return next(head for head in await self._store.heads() if head.cell == CELL)

    async def _lead(self) -> str:
        leadership = await self._store.lead(CELL, RegionName(CELL), self._name, 6.0)
        assert leadership is not None
        self._epoch = leadership.epoch
        return f"leads, epoch {self._epoch}"

    async def _plan(self, number: int) -> str:
        plan = await self._reader.read(await self._head())
        entry = Entry(content(number), self._codec.encode(content(number)))
        step = next_step(
            plan,
            {SERVICE.entry: entry},
            epoch=self._epoch,
            revision=Revision(number),
            now_ms=self._clock.unix_ms(),
            traceparent="",
        )
        self._planned = Planned(step, Fence(CELL, self._epoch))
        return f"planned generation {step.record.generation} on {step.record.parent_generation}"

    async def _publish(self, epoch: Epoch) -> str:
        step = self._what.step
        record = replace(step.record, epoch=epoch)
        publication = Publication(
            Fence(CELL, epoch), record, step.delta, step.base, step.names, step.heals
        )
        try:
            if await self._store.publish(publication):
                return f"published generation {record.generation}"
            head = await self._head()
            return (
                f"refused generation {record.generation}: it was planned on"
                f" {record.parent_generation}, and the head is {head.generation} (I2)"
            )
        except LeadershipLost as error:
            return f"refused generation {record.generation}: {error.message} (I3)"

    async def _publish_unguarded(self) -> str:
        step = self._what.step
        record = step.record

        def write(tx: Transaction) -> None:
            key = (CELL, record.generation)
            tx.run("DELETE FROM plans WHERE cell = ? AND generation = ?", *key)
            tx.run(
                "INSERT INTO plans (cell, generation, parent_generation, epoch, digest,"
                " service_count, endpoint_count, revision, create_ms, traceparent, delta, base)"
                " VALUES (?, ?, ?, ?, ?, 1, 1, 1, ?, '', ?, ?)",
                *key,
                record.parent_generation,
                record.epoch,
                record.digest,
                record.create_time_ms,
                encode_delta(step.delta),
                encode_entries(step.delta.changed),
            )
            tx.run(
                "UPDATE cells SET head_generation = ?, head_digest = ? WHERE name = ?",
                record.generation,
                record.digest,
                CELL,
            )

        await self._database.write(write)
        return f"wrote generation {record.generation} over whatever was there"

    async def _clean(self) -> str:
        epoch = (await self._head()).epoch
        cleaned = await self._store.clean(Fence(CELL, epoch), KEEP)
        return f"deleted {counted(cleaned.deleted, 'plan')} that nobody can reach"

    async def _clean_by_age(self) -> str:
        def delete(tx: Transaction) -> int:
            return tx.run(
                "DELETE FROM plans WHERE cell = ? AND generation <="
                " (SELECT MAX(generation) FROM plans WHERE cell = ?) - ?",
                CELL,
                CELL,
                OLD_GENERATIONS,
            ).rowcount

        return f"deleted {await self._database.write(delete)} old plans"


def content(number: int) -> ServicePlan:
    """Content number N answers with addresses that tell N."""
    endpoint = Endpoint(
        InstanceId("i1"),
        Incarnation("u1"),
        (f"192.0.2.{number}",),
        (),
        0,
        1,
        "",
        {},
        Health.HEALTHY,
        Evidence.VALIDATED,
    )
    return ServicePlan(SERVICE, None, (endpoint,), False, None, Revision(number))


def main() -> None:
    """`python -m sheetanchor.cli.drill.enactor FILE NAME`."""
    enactor = Enactor(Path(sys.argv[1]), sys.argv[2])
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            try:
                answer = runner.run(enactor.obey(line.strip()))
            except RegistryError as error:
                answer = f"refused: {error.message}"
            except Exception as error:
                if not blames_content(error):
                    raise
                answer = f"refused by the database: {error}"
            print(answer, flush=True)


if __name__ == "__main__":
    main()
