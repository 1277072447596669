"""A registry node without transport, from registrations to plan chains, on any store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import Any

from two_keys import edited

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.app.committer import Committer
from registry.app.freezer import Freezer
from registry.app.frontends import Frontends
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.plan_event import BasePart, Checkpoint, DeltaStep, PlanEvent, Position
from registry.app.plan_feed import PlanFeed
from registry.app.reconciler import Reconciler
from registry.app.registrar import Registered, Registrar
from registry.app.service_feed import ServiceFeed
from registry.app.uptime import Uptime
from registry.domain.admission import Draft, DraftPort
from registry.domain.check_admission import DraftCheck
from registry.domain.digest import DigestTree
from registry.domain.names import (
    CellName,
    FrontendId,
    NamespaceId,
    RegionName,
    ServiceId,
    ServiceKey,
)
from registry.domain.occupancy import Occupancy
from registry.domain.operation import DeleteService
from registry.domain.plan import PlanRecord, ServicePlan
from registry.ports import Clock, Notifier, Prober, Store

EU, US = CellName("eu"), CellName("us")
CELLS = {EU: RegionName("eu"), US: RegionName("us")}
CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
FRONTEND = FrontendId("dns-1")


class PublicationNode:
    """Wired as the server wires it, with every random number 0.5."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        prober: Prober,
        *,
        name: str = "a",
        cells: Mapping[CellName, RegionName] | None = None,
        notifier: Notifier | None = None,
        **reconciler: Any,
    ) -> None:
        serial = count(1)
        cells = {EU: CELLS[EU]} if cells is None else cells
        self.store = store
        self.clock = clock
        self.uptime = Uptime(clock)
        self.mirror = Mirror(store, clock, self.uptime, notifier=notifier)
        self.keeper = Leasekeeper(self.mirror, self.uptime)
        self.occupancy = Occupancy()
        self.mirror.subscribe(self.occupancy.heard)
        self.committer = Committer(store, self.mirror, clock, self.uptime, self.occupancy)
        self.registrar = Registrar(
            self.committer,
            self.keeper,
            clock,
            cells,
            self.occupancy,
            lambda: f"{name}-{next(serial)}",
            lambda: 0.5,
        )
        self.feed = PlanFeed(store, clock, self.uptime, cells, notifier=notifier)
        self.services = ServiceFeed(store, self.mirror, clock, self.uptime)
        self.frontends = Frontends(store, self.feed, clock, self.uptime)
        self.freeze_file: str | None = None
        self.freezer = Freezer(
            store, clock, self.uptime, cells, lambda: self.freeze_file, notifier=notifier
        )
        self.reconcilers = {
            cell: Reconciler(
                cell,
                region,
                name,
                store=store,
                mirror=self.mirror,
                keeper=self.keeper,
                committer=self.committer,
                prober=prober,
                codec=ProtoPlanCodec(),
                clock=clock,
                uptime=self.uptime,
                feed=self.feed,
                frontends=self.frontends,
                freezer=self.freezer,
                notifier=notifier,
                **reconciler,
            )
            for cell, region in cells.items()
        }
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, *, reconcile: bool = True) -> None:
        await self.mirror.load()
        loops: dict[str, Any] = {
            "uptime": self.uptime.run(),
            "mirror": self.mirror.follow(),
            "committer": self.committer.run(),
            "feed": self.feed.run(),
            "services": self.services.run(),
            "frontends": self.frontends.run(),
            "freezer": self.freezer.run(),
        }
        for name, loop in loops.items():
            self.tasks[name] = asyncio.create_task(loop)
        if reconcile:
            for cell, reconciler in self.reconcilers.items():
                self.tasks[cell] = asyncio.create_task(reconciler.run())

    async def stop(self) -> None:
        for task in reversed(self.tasks.values()):
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def register(self, instance: str = "i1", **changes: Any) -> Registered:
        return await self.registrar.register(draft(instance, **changes))

    async def leave(self, registered: Registered) -> None:
        instance = registered.instance
        await self.registrar.deregister(instance.key, instance.incarnation)

    async def delete(self, service: ServiceKey) -> None:
        """Delete a service with all its instances, as its owner does."""
        _, changes, revision = await edited(self.store, DeleteService(service, "", True))
        self.mirror.absorb(changes, revision)

    def planned(self, service: ServiceKey = CART, cell: CellName = EU) -> ServicePlan | None:
        """The entry in the active plan, as this node holds it."""
        plan = self.reconcilers[cell].publisher.plan
        entry = None if plan is None else plan.entries.get(service.entry)
        return None if entry is None else entry.plan

    def standing(self, service: ServiceKey = CART, cell: CellName = EU) -> dict[str, str]:
        """Instance to `health evidence` in the active plan."""
        plan = self.planned(service, cell)
        return (
            {}
            if plan is None
            else {e.instance: f"{e.health.value} {e.evidence.value}" for e in plan.endpoints}
        )

    @property
    def generation(self) -> int:
        record = self.feed.head(EU)
        return 0 if record is None else record.generation


