"""A DNS frontend: the shipped applier, step, guard, ledger and answers, on a disk in memory.

Made here: its ear (the shipped one speaks gRPC), which opens a stream to one node of each
cluster, the next one when that falls silent, and asks for a cell whole when in doubt; and
its disk, which keeps what was written to it when the process dies, and may fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from random import Random
from typing import Protocol, cast

from dns_frontend.feed.applier import Applier
from dns_frontend.feed.decode import published_of
from dns_frontend.feed.merge import merger
from dns_frontend.feed.scribe import Scribe, Standings
from dns_frontend.feed.word import Word
from dns_frontend.plan.cell import (
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    Event,
    Rules,
    Snapshot,
)
from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.table import AnswerTable
from proof.system.clock import ProcessClock
from proof.system.loop import Process, VirtualLoop
from registry.app.plan_event import BasePart, Checkpoint, DeltaStep, PlanEvent, Position
from registry.domain.names import CellName, Epoch, FrontendId, Generation
from registry.domain.plan import PlanRecord

ZONE = ZoneSettings()
LIMITS = Limits()
SILENCE_SECONDS = 2.5
"""A stream that says nothing for so long is given up."""
PATIENT_FAILURES, LONG_PAUSE_SECONDS = 20, 30.0
"""After so many silent streams in a row the next is opened so much later."""
STALE_SECONDS, STALENESS_SECONDS = 5.0, 2.0
"""When a region is stale, and how often that is looked at."""


class Disk:
    """What outlives a frontend's process."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Snapshot] = {}
        self.standings: Standings = {}
        self.is_failing = False
        """Nothing can be written to it."""


class DiskScribe:
    """`Scribe` on a `Disk`: what is to be served waits for it, but not for ever (I15)."""

    def __init__(self, disk: Disk, random: Random) -> None:
        self.failing = False
        self._disk = disk
        self._random = random

    async def keep(self, snapshots: Iterable[Snapshot]) -> None:
        """Return when these are durable, or when waiting longer would harm more."""
        wanted = {each.position.cell: each for each in snapshots}
        if not wanted:
            return
        await asyncio.sleep(0.001 + 0.01 * self._random.random())
        if self._disk.is_failing:
            if not self.failing:
                await asyncio.sleep(1.0)
            self.failing = True
            return
        self._disk.snapshots.update(wanted)
        self.failing = False

    def keep_standings(self, standings: Standings) -> None:
        """Write these, if it can be done."""
        if not self._disk.is_failing:
            self._disk.standings = standings


class Exchange(Protocol):
    """The frontend's side of the network."""

    def watch(self, cluster: str, have: Sequence[Position]) -> Stream:
        """Ask some node of a cluster for its plans."""
        ...

    def say(self, stream: Stream, word: Word) -> None:
        """Tell the node of a stream what became of a generation."""
        ...


class Stream:
    """What one node says to one frontend, as it arrives."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.events: asyncio.Queue[PlanEvent] = asyncio.Queue()
        self.is_closed = False

    def close(self) -> None:
        """The frontend listens no more."""
        self.is_closed = True


class Frontend:
    """One life of a frontend."""

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        clock: ProcessClock,
        disk: Disk,
        exchange: Exchange,
        clusters: Sequence[str],
        home: str,
        random: Random,
    ) -> None:
        self.process = process
        self.table = AnswerTable(ZONE, home, tuple(clusters))
        self._loop = loop
        self._clock = clock
        self._exchange = exchange
        self._clusters = tuple(clusters)
        self._random = random
        self.applier = Applier(
            process.name,
            self.table,
            cast("Scribe", DiskScribe(disk, random)),
            Rules(LIMITS, suspicion_seconds=3.0, merge=merger(LIMITS)),
            clock=clock.monotonic,
            wall=clock.unix_seconds,
        )
        states = [CellState(cell, served=each) for cell, each in sorted(disk.snapshots.items())]
        self.applier.restore(states, disk.standings)

    def __repr__(self) -> str:
        return f"<Frontend {self.process!r} {self.table!r}>"

    async def live(self) -> None:
        """Answer, and follow each cluster."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.applier.run())
            tasks.create_task(self._watch_staleness())
            for cluster in self._clusters:
                tasks.create_task(self._follow(cluster))

    async def _watch_staleness(self) -> None:
        while True:
            self.table.mark_stale(self.applier.stale_regions(STALE_SECONDS))
            await asyncio.sleep(STALENESS_SECONDS)

    async def _follow(self, cluster: str) -> None:
        """Follow one cluster for ever: a doubt or a silence ends a stream, and begins another."""
        doubted: set[str] = set()
        failures = 0
        while True:
            stream = self._exchange.watch(cluster, self._have(doubted))
            for word in self.applier.words(cluster):
                self._exchange.say(stream, word)
            doubted = set()
            ear = _Ear(self, cluster, stream)
            failures += 1
            with suppress(TimeoutError):
                while not doubted:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        event = await stream.events.get()
                    failures = 0
                    doubted = ear.hear(event)
            stream.close()
            pause = 0.05 + 0.2 * self._random.random()
            await asyncio.sleep(pause if failures < PATIENT_FAILURES else LONG_PAUSE_SECONDS)

    def _have(self, doubted: set[str]) -> list[Position]:
        return [
            Position(CellName(at.cell), Epoch(at.epoch), Generation(at.generation), at.digest)
            for at in self.applier.heads()
            if at.cell not in doubted
        ]

    def take(self, cluster: str, stream: Stream, cell: str, event: Event) -> bool:
        """Have the shipped step decide about an event; whether the cell is to be asked for."""
        doubt = self.applier.take(
            cluster, cell, event, lambda word: self._exchange.say(stream, word)
        )
        return doubt is not None

    def now(self) -> float:
        """By its monotonic clock."""
        return self._clock.monotonic()


class _Ear:
    """Puts together what comes on one stream."""

    def __init__(self, frontend: Frontend, cluster: str, stream: Stream) -> None:
        self._frontend = frontend
        self._cluster = cluster
        self._stream = stream
        self._parts: dict[str, Published] = {}

    def hear(self, event: PlanEvent) -> set[str]:
        """Cells in doubt."""
        now = self._frontend.now()
        heard: Event
        match event:
            case BasePart():
                self._parts.update(published(event.entries))
                if not event.complete:
                    return set()
                tree = EntryTree().replace(self._parts, ())
                self._parts = {}
                heard = BaseArrived(now, position_of(event.record), tree)
            case DeltaStep():
                heard = DeltaArrived(
                    now,
                    position_of(event.record),
                    event.record.parent_generation,
                    dict(published(event.changed.items())),
                    event.removed,
                )
            case Checkpoint():
                heard = CheckpointArrived(now, event.epoch, event.generation)
        if self._frontend.take(self._cluster, self._stream, event.cell, heard):
            return {event.cell}
        return set()


def published(entries: Iterable[tuple[str, bytes]]) -> Mapping[str, Published]:
    """Entries as the frontend reads them."""
    return {key: _published(key, body) for key, body in entries}


@lru_cache(maxsize=10_000)
def _published(key: str, body: bytes) -> Published:
    return published_of(key, body, LIMITS)


def position_of(record: PlanRecord) -> CellPosition:
    """Where a generation stands; a cell's region has its name here."""
    return CellPosition(
        record.cell,
        record.cell,
        record.epoch,
        record.generation,
        record.digest,
        record.create_time_ms,
    )


def frontend_id(name: str) -> FrontendId:
    """As the registry knows it."""
    return FrontendId(name)
