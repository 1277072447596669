"""Every store tells what it committed, once it is committed, and nothing else.

On PostgreSQL two nodes are asked: the one that writes hears it at once, the other soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from store_samples import EAST, EAST_REGION, instance_of, publication, register, service_key

from registry.adapters.clock import ManualClock, SystemClock
from registry.adapters.store.factory import migrate, open_notifier, open_store
from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.memory import MemoryStore
from registry.domain.errors import LeadershipLost
from registry.domain.names import Epoch
from registry.domain.notice import Notice, Topic
from registry.domain.operation import CreateService, Fence
from registry.ports import Freeze, Notifier, Rollback, Store

DEADLINE_SECONDS = 30.0
END = Notice(Topic.LEAD, "the end of the test")


class Wired:
    """A store, and what each node's loops hear of its commits."""

    def __init__(self, store: Store, *notifiers: Notifier) -> None:
        self.store = store
        self.notifiers = notifiers
        self._heard: list[list[Notice]] = [[] for _ in notifiers]
        for notifier, heard in zip(notifiers, self._heard, strict=True):
            notifier.subscribe(Topic, heard.append)

    async def listening(self) -> None:
        """Wait until nodes hear each other, and forget that they began to."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not all(notifier.is_listening for notifier in self.notifiers):  # noqa: ASYNC110 - two of them
                await asyncio.sleep(0.01)
        await self.heard()

    async def heard(self) -> list[Notice]:
        """What was told since the last call: the same, and in order, at every node."""
        self.notifiers[0].tell(END)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while any(END not in heard for heard in self._heard):  # noqa: ASYNC110 - two lists
                await asyncio.sleep(0.002)
        told = [
            [notice for notice in heard if notice not in (END, Notice(Topic.MISSED))]
            for heard in self._heard
        ]
        for heard in self._heard:
            heard.clear()
        assert all(each == told[0] for each in told)
        return told[0]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def wiring(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> Callable[[], Wired]:
    """Makes the store of this run of the suite, over a migrated database."""
    if request.param == "memory":
        local = LocalNotifier()
        return lambda: Wired(MemoryStore(clock, local), local)
    url = ""
    if request.param == "sqlite":
        asyncio.run(migrate("", tmp_path))
    else:
        url = request.getfixturevalue("migrated_url")

    def make() -> Wired:
        count = 2 if url else 1
        nodes = [open_notifier(url, tmp_path, SystemClock(), lambda: 0.5) for _ in range(count)]
        return Wired(open_store(url, tmp_path, clock, nodes[0]), *nodes)

    return make


@pytest_asyncio.fixture
async def wired(wiring: Callable[[], Wired]) -> AsyncIterator[Wired]:
    """An open, empty store that tells its notifier."""
    one = wiring()
    await one.store.open()
    tasks = [asyncio.create_task(notifier.run()) for notifier in one.notifiers]
    if len(tasks) > 1:
        await one.listening()
    yield one
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await one.store.close()


def stopped(scope: str) -> Freeze:
    return Freeze(scope, "why", "ann", 1)


async def test_history_is_told_with_its_revision(wired: Wired) -> None:
    """Once a transaction, however many operations it carried out."""
    await wired.store.apply([register("a", "u1")])
    assert await wired.heard() == [Notice(Topic.HISTORY, number=1)]
    await wired.store.apply([register("b", "u2"), register("c", "u3")])
    assert await wired.heard() == [Notice(Topic.HISTORY, number=3)]
    await wired.store.edit_service(CreateService(service_key("prod/new"), None, "uid"))
    assert await wired.heard() == [Notice(Topic.HISTORY, number=4)]


async def test_what_changed_nothing_is_not_told(wired: Wired) -> None:
    """A replay, a refused fence, a renewal: no loop need look."""
    applied = await wired.store.apply([register("a", "u1", "request-1")])
    lease = instance_of(applied.outcomes[0]).lease_id
    await wired.heard()
    await wired.store.apply([register("a", "u9", "request-1")])
    with pytest.raises(LeadershipLost):
        await wired.store.apply([register("b", "u2")], Fence(EAST, Epoch(7)))
    await wired.store.renew([lease])
    assert not await wired.store.unfreeze(EAST)
    assert await wired.heard() == []


async def test_a_head_that_moved_is_told_with_its_generation(wired: Wired) -> None:
    """The loser of the compare-and-set has nothing to tell."""
    await wired.store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert await wired.store.publish(publication(1, 0, {"prod/web": b"1"}))
    assert not await wired.store.publish(publication(1, 0, {"prod/web": b"2"}))
    assert await wired.heard() == [Notice(Topic.HEAD, EAST, 1)]


async def test_a_rollback_is_told_as_a_head_and_a_freeze(wired: Wired) -> None:
    """For it is both."""
    await wired.store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await wired.store.publish(publication(1, 0, {"prod/web": b"1"}))
    await wired.heard()
    back = replace(
        publication(1, 1, {"prod/web": b"1"}),
        rollback=Rollback(publication(1, 0, {}).record.generation, "why", "ann", 1),
    )
    assert await wired.store.publish(back)
    assert {*await wired.heard()} == {Notice(Topic.HEAD, EAST, 2), Notice(Topic.FREEZE, EAST)}


@pytest.mark.parametrize("scope", [EAST, "*"])
async def test_a_freeze_and_its_end_are_told(wired: Wired, scope: str) -> None:
    await wired.store.freeze(stopped(scope))
    assert await wired.heard() == [Notice(Topic.FREEZE, scope)]
    await wired.store.unfreeze(scope)
    assert await wired.heard() == [Notice(Topic.FREEZE, scope)]


async def test_a_lead_given_up_is_told_and_one_that_is_kept_is_not(wired: Wired) -> None:
    """Nor is a farewell of a node that did not lead."""
    for _ in range(2):
        await wired.store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await wired.store.resign(EAST, "node-2")
    assert await wired.heard() == []
    await wired.store.resign(EAST, "node-1")
    assert await wired.heard() == [Notice(Topic.LEAD, EAST)]


async def test_a_listener_hears_its_topics_until_it_stops(wired: Wired) -> None:
    """MISSED is everybody's; and one that fails keeps nothing from the others (I11)."""

    def fail(_: Notice) -> None:
        raise ValueError("a listener's own fault")

    heads: list[Notice] = []
    mine = wired.notifiers[0]
    stops: list[Callable[[], None]] = [
        mine.subscribe((Topic.FREEZE,), fail),
        mine.subscribe((Topic.HEAD,), heads.append),
    ]
    mine.tell(Notice(Topic.FREEZE, EAST))
    mine.tell(Notice(Topic.HEAD, EAST, 1))
    mine.tell(Notice(Topic.MISSED))
    for stop in stops:
        stop()
        stop()
    mine.tell(Notice(Topic.HEAD, EAST, 2))
    assert heads == [Notice(Topic.HEAD, EAST, 1), Notice(Topic.MISSED)]
