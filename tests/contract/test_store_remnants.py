"""Every store deletes rows of what is no more, when nobody can need them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, WEB, publication, registered, word
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.domain.errors import CellFrozen, LeadershipLost
from registry.domain.frontend_record import HeldNames
from registry.domain.gc import Keep
from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName, Revision
from registry.domain.operation import DeleteService, Fence
from registry.domain.role import Role
from registry.domain.served_name import Asked, ServedName
from registry.ports import ALL_CELLS, Freeze, Publication, Rollback, Store

FENCE = Fence(EAST, Epoch(1))
KEEP = Keep(generations=3, seconds=0.0)
FULL = ServedName(1, Asked.NO, None)
BURIED = ServedName(0, Asked.TOMBSTONE, None)
ALIVE_MS = 4_000_000_000_000
"""In the far future by every clock."""


def named(parent: int, web: ServedName | None, revision: int = 40) -> Publication:
    """The generation after `parent`, made of a revision, with what it says of prod/web."""
    made = publication(1, parent, {})
    return replace(
        made,
        record=replace(made.record, revision=Revision(revision)),
        names={"prod/web": web},
    )


async def deleted(store: Store) -> None:
    """A cell whose second generation has the tombstone of prod/web, deleted at revision 2."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await registered(store, "prod/web/a", "u1")
    await edited(store, DeleteService(WEB, "", True))


async def test_a_frontend_that_is_not_expected_back_leaves_no_row(
    store: Store, clock: ManualClock
) -> None:
    """Nor as a canary; should it come back, it is known again from then on."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await store.note_role(FrontendId("canary"), EAST_REGION, Role.CANARY)
    clock.jump(10.0)
    held = HeldNames(1, ("namespaces/prod/services/web",), "it was lost")
    await store.acknowledge(
        [replace(word(3), held=held), word(2, frontend="back", time_ms=ALIVE_MS)]
    )
    forever = replace(KEEP, frontend_seconds=100 * 365 * 86_400.0)
    assert list((await store.forget(FENCE, forever)).frontends) == []
    found = await store.forget(FENCE, replace(KEEP, frontend_seconds=0.0))
    assert sorted(found.frontends) == ["canary", "f1"]
    assert [record.id for record in await store.frontends()] == ["back"]
    await store.acknowledge([word(2), word(1, frontend="canary")])
    assert [(r.id, r.cells[0].generation, r.role) for r in await store.frontends()] == [
        ("back", 2, Role.SERVING),
        ("canary", 1, Role.SERVING),
        ("f1", 2, Role.SERVING),
    ]


async def test_a_tombstone_goes_with_the_last_plan_of_before(store: Store) -> None:
    """I7: as long as one is stored, somebody may have the name alive."""
    await deleted(store)
    assert await store.publish(named(0, FULL, revision=1))
    assert await store.publish(named(1, BURIED))
    found = await store.forget(FENCE, KEEP)
    assert (list(found.services), found.buried) == ([], {WEB})
    for parent in range(2, 5):
        assert await store.publish(replace(publication(1, parent, {}), base={}))
    assert (await store.clean(FENCE, KEEP)).deleted == 2
    young = replace(KEEP, seconds=100 * 365 * 86_400.0)
    assert list((await store.forget(FENCE, young)).services) == []
    found = await store.forget(FENCE, KEEP)
    assert (list(found.services), found.buried, found.revision) == ([WEB], frozenset(), 2)
    assert (await store.state()).services == []
    assert list((await store.forget(FENCE, KEEP)).services) == []
    again = await registered(store, "prod/web/a", "u2")
    assert (again.revision, len((await store.state()).services)) == (3, 1)


@pytest.mark.parametrize("alive", [FULL, ServedName(0, Asked.NO, None)])
async def test_a_tombstone_that_some_head_has_not_taken_in_stays(
    store: Store, alive: ServedName
) -> None:
    """Whatever revisions say: the name has to be buried there first."""
    await deleted(store)
    assert await store.publish(named(0, alive))
    assert list((await store.forget(FENCE, KEEP)).services) == []


async def test_a_cell_without_any_plan_and_one_with_a_rollback_keep_tombstones(
    store: Store,
) -> None:
    """What was lost, and what is older than it says, may have the name."""
    await deleted(store)
    await store.lead(CellName("west"), RegionName("west"), "node-1", 6.0)
    assert await store.publish(named(0, BURIED))
    assert list((await store.forget(FENCE, KEEP)).services) == []
    other = publication(1, 0, {}, cell=CellName("west"))
    assert await store.publish(other)
    back = replace(publication(1, 1, {}), rollback=Rollback(Generation(1), "bad", "ann", 9))
    assert await store.publish(back)
    await store.unfreeze(EAST)
    assert list((await store.forget(FENCE, KEEP)).services) == []


async def test_a_service_that_lives_is_never_forgotten(store: Store) -> None:
    """However old all is."""
    await deleted(store)
    assert await store.publish(named(0, BURIED))
    await registered(store, "prod/web/a", "u2")
    found = await store.forget(FENCE, KEEP)
    assert (list(found.services), found.buried) == ([], frozenset())


async def test_forgetting_is_fenced_and_stops_when_frozen(store: Store) -> None:
    """As all automation (I3, I40)."""
    await deleted(store)
    assert await store.publish(named(0, BURIED))
    await store.freeze(Freeze(ALL_CELLS, "look first", "ann", 5))
    with pytest.raises(CellFrozen):
        await store.forget(FENCE, KEEP)
    await store.unfreeze(ALL_CELLS)
    await store.resign(EAST, "node-1")
    await store.lead(EAST, EAST_REGION, "node-2", 6.0)
    with pytest.raises(LeadershipLost):
        await store.forget(FENCE, KEEP)
    assert len((await store.state()).services) == 1
