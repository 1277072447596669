"""The lead of a cell: sought, kept, lost."""

from __future__ import annotations

import asyncio

import pytest
from instance_node import GatedStore
from publication_node import EU

from registry.adapters.clock import ManualClock
from registry.app.lead import Lead
from registry.app.uptime import Uptime
from registry.domain.errors import LeadershipLost
from registry.domain.names import RegionName


def lead(store: GatedStore, clock: ManualClock, node: str) -> Lead:
    return Lead(store, clock, Uptime(clock), EU, RegionName("eu"), node, lease_seconds=6.0)


async def keep(of: Lead) -> None:
    async for _ in of.keep():
        pass


async def test_one_node_leads_and_another_takes_over_when_its_lease_has_run_out(
    store: GatedStore, clock: ManualClock
) -> None:
    a, b = lead(store, clock, "a"), lead(store, clock, "b")
    first = await a.seek()
    waiting = asyncio.create_task(b.seek())
    await clock.advance(5.9)
    assert not waiting.done()
    await clock.advance(2.1)
    assert (await waiting).epoch == first.epoch + 1
    with pytest.raises(LeadershipLost):
        await a.renew()


async def test_a_lead_that_is_kept_does_not_run_out(store: GatedStore, clock: ManualClock) -> None:
    a, b = lead(store, clock, "a"), lead(store, clock, "b")
    await a.seek()
    keeping = asyncio.create_task(keep(a))
    waiting = asyncio.create_task(b.seek())
    await clock.advance(60.0)
    assert not keeping.done()
    assert not waiting.done()
    assert a.fence.epoch == 1
    for task in (keeping, waiting):
        task.cancel()


async def test_a_short_outage_costs_no_lead_and_a_long_one_ends_it_when_the_lease_does(
    store: GatedStore, clock: ManualClock
) -> None:
    a = lead(store, clock, "a")
    await a.seek()
    keeping = asyncio.create_task(keep(a))
    store.outage = True
    await clock.advance(5.0)
    store.outage = False
    await clock.advance(2.0)
    assert not keeping.done()
    assert a.fence.epoch == 1
    store.outage = True
    await clock.advance(8.0)
    with pytest.raises(LeadershipLost):
        await keeping
    with pytest.raises(LeadershipLost):
        _ = a.fence


async def test_a_node_that_slept_past_its_lease_has_no_fence_before_it_asks_again(
    store: GatedStore, clock: ManualClock
) -> None:
    a = lead(store, clock, "a")
    await a.seek()
    clock.jump(7.0)
    with pytest.raises(LeadershipLost):
        _ = a.fence
    assert (await a.renew()).epoch == 1, "nobody led meanwhile"
    assert a.fence.epoch == 1


async def test_giving_up_the_lead_lets_another_lead_at_once(
    store: GatedStore, clock: ManualClock
) -> None:
    a, b = lead(store, clock, "a"), lead(store, clock, "b")
    await a.seek()
    await a.resign()
    assert (await b.seek()).epoch == 2
    await a.resign()
    assert (await b.renew()).epoch == 2, "only one's own lead can be given up"


async def test_seeking_goes_on_while_the_store_is_away(
    store: GatedStore, clock: ManualClock
) -> None:
    store.outage = True
    seeking = asyncio.create_task(lead(store, clock, "a").seek())
    await clock.advance(10.0)
    assert not seeking.done()
    store.outage = False
    await clock.advance(2.0)
    assert (await seeking).epoch == 1
