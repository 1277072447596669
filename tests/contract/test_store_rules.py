"""Every store holds the core rules itself, whatever a publisher believes (I1, I4, I7, I40)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, publication, registered, service_key, word
from two_keys import edited

from registry.domain.errors import CellFrozen, LeadershipLost, RuleBroken
from registry.domain.gc import Keep
from registry.domain.names import CellName, Epoch, Generation
from registry.domain.operation import DeleteService, Fence
from registry.domain.served_name import Asked, ServedName
from registry.domain.sighting import CLAIM_LIMIT, Claim
from registry.ports import ALL_CELLS, Freeze, Pin, Publication, Rollback, Store

FENCE = Fence(EAST, Epoch(1))
FULL = ServedName(3, Asked.NO, None)
HELD = ServedName(1, Asked.NO, b"held")
KEEP = Keep(generations=3, seconds=0.0)


def named(parent: int, *, heals: bool = False, **names: ServedName | None) -> Publication:
    """The generation after `parent`, with rows of names in namespace prod."""
    return replace(
        publication(1, parent, {}),
        names={f"prod/{key}": name for key, name in names.items()},
        heals=heals,
    )


async def chain(store: Store, length: int, bases: tuple[int, ...] = (1,)) -> None:
    """Lead the cell, and publish generations 1 to `length`, some of them whole."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    for parent in range(length):
        base = {"p/a": b"x"} if parent + 1 in bases else None
        assert await store.publish(publication(1, parent, {"p/a": b"x"}, base=base))


async def kept(store: Store) -> list[int]:
    """The generations that are there, ascending."""
    return [plan.generation for plan in await store.list_plans(EAST, None, 1000)][::-1]


async def test_what_is_known_of_names_follows_the_head(store: Store) -> None:
    """Rows come, change and go with the generation that says so."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert await store.publish(named(0, web=FULL, api=HELD, old=ServedName(0, Asked.NO, None)))
    assert await store.names(EAST) == {
        "prod/web": FULL,
        "prod/api": HELD,
        "prod/old": ServedName(0, Asked.NO, None),
    }
    assert await store.publish(named(1, web=HELD, old=None))
    assert await store.names(EAST) == {"prod/web": HELD, "prod/api": HELD}
    assert await store.names(CellName("west")) == {}


@pytest.mark.parametrize(
    "after", [None, ServedName(0, Asked.NO, None), ServedName(0, Asked.TOMBSTONE, None)]
)
async def test_no_name_loses_its_last_endpoint_without_a_tombstone(
    store: Store, after: ServedName | None
) -> None:
    """I7: nor by the word of a plan alone, when the service's row has no tombstone."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await registered(store, "prod/web/a", "u1")
    assert await store.publish(named(0, web=FULL))
    with pytest.raises(RuleBroken):
        await store.publish(named(1, web=after))
    assert await store.names(EAST) == {"prod/web": FULL}
    assert [head.generation for head in await store.heads()] == [1]


async def test_a_tombstone_or_scale_to_zero_empties_a_name(store: Store) -> None:
    """Somebody asked for it."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    await registered(store, "prod/web/a", "u1")
    assert await store.publish(named(0, web=FULL, api=FULL))
    await edited(store, DeleteService(service_key("prod/web"), "", True))
    emptied = {
        "web": ServedName(0, Asked.TOMBSTONE, None),
        "api": ServedName(0, Asked.SCALE_TO_ZERO, None),
    }
    assert await store.publish(named(1, **emptied))
    assert await store.publish(named(2, web=None, api=None))
    assert await store.names(EAST) == {}


async def test_rows_that_contradict_the_head_are_put_right(store: Store) -> None:
    """A healing publication replaces them all (I10)."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert await store.publish(named(0, web=FULL, api=FULL))
    assert await store.publish(named(1, heals=True, new=HELD))
    assert await store.names(EAST) == {"prod/new": HELD}
    with pytest.raises(RuleBroken):
        await store.publish(named(2, new=None))


async def test_nothing_is_cleaned_while_there_are_few(store: Store) -> None:
    """The last K stay, whatever their age (I4)."""
    await chain(store, 3)
    assert (await store.clean(FENCE, KEEP)).deleted == 0
    assert await kept(store) == [1, 2, 3]


async def test_plans_that_nobody_can_reach_are_cleaned(store: Store) -> None:
    """The last K stay, and what these are read by."""
    await chain(store, 9, bases=(1, 4, 6))
    assert (await store.clean(FENCE, KEEP)).deleted == 5
    assert await kept(store) == [6, 7, 8, 9]
    plan = await store.read_plan(EAST, Generation(9))
    assert plan is not None
    assert plan[1] == {"p/a": b"x"}
    assert (await store.clean(FENCE, KEEP)).deleted == 0


async def test_a_young_plan_stays(store: Store) -> None:
    """So that operators find what there was; age is never a reason to delete (I4)."""
    await chain(store, 9, bases=(1, 4, 6))
    # The samples are dated 2025; by any clock here that is less than a century ago.
    keep = Keep(generations=3, seconds=100 * 365 * 86_400.0)
    assert (await store.clean(FENCE, keep)).deleted == 0


async def test_a_pinned_plan_stays_and_can_be_read(store: Store) -> None:
    """With the links it is read by, until it is unpinned (I4)."""
    await chain(store, 9, bases=(1, 4, 6))
    pin = Pin(EAST, Generation(5), "known good", "ann", 7)
    assert await store.pin(pin)
    assert not await store.pin(replace(pin, generation=Generation(99)))
    assert await store.pins(EAST) == [pin]
    await store.clean(FENCE, KEEP)
    assert await kept(store) == [4, 5, 6, 7, 8, 9]
    assert await store.read_plan(EAST, Generation(5)) is not None
    assert await store.unpin(EAST, Generation(5))
    assert not await store.unpin(EAST, Generation(5))
    await store.clean(FENCE, KEEP)
    assert await kept(store) == [6, 7, 8, 9]


