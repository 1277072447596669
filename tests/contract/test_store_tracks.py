"""Every store keeps what publications write of removals, for the next leader (I8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, WEB, publication, service_key

from registry.domain.errors import LeadershipLost
from registry.domain.names import CellName
from registry.domain.track import TrackRecord
from registry.ports import Store

FALLEN = TrackRecord(1_760_000_000_000, ((250, 2), (0, 1)), ((86_000_000, 2000), (0, 3)))
QUIET = TrackRecord(1_760_000_000_000)
SHOP = service_key("prod/shop")


async def test_they_come_with_a_publication_and_outlive_the_process(
    make_store: Callable[[], Store],
) -> None:
    """Of names, and of the cell; others' stay as they are."""
    store = make_store()
    await store.open()
    assert await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert await store.tracks(EAST) == {}
    await store.publish(replace(publication(1, 0, {}), tracks={WEB: FALLEN, None: QUIET}))
    await store.publish(replace(publication(1, 1, {}), tracks={SHOP: QUIET, None: FALLEN}))
    await store.publish(publication(1, 2, {}))
    await store.close()
    store = make_store()
    await store.open()
    assert await store.tracks(EAST) == {WEB: FALLEN, SHOP: QUIET, None: FALLEN}
    assert await store.tracks(CellName("west")) == {}
    await store.close()


async def test_one_that_says_nothing_more_is_gone(store: Store) -> None:
    """To drop one that is not there is no error."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await store.publish(replace(publication(1, 0, {}), tracks={WEB: FALLEN, None: FALLEN}))
    await store.publish(replace(publication(1, 1, {}), tracks={WEB: None, SHOP: None}))
    assert await store.tracks(EAST) == {None: FALLEN}


async def test_cells_do_not_share_them(store: Store) -> None:
    """A cell's budget is its own."""
    west = CellName("west")
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await store.lead(west, EAST_REGION, "node-1", 6.0)
    await store.publish(replace(publication(1, 0, {}), tracks={WEB: FALLEN}))
    await store.publish(replace(publication(1, 0, {}, cell=west), tracks={WEB: QUIET}))
    await store.publish(replace(publication(1, 1, {}, cell=west), tracks={WEB: None}))
    assert await store.tracks(EAST) == {WEB: FALLEN}
    assert await store.tracks(west) == {}


async def test_a_publication_that_fails_writes_none(store: Store) -> None:
    """Neither one that lost the compare-and-set nor one of a deposed leader."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await store.publish(replace(publication(1, 0, {}), tracks={WEB: FALLEN}))
    assert not await store.publish(replace(publication(1, 0, {}), tracks={WEB: None}))
    await store.resign(EAST, "node-1")
    await store.lead(EAST, EAST_REGION, "node-2", 6.0)
    with pytest.raises(LeadershipLost):
        await store.publish(replace(publication(1, 1, {}), tracks={WEB: QUIET}))
    assert await store.tracks(EAST) == {WEB: FALLEN}
