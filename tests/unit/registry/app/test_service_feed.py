"""What watchers of services and instances are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from instance_node import GatedStore, Node, draft
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.app import service_feed
from registry.app.service_event import ChangeBatch, Checkpoint, ServiceEvent, SnapshotPart
from registry.app.service_feed import ServiceFeed
from registry.domain.change import InstancePut, InstanceRemoved
from registry.domain.errors import RevisionCompacted, RevisionInFuture, StoreUnavailable
from registry.domain.instance import Instance
from registry.domain.names import InstanceKey, NamespaceId, Revision, ServiceId, ServiceKey
from registry.domain.operation import DeleteService
from registry.domain.service import Service


class Watcher:
    """A client as strict as the contract."""

    def __init__(self, reached: int = 0) -> None:
        self.reached = Revision(reached)
        self.instances: dict[InstanceKey, Instance] = {}
        self.services: dict[ServiceKey, Service] = {}
        self.events: list[ServiceEvent] = []
        self.failure: BaseException | None = None

    def take(self, event: ServiceEvent) -> None:
        self.events.append(event)
        match event:
            case SnapshotPart():
                self.instances |= {one.key: one for one in event.instances}
                self.services |= {one.key: one for one in event.services}
            case ChangeBatch():
                revisions = [change.revision for change in event.changes]
                assert revisions == sorted(revisions)
                assert revisions[0] > self.reached
                assert revisions[-1] <= event.revision
                for change in event.changes:
                    if isinstance(change, InstancePut):
                        self.instances[change.instance.key] = change.instance
                    elif isinstance(change, InstanceRemoved):
                        self.instances.pop(change.key, None)
                    else:
                        self.services[change.service.key] = change.service
            case Checkpoint():
                pass
        assert event.revision >= self.reached
        self.reached = event.revision

    @property
    def batches(self) -> list[ChangeBatch]:
        return [event for event in self.events if isinstance(event, ChangeBatch)]


@asynccontextmanager
async def watching(
    feed: ServiceFeed,
    watcher: Watcher | None = None,
    namespace: str | None = None,
    service: str | None = None,
) -> AsyncIterator[Watcher]:
    watcher = watcher or Watcher()

    async def follow() -> None:
        events = feed.watch(
            None if namespace is None else NamespaceId(namespace),
            None if service is None else ServiceId(service),
            watcher.reached,
        )
        async with aclosing(events):
            try:
                async for event in events:
                    watcher.take(event)
            except (RevisionCompacted, RevisionInFuture, StoreUnavailable) as error:
                watcher.failure = error

    task = asyncio.create_task(follow())
    try:
        yield watcher
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, Exception):
            raise result


@pytest.fixture
async def feed(node: Node, store: GatedStore, clock: ManualClock) -> AsyncIterator[ServiceFeed]:
    one = ServiceFeed(store, node.mirror, clock, node.uptime)
    task = asyncio.create_task(one.run())
    yield one
    task.cancel()


async def test_a_new_watcher_gets_what_there_is_and_then_every_change(
    node: Node, feed: ServiceFeed, clock: ManualClock
) -> None:
    await node.registrar.register(draft("i1"))
    async with watching(feed) as watcher:
        await clock.advance(0.0)
        assert [key.instance for key in watcher.instances] == ["i1"]
        two = (await node.registrar.register(draft("i2"))).instance
        await node.registrar.deregister(two.key, two.incarnation)
        await node.registrar.register(draft("i3", parent="namespaces/shop/services/other"))
        await clock.advance(0.0)
        assert watcher.instances == node.mirror.instances
        assert watcher.services == node.mirror.services
        assert watcher.reached == node.mirror.revision


async def test_changes_of_one_revision_come_together(
    node: Node, feed: ServiceFeed, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_feed, "MESSAGE_OCTETS", 1)
    async with watching(feed) as watcher:
        await clock.advance(0.0)
        await node.registrar.register_batch([draft(f"i{number}") for number in range(5)])
        await clock.advance(0.0)
        sizes = [len(batch.changes) for batch in watcher.batches]
        assert sizes == [2, 1, 1, 1, 1], "the service is made with its first instance"


async def test_a_watcher_that_resumes_gets_what_it_missed_and_nothing_twice(
    node: Node, feed: ServiceFeed, clock: ManualClock
) -> None:
    async with watching(feed) as watcher:
        await clock.advance(0.0)
        await node.registrar.register(draft("i1"))
        await clock.advance(0.0)
    await node.registrar.register_batch([draft(f"j{number}") for number in range(5)])
    watcher.events.clear()
    async with watching(feed, watcher):
        await clock.advance(0.0)
        assert not any(isinstance(event, SnapshotPart) for event in watcher.events)
        assert sum(len(batch.changes) for batch in watcher.batches) == 5
        assert watcher.instances == node.mirror.instances


async def test_a_watcher_can_resume_in_the_middle_of_what_came_at_once(
    node: Node, feed: ServiceFeed, clock: ManualClock
) -> None:
    await node.registrar.register_batch([draft(f"i{number}") for number in range(5)])
    async with watching(feed, Watcher(reached=3)) as watcher:
        await clock.advance(0.0)
        assert [key.instance for key in watcher.instances] == ["i3", "i4"]


@pytest.mark.parametrize("slow", [False, True])
async def test_a_watcher_behind_what_is_kept_reads_the_store(
    node: Node, store: GatedStore, clock: ManualClock, slow: bool
) -> None:
    feed = ServiceFeed(store, node.mirror, clock, node.uptime, recent_changes=3)
    watcher = Watcher(reached=0 if slow else 1)
    async with aclosing(feed.watch(None, None, watcher.reached)) as events:
        if slow:
            watcher.take(await anext(events))
        for number in range(20):
            await node.registrar.register(draft(f"i{number}"))
        while watcher.reached < node.mirror.revision:
            watcher.take(await anext(events))
    assert len(watcher.instances) == (20 if slow else 19)
    assert "recent=3" in repr(feed) or "recent=4" in repr(feed)


async def test_only_what_was_asked_for_is_told_but_checkpoints_go_on(
    node: Node, feed: ServiceFeed, clock: ManualClock
) -> None:
    elsewhere = "namespaces/other/services/cart"
    await node.registrar.register(draft("i1"))
    async with (
        watching(feed, namespace="shop") as shop,
        watching(feed, namespace="shop", service="none") as none,
    ):
        await clock.advance(0.0)
        await node.registrar.register(draft("i2", parent=elsewhere))
        await node.registrar.register(draft("i3"))
        await clock.advance(1.1)
        assert {key.instance for key in shop.instances} == {"i1", "i3"}
        assert (none.instances, none.services) == ({}, {})
        assert isinstance(none.events[-1], Checkpoint)
        assert none.reached == node.mirror.revision


async def test_an_idle_watcher_has_a_checkpoint_a_second(
    node: Node, feed: ServiceFeed, clock: ManualClock
) -> None:
    async with watching(feed) as watcher:
        await clock.advance(10.5)
        assert 9 <= len([e for e in watcher.events if isinstance(e, Checkpoint)]) <= 11


async def test_a_deleted_service_is_told_with_its_tombstone_and_not_in_snapshots(
    node: Node, feed: ServiceFeed, store: GatedStore, clock: ManualClock
) -> None:
    registered = await node.registrar.register(draft("i1"))
    key = registered.instance.key.service_key
    async with watching(feed) as watcher:
        await clock.advance(0.0)
        _, changes, revision = await edited(store, DeleteService(key, "", force=True))
        node.mirror.absorb(changes, revision)
        await clock.advance(0.0)
        assert watcher.instances == {}
        assert watcher.services[key].tombstone_time_ms is not None
    async with watching(feed) as late:
        await clock.advance(0.0)
        assert late.services == {}
        assert late.events == [SnapshotPart(node.mirror.revision, (), (), complete=True)]


async def test_a_large_snapshot_comes_in_parts_of_which_only_the_last_is_complete(
    node: Node, feed: ServiceFeed, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_feed, "MESSAGE_OCTETS", 1000)
    metadata = {"key": "x" * 500}
    for number in range(20):
        parent = f"namespaces/shop/services/s{number}"
        await node.registrar.register(draft("i1", parent=parent, metadata=metadata))
    async with watching(feed) as watcher:
        await clock.advance(0.0)
        parts = [event for event in watcher.events if isinstance(event, SnapshotPart)]
        assert len(parts) > 10
        assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
        assert len({part.revision for part in parts}) == 1
        assert watcher.instances == node.mirror.instances


async def test_history_that_is_gone_and_a_revision_that_never_was_are_said_so(
    node: Node, feed: ServiceFeed, store: GatedStore, clock: ManualClock
) -> None:
    async with watching(feed, Watcher(reached=99)) as ahead:
        await clock.advance(0.0)
        assert isinstance(ahead.failure, RevisionInFuture)
    for number in range(5):
        await node.registrar.register(draft(f"i{number}"))
    fresh = ServiceFeed(store, node.mirror, clock, node.uptime)
    await store.compact(1)
    async with watching(fresh, Watcher(reached=1)) as behind:
        await clock.advance(0.0)
        assert isinstance(behind.failure, RevisionCompacted)


async def test_with_the_store_away_what_is_kept_is_told_and_the_rest_is_refused(
    node: Node, feed: ServiceFeed, store: GatedStore, clock: ManualClock
) -> None:
    for number in range(5):
        await node.registrar.register(draft(f"i{number}"))
    fresh = ServiceFeed(store, node.mirror, clock, node.uptime)
    store.outage = True
    async with (
        watching(feed, Watcher(reached=2)) as known,
        watching(fresh, Watcher(reached=2)) as unknown,
    ):
        await clock.advance(0.0)
        assert (known.failure, known.reached) == (None, node.mirror.revision)
        assert isinstance(unknown.failure, StoreUnavailable)


async def test_a_watcher_that_goes_away_leaves_nothing_behind(
    feed: ServiceFeed, clock: ManualClock
) -> None:
    async with watching(feed):
        await clock.advance(0.0)
        assert "watchers=1" in repr(feed)
    assert "watchers=0" in repr(feed)
