"""Every store keeps what a cell's leader refuses to publish, for operators to read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, WEB

from registry.domain.errors import CellFrozen, LeadershipLost
from registry.domain.names import CellName, Epoch, RegionName, ServiceId
from registry.domain.operation import Fence
from registry.domain.refused_entry import RefusedEntry
from registry.ports import Freeze, Store

WEST, WEST_REGION = CellName("west"), RegionName("west")
LARGE = RefusedEntry(WEB, "limit", "70000 octets, above 65536")
STRANGE = RefusedEntry(WEB._replace(service=ServiceId("a")), "malformed", "ä: ?")


async def fence_of(store: Store, cell: CellName, region: RegionName) -> Fence:
    """Lead a cell."""
    leadership = await store.lead(cell, region, "n1", 30.0)
    assert leadership is not None
    return Fence(cell, leadership.epoch)


async def told(store: Store) -> dict[CellName, tuple[RefusedEntry, ...]]:
    """What is refused, by cell."""
    return {head.cell: head.refused for head in await store.heads()}


async def test_what_is_refused_stands_beside_its_cells_head_by_name(store: Store) -> None:
    """The last word replaces the one before, and concerns its own cell only."""
    east = await fence_of(store, EAST, EAST_REGION)
    west = await fence_of(store, WEST, WEST_REGION)
    assert await told(store) == {EAST: (), WEST: ()}
    await store.refuse(east, [LARGE, STRANGE])
    await store.refuse(west, [LARGE])
    assert await told(store) == {EAST: (STRANGE, LARGE), WEST: (LARGE,)}
    await store.refuse(east, [replace(LARGE, reason="another")])
    assert await told(store) == {EAST: (replace(LARGE, reason="another"),), WEST: (LARGE,)}
    await store.refuse(east, [])
    assert await told(store) == {EAST: (), WEST: (LARGE,)}


async def test_who_leads_no_more_or_is_frozen_refuses_nothing(store: Store) -> None:
    """As with all that automation writes (I2, I40)."""
    fence = await fence_of(store, EAST, EAST_REGION)
    await store.refuse(fence, [LARGE])
    with pytest.raises(LeadershipLost):
        await store.refuse(replace(fence, epoch=Epoch(fence.epoch - 1)), [])
    await store.freeze(Freeze(EAST, "why", "ann", 1))
    with pytest.raises(CellFrozen):
        await store.refuse(fence, [])
    assert await told(store) == {EAST: (LARGE,)}
