"""The store in memory plays outages, and nodes that lose the lead."""

from __future__ import annotations

import pytest

from registry.adapters.clock import ManualClock
from registry.adapters.store.memory import MemoryStore
from registry.domain.errors import StoreUnavailable
from registry.domain.names import CellName, RegionName

EAST = CellName("east"), RegionName("east")


async def test_another_node_leads_when_the_lease_has_run_out() -> None:
    """Not a moment before; and then the first has to wait in its turn."""
    clock = ManualClock()
    store = MemoryStore(clock)
    first = await store.lead(*EAST, "node-1", 6.0)
    assert first is not None
    clock.wall_ms += 5_999
    assert await store.lead(*EAST, "node-2", 6.0) is None
    clock.wall_ms += 1
    second = await store.lead(*EAST, "node-2", 6.0)
    assert second is not None
    assert (first.epoch, second.epoch) == (1, 2)
    assert await store.lead(*EAST, "node-1", 6.0) is None


async def test_a_leader_that_renews_keeps_the_lead() -> None:
    """The lease counts from the last time."""
    clock = ManualClock()
    store = MemoryStore(clock)
    for _ in range(3):
        assert await store.lead(*EAST, "node-1", 6.0) is not None
        clock.wall_ms += 5_000
        assert await store.lead(*EAST, "node-2", 6.0) is None


async def test_an_outage_fails_every_call_until_it_ends() -> None:
    """And changes nothing."""
    store = MemoryStore(ManualClock())
    store.outage = True
    for call in (store.open, store.state, store.heads, store.frontends, store.revision):
        with pytest.raises(StoreUnavailable):
            await call()
    with pytest.raises(StoreUnavailable):
        await store.lead(*EAST, "node-1", 6.0)
    store.outage = False
    assert await store.heads() == []
