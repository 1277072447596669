"""Notices wake loops at once; a loop that hears none finds the same by looking, only later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from instance_node import GatedStore
from publication_node import CELLS, EU, PublicationNode, following, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.adapters.store.local_notifier import LocalNotifier
from registry.app.lead import Lead
from registry.app.uptime import Uptime
from registry.domain.notice import Notice, Topic
from registry.ports import ALL_CELLS, Freeze

SOON = 0.05
"""Seconds: a gap between two fetches and the planner's wait for company, no poll."""


class Wire(LocalNotifier):
    """Carries notices between the nodes of a test, until it is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.is_listening = True
        self.carries = True

    def tell(self, notice: Notice) -> None:
        if self.carries:
            super().tell(notice)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def store(clock: ManualClock, wire: Wire) -> GatedStore:
    return GatedStore(clock, wire)


@pytest.fixture
async def nodes(
    store: GatedStore, clock: ManualClock, wire: Wire
) -> AsyncIterator[tuple[PublicationNode, PublicationNode]]:
    """The leader, and another node."""
    async with AsyncExitStack() as stack:
        made = []
        for name in ("a", "b"):
            node = PublicationNode(store, clock, ScriptedProber(clock), name=name, notifier=wire)
            await stack.enter_async_context(running(node))
            await clock.advance(0.5)
            made.append(node)
        assert made[0].reconcilers[EU].is_leading
        yield made[0], made[1]


@pytest.mark.parametrize("registrar", [0, 1])
async def test_a_registration_is_in_the_plans_of_all_nodes_at_once(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, registrar: int
) -> None:
    """Registered at the leader, the other fetches the plan; else the leader the registration."""
    async with following(nodes[1].feed) as far, following(nodes[0].feed) as near:
        await nodes[registrar].register("i1")
        await clock.advance(SOON)
        for follower in (far, near):
            plan = follower.plan()
            assert plan is not None
            assert [endpoint.instance for endpoint in plan.endpoints] == ["i1"]


async def test_with_notices_lost_everything_is_found_by_looking(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, wire: Wire
) -> None:
    """Within the longer pauses that notices allow: they are for speed alone."""
    wire.carries = False
    async with following(nodes[1].feed) as far:
        await nodes[1].register("i1")
        await clock.advance(5.0 + 1.0 + SOON)
        plan = far.plan()
        assert plan is not None
        assert [endpoint.instance for endpoint in plan.endpoints] == ["i1"]


async def test_when_notices_stop_polls_are_frequent_at_once(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, wire: Wire
) -> None:
    """Those who wait long because they would be told do not wait any more."""
    wire.is_listening = False
    wire.tell(Notice(Topic.MISSED))
    wire.carries = False
    await clock.advance(SOON)
    async with following(nodes[1].feed) as far:
        await nodes[1].register("i1")
        await clock.advance(1.0 + 0.1 + SOON)
        assert far.plan() is not None


async def test_what_was_missed_is_looked_at_when_notices_come_again(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, wire: Wire
) -> None:
    """History, heads and freezes."""
    wire.carries = False
    async with following(nodes[1].feed) as far:
        await nodes[1].register("i1")
        await nodes[0].store.freeze(Freeze(EU, "why", "ann", 1))
        await nodes[0].store.unfreeze(EU)
        wire.carries = True
        wire.tell(Notice(Topic.MISSED))
        await clock.advance(SOON)
        assert far.plan() is not None


@pytest.mark.parametrize("scope", [str(EU), ALL_CELLS])
async def test_a_freeze_stops_other_nodes_at_once(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, scope: str
) -> None:
    """And its end lets them go on (I40)."""
    await nodes[1].store.freeze(Freeze(scope, "why", "ann", 1))
    await clock.advance(SOON)
    assert [bool(node.freezer.reason(EU)) for node in nodes] == [True, True]
    assert not nodes[0].reconcilers[EU].is_leading
    await nodes[1].store.unfreeze(scope)
    await clock.advance(SOON)
    assert [bool(node.freezer.reason(EU)) for node in nodes] == [False, False]


async def test_a_freeze_whose_notice_is_lost_stops_within_a_second(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, wire: Wire
) -> None:
    """I40 rests on no notice."""
    wire.carries = False
    await nodes[1].store.freeze(Freeze(EU, "why", "ann", 1))
    await clock.advance(1.0)
    assert [bool(node.freezer.reason(EU)) for node in nodes] == [True, True]


async def test_a_node_that_waits_for_the_lead_takes_it_when_it_is_given_up(
    store: GatedStore, clock: ManualClock, wire: Wire
) -> None:
    """Without waiting for its next try, which comes in any case."""

    def lead(node: str) -> Lead:
        return Lead(
            store, clock, Uptime(clock), EU, CELLS[EU], node, lease_seconds=60.0, notifier=wire
        )

    a, b = lead("a"), lead("b")
    await a.seek()
    waiting = asyncio.create_task(b.seek())
    await clock.advance(SOON)
    assert not waiting.done()
    await a.resign()
    await clock.advance(SOON)
    assert waiting.done()
    wire.carries = False
    again = asyncio.create_task(a.seek())
    await clock.advance(SOON)
    await b.resign()
    await clock.advance(20.0)
    assert again.done()


async def test_notices_of_a_busy_registry_cost_no_fetch_each(
    nodes: tuple[PublicationNode, PublicationNode], clock: ManualClock, store: GatedStore
) -> None:
    """A hundred commits within a tenth of a second: the other node reads every 20 ms."""
    reads = 0
    changes_after = store.changes_after

    async def counted(*arguments: object) -> object:
        nonlocal reads
        reads += 1
        return await changes_after(*arguments)  # type: ignore[arg-type]  # as it came

    store.changes_after = counted  # type: ignore[assignment, method-assign]  # counts, and asks
    for number in range(100):
        await nodes[0].register(f"i{number}")
        await clock.advance(0.001)
    await clock.advance(SOON)
    assert nodes[1].mirror.revision == nodes[0].mirror.revision == await store.revision()
    # each fetch asks until there is no more
    assert reads <= 2 * (0.1 + SOON) / 0.02 + 2
