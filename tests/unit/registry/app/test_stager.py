"""Staged changes are judged by one node, under its fence, by what canaries say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from instance_node import GatedStore, Node
from publication_node import EU
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.app.lead import Lead
from registry.app.stager import Stager
from registry.domain.names import FrontendId, NamespaceId, RegionName, ServiceId, ServiceKey
from registry.domain.operation import CreateService, DeleteService, UpdateService
from registry.domain.service import Service, ServicePolicy, StageState
from registry.domain.stage import Pace
from registry.domain.stage_report import StageReport

CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
CANARY = FrontendId("canary")
OLD, NEW = ServicePolicy(record_ttl_seconds=10), ServicePolicy(record_ttl_seconds=20)
PACE = Pace(bake_seconds=60.0, gap_seconds=10.0, patience_seconds=30.0)
REPORT_SECONDS = 2.0


class Court:
    """A judge over a node's mirror, and a canary that speaks when it is told to."""

    def __init__(self, node: Node, lead: Lead) -> None:
        self.node = node
        self.lead = lead

    async def stage(self, uid: str = "t1", policy: ServicePolicy = NEW) -> None:
        """A change begins to bake."""
        if await self.node.store.get_service(CART) is None:
            await self.node.store.edit_service(CreateService(CART, OLD, "s1"))
        await self.node.store.edit_service(UpdateService(CART, policy, "", uid))
        await self.node.mirror.catch_up()

    async def vouch(self, seconds: float, uid: str = "t1") -> None:
        """The canary vouches for it all the while."""
        for _ in range(int(seconds / REPORT_SECONDS)):
            await self.node.store.report_stage(StageReport(CANARY, CART, uid))
            await self.node.clock.advance(REPORT_SECONDS)

    async def service(self) -> Service:
        """The service as it stands."""
        found = await self.node.store.get_service(CART)
        assert found is not None
        return found

    @asynccontextmanager
    async def judge(self) -> AsyncIterator[asyncio.Task[None]]:
        """A judge at work; afterwards all that it knew is gone, as by kill -9."""
        await self.lead.seek()
        node = self.node
        stager = Stager(self.lead, node.store, node.mirror, node.clock, node.uptime, PACE)
        keeping = asyncio.create_task(self._keep())
        judging = asyncio.create_task(stager.run())
        try:
            yield judging
        finally:
            for task in (judging, keeping):
                task.cancel()
            await asyncio.gather(judging, keeping, return_exceptions=True)

    async def _keep(self) -> None:
        async for _ in self.lead.keep():
            pass


@pytest.fixture
async def court(node: Node, store: GatedStore, clock: ManualClock) -> Court:
    region = RegionName("eu")
    return Court(node, Lead(store, clock, node.uptime, EU, region, "a", lease_seconds=6.0))


async def test_what_bakes_well_acts_everywhere_after_a_whole_bake(court: Court) -> None:
    """Not before; and other nodes' and this one's mirrors hear of it."""
    async with court.judge():
        await court.stage()
        await court.vouch(58)
        assert (await court.service()).policy == OLD
        await court.vouch(6)
    service = await court.service()
    assert (service.policy, service.staged) == (NEW, None)
    assert court.node.mirror.services[CART] == service


async def test_the_first_fault_rolls_it_back(court: Court) -> None:
    async with court.judge():
        await court.stage()
        await court.vouch(30)
        await court.node.store.report_stage(StageReport(CANARY, CART, "t1", "A of eu is empty"))
        await court.node.clock.advance(REPORT_SECONDS)
        staged = (await court.service()).staged
        await court.vouch(120)
    assert staged is not None
    assert (staged.state, staged.reason) == (
        StageState.ROLLED_BACK,
        "canary canary: A of eu is empty",
    )
    assert (await court.service()).policy == OLD


async def test_a_canary_that_falls_silent_rolls_it_back(court: Court) -> None:
    """It may have died of it."""
    async with court.judge():
        await court.stage()
        await court.vouch(30)
        await court.node.clock.advance(12.0)
    staged = (await court.service()).staged
    assert staged is not None
    assert "fell silent" in staged.reason


async def test_a_change_that_nobody_vouches_for_is_rolled_back(court: Court) -> None:
    """The canary that was known died before it said a word."""
    async with court.judge():
        await court.stage()
        await court.node.clock.advance(32.0)
    staged = (await court.service()).staged
    assert staged is not None
    assert "no canary vouched" in staged.reason


@pytest.mark.parametrize("seconds", [2.0, 30.0, 58.0])
async def test_the_judge_s_death_begins_the_bake_anew(court: Court, seconds: float) -> None:
    """At whatever point: nothing acts on less than a whole bake that one judge saw."""
    await court.stage()
    async with court.judge():
        await court.vouch(seconds)
    async with court.judge():
        await court.vouch(58)
        assert (await court.service()).policy == OLD
        await court.vouch(6)
    assert (await court.service()).policy == NEW


async def test_a_fault_told_while_nobody_judged_is_not_lost(court: Court) -> None:
    await court.stage()
    await court.node.store.report_stage(StageReport(CANARY, CART, "t1", "A of eu is empty"))
    await court.node.store.report_stage(StageReport(CANARY, CART, "t1"))
    async with court.judge():
        await court.node.clock.advance(2.0)
    staged = (await court.service()).staged
    assert staged is not None
    assert staged.state is StageState.ROLLED_BACK


async def test_words_of_a_canary_long_dead_vouch_for_nothing(court: Court) -> None:
    """The next judge finds what it said, and hears that it says no more."""
    await court.stage()
    await court.vouch(20)
    async with court.judge():
        await court.node.clock.advance(32.0)
    staged = (await court.service()).staged
    assert staged is not None
    assert staged.state is StageState.ROLLED_BACK


async def test_a_second_change_takes_the_place_of_the_first(court: Court) -> None:
    """And bakes for its own time."""
    newer = ServicePolicy(record_ttl_seconds=30)
    async with court.judge():
        await court.stage()
        await court.vouch(50)
        await court.stage("t2", newer)
        await court.vouch(50, "t2")
        assert (await court.service()).policy == OLD
        await court.vouch(14, "t2")
    assert (await court.service()).policy == newer


async def test_an_outage_of_the_store_is_held_against_no_canary(court: Court) -> None:
    """Its words could not be kept; the bake begins anew when they can."""
    async with court.judge():
        await court.stage()
        await court.vouch(40)
        court.node.store.outage = True
        await court.node.clock.advance(4.0)
        court.node.store.outage = False
        await court.vouch(50)
        assert (await court.service()).policy == OLD
        await court.vouch(16)
    assert (await court.service()).policy == NEW


async def test_a_deleted_service_is_judged_no_more(court: Court) -> None:
    async with court.judge() as judging:
        await court.stage()
        await edited(court.node.store, DeleteService(CART, "", True))
        await court.node.clock.advance(60.0)
        assert not judging.done()
    assert await court.node.store.get_service(CART) is None
