"""A registry node without transport: the use cases about instances on one store and clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from registry.adapters.clock import ManualClock
from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.memory import MemoryStore
from registry.app.canaries import Canaries
from registry.app.committer import Committer
from registry.app.heartbeats import Heartbeats
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.plan_feed import PlanFeed
from registry.app.registrar import Registrar
from registry.app.renewals import Renewals
from registry.app.uptime import Uptime
from registry.domain.admission import Draft
from registry.domain.check_admission import DraftCheck
from registry.domain.names import CellName, RegionName
from registry.domain.occupancy import Occupancy
from registry.domain.operation import Applied, Fence, Operation
from registry.domain.tally import Tally

EU, US = CellName("eu"), CellName("us")
CELLS = {EU: RegionName("eu"), US: RegionName("us")}


class GatedStore(MemoryStore):
    """A store whose writes, or the answers to them, can be held back; notes what they were."""

    def __init__(self, clock: ManualClock, notifier: LocalNotifier | None = None) -> None:
        super().__init__(clock, notifier)
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.applied: list[Sequence[Operation]] = []
        self.renewed: list[Sequence[int]] = []
        self.poison: Operation | None = None

    async def apply(
        self,
        operations: Sequence[Operation],
        fence: Fence | None = None,
        tally: Tally | None = None,
    ) -> Applied:
        self.applied.append(operations)
        await self.gate.wait()
        if self.poison is not None and self.poison in operations:
            raise ValueError("this one cannot be stored")
        return await super().apply(operations, fence, tally)

    async def renew(self, lease_ids: Sequence[int]) -> frozenset[int]:
        self.renewed.append(lease_ids)
        await self.gate.wait()
        gone = await super().renew(lease_ids)
        await self.answers.wait()
        return gone


class Node:
    """One node's use cases, wired as the server wires them, with every random number 0.5."""

    def __init__(self, store: GatedStore, clock: ManualClock, name: str = "a") -> None:
        serial = count(1)
        self.store = store
        self.clock = clock
        self.uptime = Uptime(clock)
        self.mirror = Mirror(store, clock, self.uptime)
        self.keeper = Leasekeeper(self.mirror, self.uptime)
        self.renewals = Renewals(store, self.keeper, clock, self.uptime)
        self.occupancy = Occupancy()
        self.mirror.subscribe(self.occupancy.heard)
        self.committer = Committer(
            store, self.mirror, clock, self.uptime, self.occupancy, queue_limit=8
        )
        self.registrar = Registrar(
            self.committer,
            self.keeper,
            clock,
            CELLS,
            self.occupancy,
            lambda: f"{name}-{next(serial)}",
            lambda: 0.5,
        )
        self.heartbeats = Heartbeats(
            store,
            self.mirror,
            self.keeper,
            self.renewals,
            self.committer,
            self.uptime,
            lambda: 0.5,
        )
        feed = PlanFeed(store, clock, self.uptime, CELLS)
        self.canaries = Canaries(store, feed, self.mirror, clock, self.uptime)
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.mirror.load()
        for loop in (
            self.uptime.run(),
            self.mirror.follow(),
            self.committer.run(),
            self.renewals.run(),
        ):
            self.tasks.append(asyncio.create_task(loop))

    async def stop(self) -> None:
        """As kill -9 does: whatever was under way is lost."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def expire(self, cell: CellName = EU) -> int:
        """What the leader of a cell does on a tick; how many leases ended."""
        due = self.keeper.tick(cell)
        committed = await self.committer.submit_all(due)
        self.keeper.settle(list(zip(due, committed.outcomes, strict=True)))
        return len(due)


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[Node]:
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


def draft(instance_id: str = "i1", **changes: Any) -> Draft:
    """A valid draft without a check, so that it is healthy at once."""
    fields: dict[str, Any] = {
        "parent": "namespaces/shop/services/cart",
        "instance_id": instance_id,
        "region": "eu",
        "addresses": ("10.0.0.1",),
        "check": DraftCheck(kind="none"),
    }
    return Draft(**(fields | changes))