async def test_a_frontend_that_may_come_back_keeps_what_it_has(store: Store) -> None:
    """Until it has acknowledged a newer one, or was not heard of for too long (I4)."""
    await chain(store, 9, bases=(1, 4, 6))
    # In the far future by every clock: a frontend that is alive.
    alive = 4_000_000_000_000
    await store.acknowledge([word(3, frontend="slow", time_ms=alive), word(8, time_ms=alive)])
    await store.clean(FENCE, KEEP)
    assert await kept(store) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    await store.acknowledge([word(5, frontend="slow", time_ms=alive)])
    await store.clean(FENCE, KEEP)
    assert await kept(store) == [4, 5, 6, 7, 8, 9]
    await store.clean(FENCE, replace(KEEP, frontend_seconds=0.0))
    assert await kept(store) == [4, 5, 6, 7, 8, 9]


async def test_a_frontend_long_silent_keeps_nothing(store: Store) -> None:
    """It is not expected back."""
    await chain(store, 9, bases=(1, 4, 6))
    await store.acknowledge([word(3, time_ms=1000)])
    assert (await store.clean(FENCE, KEEP)).deleted == 5


async def test_clean_up_is_fenced(store: Store) -> None:
    """An old leader deletes nothing, whatever it decided before it was paused (I3)."""
    await chain(store, 9, bases=(1, 4, 6))
    await store.resign(EAST, "node-1")
    await store.lead(EAST, EAST_REGION, "node-2", 6.0)
    with pytest.raises(LeadershipLost):
        await store.clean(FENCE, KEEP)
    assert len(await kept(store)) == 9


@pytest.mark.parametrize("scope", [str(EAST), ALL_CELLS])
async def test_a_frozen_cell_is_written_to_by_no_automation(store: Store, scope: str) -> None:
    """I40: from the moment that the freeze is committed."""
    await chain(store, 4)
    made = Freeze(scope, "something is wrong", "ann", 5)
    assert await store.freeze(made) is None
    assert await store.freeze(replace(made, reason="again")) == made
    assert await store.freezes() == [made]
    assert [head.frozen for head in await store.heads()] == ["something is wrong"]
    with pytest.raises(CellFrozen):
        await store.publish(publication(1, 4, {}))
    with pytest.raises(CellFrozen):
        await store.clean(FENCE, KEEP)
    with pytest.raises(CellFrozen):
        await store.apply([], FENCE)
    await registered(store, "prod/web/a", "u1")
    assert await store.unfreeze(scope)
    assert not await store.unfreeze(scope)
    assert await store.publish(publication(1, 4, {}))


async def test_a_rollback_is_a_new_generation_and_freezes_its_cell(store: Store) -> None:
    """It needs no lead; the automation would undo it at once. Its source is kept (I1, I4)."""
    await chain(store, 9, bases=(1, 4, 6))
    back = replace(
        publication(1, 9, {"p/a": b"old"}, base={"p/a": b"old"}),
        rollback=Rollback(Generation(2), "bad release", "ann", 9),
    )
    stale = replace(back.record, parent_generation=Generation(8))
    assert not await store.publish(replace(back, record=stale))
    assert await store.publish(back)
    (head,) = await store.heads()
    assert (head.generation, head.frozen) == (10, "rolled back to generation 2: bad release")
    with pytest.raises(CellFrozen):
        await store.publish(publication(1, 10, {}))
    await store.unfreeze(EAST)
    for parent in range(10, 12):
        assert await store.publish(publication(1, parent, {}))
    await store.clean(FENCE, KEEP)
    assert await kept(store) == [1, 2, 6, 7, 8, 9, 10, 11, 12]


async def test_a_rollback_is_made_under_the_current_epoch(store: Store) -> None:
    """Made under another it is worked out anew, like any that lost."""
    await chain(store, 2)
    back = replace(
        publication(2, 2, {}, base={}), rollback=Rollback(Generation(1), "why", "ann", 9)
    )
    assert not await store.publish(back)
    await store.resign(EAST, "node-1")
    await store.lead(EAST, EAST_REGION, "node-2", 6.0)
    assert await store.publish(back)


async def test_what_frontends_have_from_a_lost_past_is_remembered(store: Store) -> None:
    """A restored backup: the next lead comes with a higher epoch than any frontend's (I10)."""
    await chain(store, 4)
    digest = (await store.heads())[0].digest
    for claim in (
        Claim(Epoch(1), Generation(3), b"any"),
        Claim(Epoch(1), Generation(4), digest),
        Claim(Epoch(1), Generation(4)),
        Claim(Epoch(1), Generation(CLAIM_LIMIT + 1)),
    ):
        assert not await store.note_seen(EAST, claim)
    assert not await store.note_seen(CellName("none"), Claim(Epoch(9), Generation(9)))
    assert await store.note_seen(EAST, Claim(Epoch(1), Generation(4), b"another"))
    assert await store.note_seen(EAST, Claim(Epoch(7), Generation(40)))
    assert not await store.note_seen(EAST, Claim(Epoch(6), Generation(39)))
    (head,) = await store.heads()
    assert (head.epoch, head.seen_epoch, head.seen_generation) == (1, 7, 40)
    leadership = await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert leadership is not None
    assert leadership.epoch == 8
    with pytest.raises(LeadershipLost):
        await store.publish(publication(1, 4, {}))
