"""What is cancelled stops whole, leaves nothing behind, and spoils nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from instance_node import GatedStore
from publication_node import EU, FRONTEND, PublicationNode, following, running

from registry.adapters.clock import ManualClock, settle
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.alarm import Alarm
from registry.app.reconciler import Reconciler
from registry.ports import Publication


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError)


async def test_a_reconciler_that_is_cancelled_gives_up_the_lead_and_leaves_no_task_behind(
    store: GatedStore, clock: ManualClock
) -> None:
    prober = ScriptedProber(clock)
    prober.take(("127.0.0.1", 80), 1.0)
    async with running(PublicationNode(store, clock, prober)) as node:
        await clock.advance(0.1)
        await node.register(port=80)
        await clock.advance(0.1)
        assert prober.under_way == 1
        others = asyncio.all_tasks() - {node.tasks[EU]}
        await cancelled(node.tasks[EU])
        await clock.advance(0.0)
        assert prober.under_way == 0
        assert asyncio.all_tasks() <= others
        (head,) = await store.heads()
        assert head.leader == ""
        assert not node.reconcilers[EU].is_leading


async def test_a_cancellation_that_comes_while_the_lead_ends_is_heard(
    store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group of tasks that is ending already swallows it; the node could not be stopped then."""
    slow = asyncio.Event()

    async def look_over(self: Reconciler) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await slow.wait()

    monkeypatch.setattr(Reconciler, "_look_over", look_over)
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as node:
        await clock.advance(0.1)
        node.freeze_file = ""
        await clock.advance(0.5)
        assert node.reconcilers[EU].is_leading, "not all of its tasks have ended yet"
        node.tasks[EU].cancel()
        await settle()
        slow.set()
        await clock.advance(1.0)
        assert node.tasks[EU].cancelled()
        (head,) = await store.heads()
        assert head.leader == ""


async def test_a_publication_cut_off_halfway_is_made_good_by_the_next_run(
    store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = type(store).publish
    hold = asyncio.Event()

    async def publish(self: GatedStore, publication: Publication) -> bool:
        won = await whole(self, publication)
        if publication.record.generation > 1:
            await hold.wait()
        return won

    monkeypatch.setattr(type(store), "publish", publish)
    node = PublicationNode(store, clock, ScriptedProber(clock))
    async with running(node), following(node.feed) as follower:
        await clock.advance(0.1)
        await node.register()
        await clock.advance(0.1)
        assert node.generation == 1, "its answer is outstanding"
        await cancelled(node.tasks[EU])
        hold.set()
        node.tasks[EU] = asyncio.create_task(node.reconcilers[EU].run())
        await clock.advance(0.5)
        await node.register("i2")
        await clock.advance(0.5)
        assert set(node.standing()) == {"i1", "i2"}
        assert follower.plan() == node.planned()


async def test_a_watcher_cancelled_in_the_middle_of_a_base_is_forgotten(
    store: GatedStore, clock: ManualClock
) -> None:
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as node:
        await node.register()
        await clock.advance(0.1)
        async with aclosing(node.feed.watch(FRONTEND, [])) as events:
            await anext(events)
        assert node.feed.watchers == ()


async def test_a_watcher_cancelled_while_nothing_happens_is_forgotten(
    store: GatedStore, clock: ManualClock
) -> None:
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as node:
        await clock.advance(0.1)
        async with following(node.feed) as follower:
            await clock.advance(0.0)
            assert node.feed.watchers == (FRONTEND,)
            assert len(follower.events) == 1
        assert node.feed.watchers == ()


async def test_an_alarm_whose_waiter_is_cancelled_rings_for_the_next(clock: ManualClock) -> None:
    alarm = Alarm(clock)
    waiting = asyncio.create_task(alarm.wait(5.0))
    await clock.advance(1.0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    again = asyncio.create_task(alarm.wait(10.0))
    await clock.advance(5.0)
    assert not again.done(), "the first one's timer is gone with it"
    alarm.ring()
    assert await again is True
    last = asyncio.create_task(alarm.wait(1.0))
    await clock.advance(1.0)
    assert await last is False
    alarm.ring()
    assert await alarm.wait(None) is True