class Follower:
    """A frontend as strict as the contract: verifies every digest, and every parent."""

    def __init__(self) -> None:
        self.entries: dict[CellName, dict[str, bytes]] = {}
        self.records: dict[CellName, PlanRecord] = {}
        self.events: list[PlanEvent] = []
        self._parts: dict[CellName, dict[str, bytes]] = {}

    def take(self, event: PlanEvent) -> None:
        self.events.append(event)
        match event:
            case BasePart():
                part = self._parts.setdefault(event.cell, {})
                part.update(event.entries)
                if event.complete:
                    self._reach(event.record, self._parts.pop(event.cell))
            case DeltaStep():
                assert event.record.parent_generation == self.records[event.cell].generation
                entries = dict(self.entries[event.cell]) | dict(event.changed)
                for key in event.removed:
                    del entries[key]
                self._reach(event.record, entries)
            case Checkpoint():
                assert event.generation == self.records[event.cell].generation

    def _reach(self, record: PlanRecord, entries: dict[str, bytes]) -> None:
        assert DigestTree(entries).value == record.digest, "digest"
        before = self.records.get(record.cell)
        if before is not None:
            assert (record.epoch, record.generation) >= (before.epoch, before.generation), "I1"
        self.records[record.cell] = record
        self.entries[record.cell] = entries

    @property
    def have(self) -> list[Position]:
        return [
            Position(record.cell, record.epoch, record.generation, record.digest)
            for record in self.records.values()
        ]

    def plan(self, service: ServiceKey = CART, cell: CellName = EU) -> ServicePlan | None:
        body = self.entries.get(cell, {}).get(service.entry)
        return None if body is None else ProtoPlanCodec().decode(body)

    async def follow(self, feed: PlanFeed) -> None:
        async with aclosing(feed.watch(FRONTEND, self.have)) as events:
            async for event in events:
                self.take(event)


@asynccontextmanager
async def following(feed: PlanFeed, follower: Follower | None = None) -> AsyncIterator[Follower]:
    follower = follower or Follower()
    task = asyncio.create_task(follower.follow(feed))
    try:
        yield follower
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(result, asyncio.CancelledError):
            raise AssertionError("the watch ended by itself") from result


@asynccontextmanager
async def running(node: PublicationNode, **options: Any) -> AsyncIterator[PublicationNode]:
    await node.start(**options)
    try:
        yield node
    finally:
        await node.stop()


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait, in real time, until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - anything may make it so
            await asyncio.sleep(0.002)


def draft(instance_id: str = "i1", *, port: int = 0, **changes: Any) -> Draft:
    """A valid draft; with a port it is checked, without it is healthy at once."""
    fields: dict[str, Any] = {
        "parent": "namespaces/shop/services/cart",
        "instance_id": instance_id,
        "region": "eu",
        "addresses": ("127.0.0.1",),
    }
    if port:
        fields["ports"] = (DraftPort(name="main", number=port),)
    else:
        fields["check"] = DraftCheck(kind="none")
    return Draft(**(fields | changes))
