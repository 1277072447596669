"""Which canaries a node knows, and whose word it takes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from publication_node import CELLS, EU

from registry.adapters.clock import ManualClock
from registry.adapters.store.memory import MemoryStore
from registry.app.canaries import SILENCE_SECONDS, Canaries
from registry.app.mirror import Mirror
from registry.app.plan_feed import PlanFeed
from registry.app.uptime import Uptime
from registry.domain.digest import DigestTree
from registry.domain.errors import CellNotFound, InvalidField, StoreUnavailable
from registry.domain.names import (
    CellName,
    Epoch,
    FrontendId,
    Generation,
    NamespaceId,
    RegionName,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import CreateService, UpdateService
from registry.domain.publication import first_record
from registry.domain.role import Role
from registry.domain.service import ServicePolicy
from registry.domain.stage_report import StageReport

CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
CANARY, REGION = FrontendId("canary"), RegionName("eu")


class Roost:
    """One node's canaries over a store in memory."""

    def __init__(self, store: MemoryStore, clock: ManualClock) -> None:
        uptime = Uptime(clock)
        self.store = store
        self.clock = clock
        self.mirror = Mirror(store, clock, uptime)
        self.feed = PlanFeed(store, clock, uptime, {EU: CELLS[EU]})
        self.canaries = Canaries(store, self.feed, self.mirror, clock, uptime)

    async def stage(self, uid: str) -> None:
        if await self.store.get_service(CART) is None:
            await self.store.edit_service(CreateService(CART, None, "s1"))
        await self.store.edit_service(
            UpdateService(CART, ServicePolicy(record_ttl_seconds=30), "", uid)
        )
        await self.mirror.load()


@pytest.fixture
async def roost() -> Roost:
    clock = ManualClock()
    return Roost(MemoryStore(clock), clock)


async def test_a_canary_of_another_node_counts_while_it_was_seen_lately(roost: Roost) -> None:
    """This node has the store's word alone; long silence is no canary."""
    assert not await roost.canaries.any_alive()
    await roost.store.note_role(CANARY, REGION, Role.CANARY)
    assert await roost.canaries.any_alive()
    await roost.clock.advance(SILENCE_SECONDS + 1)
    assert not await roost.canaries.any_alive()


async def test_a_canary_that_watches_here_counts_without_the_store(roost: Roost) -> None:
    """And what it is for is written as soon as the store answers."""
    roost.feed.adopt(first_record(EU, Epoch(1), Generation(5), DigestTree().value), {})
    events = roost.feed.watch(CANARY, [])
    async with aclosing(events):
        await anext(events)
        roost.canaries.introduce(CANARY, REGION, Role.CANARY)
        roost.store.outage = True
        assert await roost.canaries.any_alive()
        with pytest.raises(StoreUnavailable):
            await roost.canaries.flush()
        roost.store.outage = False
        await roost.canaries.flush()
    assert [each.role for each in await roost.store.frontends()] == [Role.CANARY]


async def test_not_to_know_whether_there_is_a_canary_is_not_to_have_none(roost: Roost) -> None:
    """A change must not pass by its canaries because the store is away."""
    roost.store.outage = True
    with pytest.raises(StoreUnavailable):
        await roost.canaries.any_alive()


async def test_a_canary_that_serves_now_is_none_any_more(roost: Roost) -> None:
    for role in (Role.CANARY, Role.SERVING):
        roost.canaries.introduce(CANARY, REGION, role)
        await roost.canaries.flush()
    assert not await roost.canaries.any_alive()


async def test_only_a_canary_s_word_on_what_bakes_is_kept(roost: Roost) -> None:
    """Others are refused; what is late is let go."""
    await roost.stage("t1")
    good = StageReport(CANARY, CART, "t1")
    with pytest.raises(InvalidField, match="does not follow this node as a canary"):
        await roost.canaries.report(EU, good)
    roost.canaries.introduce(CANARY, REGION, Role.CANARY)
    with pytest.raises(CellNotFound):
        await roost.canaries.report(CellName("mars"), good)
    await roost.canaries.report(EU, StageReport(CANARY, CART, "t0", "too late"))
    assert await roost.store.stage_reports() == []
    await roost.canaries.report(EU, good)
    assert [each.report for each in await roost.store.stage_reports()] == [good]


async def test_what_frontends_are_for_is_written_again_after_an_outage(roost: Roost) -> None:
    """The loop goes on by itself."""
    roost.store.outage = True
    roost.canaries.introduce(CANARY, REGION, Role.CANARY)
    running = asyncio.create_task(roost.canaries.run())
    try:
        await roost.clock.advance(0.5)
        roost.store.outage = False
        for _ in range(20):
            await roost.clock.advance(0.5)
            if await roost.store.frontends():
                break
        assert [each.role for each in await roost.store.frontends()] == [Role.CANARY]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
