"""A store that answers nothing: who comes then is told so, instead of waiting behind the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from instance_node import GatedStore, Node, draft, running

from registry.adapters.clock import ManualClock, settle
from registry.app.uptime import PATIENCE_SECONDS, Uptime
from registry.domain.change import Change
from registry.domain.errors import StoreUnavailable
from registry.domain.names import Revision


class MuteStore(GatedStore):
    """A store whose every answer can be held back, those to the mirror too."""

    async def changes_after(self, revision: Revision, limit: int) -> Sequence[Change]:
        await self.gate.wait()
        return await super().changes_after(revision, limit)


async def test_behind_a_mute_store_nobody_waits_and_once_it_speaks_all_are_served(
    clock: ManualClock,
) -> None:
    """As when PostgreSQL is stopped, with its connections open, and then goes on."""
    store = MuteStore(clock)
    async with running(Node(store, clock)) as node:
        registered = await node.registrar.register(draft("one"))
        uid = registered.instance.incarnation
        store.gate.clear()
        early: list[asyncio.Task[object]] = [
            asyncio.create_task(node.registrar.register(draft("early"))),
            asyncio.create_task(node.heartbeats.renew([uid])),
        ]
        await clock.advance(PATIENCE_SECONDS + 2.0)
        late: list[Callable[[], Awaitable[object]]] = [
            lambda: node.registrar.register(draft("late")),
            lambda: node.heartbeats.renew([uid]),
        ]
        for call in late:
            with pytest.raises(StoreUnavailable) as caught:
                async with asyncio.timeout(30):
                    await call()
            assert caught.value.retry_after_seconds > 0
        assert not any(task.done() for task in early), "their fate is not known yet"
        store.gate.set()
        await asyncio.gather(*early)
        await settle()
        again = asyncio.create_task(node.heartbeats.renew([uid]))
        await clock.advance(0.05)
        assert (await again).refusals == []
        assert (await node.registrar.register(draft("late"))).instance.incarnation


async def test_who_waited_behind_a_write_that_failed_waits_for_no_second_one(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    uid = (await node.registrar.register(draft("one"))).instance.incarnation
    store.gate.clear()
    beats = [asyncio.create_task(node.heartbeats.renew([uid]))]
    await clock.advance(0.05)
    beats.append(asyncio.create_task(node.heartbeats.renew([uid])))
    await settle()
    store.outage = True
    store.gate.set()
    await settle()
    assert [type(beat.exception()) for beat in beats] == [StoreUnavailable] * 2
    assert len(store.renewed) == 1
    store.outage = False
    again = asyncio.create_task(node.heartbeats.renew([uid]))
    await clock.advance(0.05)
    assert (await again).refusals == []


def test_one_slow_answer_among_others_is_waited_for(clock: ManualClock) -> None:
    """A large page being read is no reason to take no registrations."""
    uptime = Uptime(clock)
    with uptime.asking():
        for _ in range(20):
            clock.jump(1.0)
            with uptime.asking():
                pass
            uptime.check_answering()


def test_a_store_of_which_nothing_is_asked_may_be_tried(clock: ManualClock) -> None:
    """Else nobody would ever find out that it is back."""
    uptime = Uptime(clock)
    with uptime.asking():
        clock.jump(PATIENCE_SECONDS + 1.0)
        with pytest.raises(StoreUnavailable, match="nothing for 6 s"):
            uptime.check_answering()
    uptime.check_answering()
