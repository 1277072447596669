"""What watchers of plan chains are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from publication_node import CELLS, EU, FRONTEND, US, Follower, following

from registry.adapters.clock import ManualClock
from registry.adapters.store.memory import MemoryStore
from registry.app import plan_chain
from registry.app.plan_event import BasePart, Checkpoint, DeltaStep, Position
from registry.app.plan_feed import PlanFeed
from registry.app.uptime import Uptime
from registry.domain.cell_plan import CellPlan, Entry
from registry.domain.errors import StoreUnavailable
from registry.domain.names import CellName, Epoch, Generation, Revision
from registry.domain.operation import Fence
from registry.domain.plan import PlanRecord
from registry.domain.publication import first_record, next_step
from registry.ports import Publication


class Leader:
    """Publishes raw entries of one cell into a store, and to a feed if it has one."""

    def __init__(self, store: MemoryStore, clock: ManualClock, cell: CellName = EU) -> None:
        self.store = store
        self.clock = clock
        self.cell = cell
        self.plan = CellPlan(first_record(cell, Epoch(1), Generation(0), b""))
        self.feed: PlanFeed | None = None

    async def lead(self, feed: PlanFeed | None = None) -> None:
        assert await self.store.lead(self.cell, CELLS[self.cell], "leader", 1e6)
        self.feed = feed

    async def publish(self, *removed: str, **changed: bytes) -> None:
        entries: dict[str, Entry | None] = {
            f"shop/{name}": Entry(None, body) for name, body in changed.items()
        } | {f"shop/{name}": None for name in removed}
        step = next_step(
            self.plan,
            entries,
            epoch=Epoch(1),
            revision=Revision(1),
            now_ms=self.clock.unix_ms(),
            traceparent="",
        )
        fence = Fence(self.cell, Epoch(1))
        assert await self.store.publish(Publication(fence, step.record, step.delta, step.base))
        self.plan.commit(step)
        if self.feed is not None and not self.feed.publish(step.record, step.delta):
            self.feed.adopt(self.plan.record, self.plan.bodies())
            self.feed.confirm(self.cell, float("inf"))


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def feed(store: MemoryStore, clock: ManualClock) -> PlanFeed:
    return PlanFeed(store, clock, Uptime(clock), {EU: CELLS[EU]})


@pytest.fixture
async def leader(store: MemoryStore, clock: ManualClock, feed: PlanFeed) -> Leader:
    one = Leader(store, clock)
    await one.lead(feed)
    return one


def kinds(follower: Follower) -> list[str]:
    return [type(event).__name__ for event in follower.events]


async def test_a_new_watcher_gets_a_base_and_then_every_step(
    leader: Leader, feed: PlanFeed, clock: ManualClock
) -> None:
    await leader.publish(a=b"1")
    async with following(feed) as follower:
        await clock.advance(0.0)
        await leader.publish(a=b"2", b=b"1")
        await leader.publish("a", c=b"1")
        await clock.advance(0.0)
        assert kinds(follower) == ["BasePart", "DeltaStep", "DeltaStep"]
        assert follower.entries[EU] == {"shop/b": b"1", "shop/c": b"1"}
        assert follower.records[EU] == leader.plan.record


@pytest.mark.parametrize("behind", [0, 1, 5])
async def test_a_watcher_that_comes_back_gets_the_steps_it_missed(
    leader: Leader, feed: PlanFeed, clock: ManualClock, behind: int
) -> None:
    await leader.publish(a=b"1")
    async with following(feed) as follower:
        await clock.advance(0.0)
    for number in range(behind):
        await leader.publish(a=b"x%d" % number)
    follower.events.clear()
    async with following(feed, follower):
        await clock.advance(0.0)
        steps = [event for event in follower.events if not isinstance(event, Checkpoint)]
        assert [type(event) for event in steps] == [DeltaStep] * behind
        assert follower.records[EU] == leader.plan.record


@pytest.mark.parametrize(
    "wrong",
    [
        lambda record: replace(record, digest=b"of another chain"),
        lambda record: replace(record, generation=Generation(1), digest=b"?"),
    ],
)
async def test_a_watcher_from_another_chain_gets_a_base(
    leader: Leader, feed: PlanFeed, clock: ManualClock, wrong: Callable[[PlanRecord], PlanRecord]
) -> None:
    for number in range(3):
        await leader.publish(a=b"%d" % number)
    follower = Follower()
    follower.records[EU] = wrong(leader.plan.record)
    async with following(feed, follower):
        await clock.advance(0.0)
        assert kinds(follower) == ["BasePart"]


async def test_a_watcher_that_is_ahead_is_told_nothing_that_would_lead_it_back(
    leader: Leader, feed: PlanFeed, clock: ManualClock
) -> None:
    """I1: this node is behind another, or its database was set back."""
    await leader.publish(a=b"1")
    follower = Follower()
    follower.records[EU] = replace(leader.plan.record, generation=Generation(9))
    async with following(feed, follower):
        await clock.advance(5.0)
        assert follower.events == []


async def test_a_slow_watcher_costs_nobody_anything_and_is_brought_up_by_a_base(
    leader: Leader, feed: PlanFeed, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_chain, "RECENT_STEPS", 4)
    await leader.publish(a=b"1")
    slow = Follower()
    async with aclosing(feed.watch(FRONTEND, [])) as events, following(feed) as quick:
        slow.take(await anext(events))
        await clock.advance(0.0)
        for number in range(50):
            await leader.publish(a=b"x%d" % number)
            await clock.advance(0.0)
        assert kinds(quick).count("DeltaStep") == 50
        slow.take(await anext(events))
        assert kinds(slow) == ["BasePart", "BasePart"]
        assert slow.records[EU] == leader.plan.record
    assert "4 steps" in repr(feed), "what is kept is bounded"


async def test_a_watcher_that_falls_behind_in_the_middle_of_steps_is_not_given_a_gap(
    leader: Leader, feed: PlanFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_chain, "RECENT_STEPS", 4)
    await leader.publish(a=b"0")
    follower = Follower()
    async with aclosing(feed.watch(FRONTEND, [])) as events:
        follower.take(await anext(events))
        for number in range(4):
            await leader.publish(a=b"x%d" % number)
        follower.take(await anext(events))
        for number in range(9):
            await leader.publish(a=b"y%d" % number)
        follower.take(await anext(events))
        assert kinds(follower) == ["BasePart", "DeltaStep", "BasePart"]


async def test_a_large_base_comes_in_bounded_parts(
    leader: Leader, feed: PlanFeed, clock: ManualClock
) -> None:
    await leader.publish(**{f"s{number:03}": b"x" * 10_000 for number in range(100)})
    await leader.publish(huge=b"x" * 1_000_000)
    async with following(feed) as follower:
        await clock.advance(0.0)
        parts = [event for event in follower.events if isinstance(event, BasePart)]
        assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
        sizes = [sum(len(key) + len(body) for key, body in part.entries) for part in parts]
        assert all(size <= plan_chain.PART_OCTETS for size in sizes if size < 1_000_000)
        assert len(parts) >= 5
        keys = [key for part in parts for key, _ in part.entries]
        assert keys == sorted(keys)
        assert len(keys) == 101


async def test_a_step_too_large_for_a_message_is_replaced_by_a_base(
    leader: Leader, feed: PlanFeed, clock: ManualClock
) -> None:
    await leader.publish(a=b"1")
    async with following(feed) as follower:
        await clock.advance(0.0)
        await leader.publish(**{f"s{n}": b"x" * 500_000 for n in range(8)})
        await clock.advance(0.0)
        assert "DeltaStep" not in kinds(follower)
        assert follower.records[EU] == leader.plan.record


async def test_an_idle_stream_has_a_checkpoint_a_second_while_the_head_is_certain(
    leader: Leader, feed: PlanFeed, clock: ManualClock
) -> None:
    task = asyncio.create_task(feed.run())
    await leader.publish(a=b"1")
    feed.confirm(EU, clock.monotonic() + 5.0)
    async with following(feed) as follower:
        await clock.advance(5.0)
        told = [event for event in follower.events if isinstance(event, Checkpoint)]
        assert 4 <= len(told) <= 5
        assert all(one.generation == 1 for one in told)
        assert [one.time_ms for one in told] == sorted({one.time_ms for one in told})
        await clock.advance(20.0)
        after = [event for event in follower.events if isinstance(event, Checkpoint)]
        assert len(after) <= len(told) + 1, "what is not certain is not claimed"
    task.cancel()


async def test_another_node_follows_by_the_store(
    leader: Leader, store: MemoryStore, clock: ManualClock
) -> None:
    other = PlanFeed(store, clock, Uptime(clock), {EU: CELLS[EU]})
    task = asyncio.create_task(other.run())
    await leader.publish(a=b"1")
    async with following(other) as follower:
        await clock.advance(0.2)
        assert follower.records[EU] == leader.plan.record
        for number in range(10):
            await leader.publish(a=b"x%d" % number)
        await clock.advance(0.2)
        assert kinds(follower) == ["BasePart"] + ["DeltaStep"] * 10
        await clock.advance(3.0)
        assert kinds(follower).count("Checkpoint") >= 2
    task.cancel()


async def test_a_node_that_has_only_just_started_brings_a_watcher_up_from_the_store(
    leader: Leader, store: MemoryStore, feed: PlanFeed, clock: ManualClock
) -> None:
    await leader.publish(a=b"1")
    async with following(feed) as follower:
        await clock.advance(0.0)
    await leader.publish(a=b"2")
    await leader.publish(a=b"3")
    started = PlanFeed(store, clock, Uptime(clock), {EU: CELLS[EU]})
    follower.events.clear()
    async with following(started, follower):
        await clock.advance(0.0)
        steps = [event for event in follower.events if not isinstance(event, Checkpoint)]
        assert [type(event) for event in steps] == [DeltaStep, DeltaStep]
        assert follower.records[EU] == leader.plan.record


async def test_cells_are_told_apart_and_a_cell_without_a_plan_is_waited_for(
    leader: Leader, store: MemoryStore, clock: ManualClock
) -> None:
    both = PlanFeed(store, clock, Uptime(clock), CELLS)
    await leader.lead(both)
    await leader.publish(a=b"1")
    async with following(both) as follower:
        await clock.advance(0.0)
        assert set(follower.records) == {EU}
        second = Leader(store, clock, US)
        await second.lead(both)
        await second.publish(b=b"1")
        await clock.advance(0.0)
        assert follower.entries == {EU: {"shop/a": b"1"}, US: {"shop/b": b"1"}}
        assert [event.cell for event in follower.events] == [EU, US]


async def test_with_the_store_away_a_node_tells_what_it_knows(
    leader: Leader, store: MemoryStore, feed: PlanFeed, clock: ManualClock
) -> None:
    await leader.publish(a=b"1")
    store.outage = True
    async with following(feed) as follower:
        await clock.advance(0.0)
        assert follower.records[EU] == leader.plan.record
    empty = PlanFeed(store, clock, Uptime(clock), {EU: CELLS[EU]})
    async with aclosing(empty.watch(FRONTEND, [])) as events:
        with pytest.raises(StoreUnavailable):
            await anext(events)


async def test_positions_in_cells_that_are_not_ours_are_ignored(
    leader: Leader, feed: PlanFeed
) -> None:
    await leader.publish(a=b"1")
    have = [Position(CellName("elsewhere"), Epoch(1), Generation(1), b"")]
    async with aclosing(feed.watch(FRONTEND, have)) as events:
        assert (await anext(events)).cell == EU
        assert feed.watchers == (FRONTEND,)
    assert feed.watchers == ()


async def test_a_follower_finds_its_way_past_a_plan_that_cannot_be_read(
    leader: Leader, store: MemoryStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10."""
    other = PlanFeed(store, clock, Uptime(clock), {EU: CELLS[EU]})
    task = asyncio.create_task(other.run())
    await leader.publish(a=b"1")

    async def broken(*_: object) -> None:
        raise KeyError("what the database holds")

    with monkeypatch.context() as patch:
        patch.setattr(store, "read_plan", broken)
        await clock.advance(3.0)
        assert other.head(EU) is None
    await clock.advance(3.0)
    assert other.head(EU) == leader.plan.record
    task.cancel()
