"""Every store lets one leader a cell move its head, by compare-and-set, only ever forward."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, publication

from registry.domain.errors import CellFrozen, LeadershipLost
from registry.domain.names import CellName, Epoch, Generation, RegionName
from registry.domain.operation import Fence
from registry.domain.plan import Head
from registry.ports import Freeze, Leadership, Store


async def led(store: Store, node: str = "node-1", cell: CellName = EAST) -> Leadership:
    """Lead a cell that nobody else leads."""
    leadership = await store.lead(cell, EAST_REGION, node, 6.0)
    assert leadership is not None
    return leadership


async def test_the_first_leader_finds_an_empty_head(store: Store) -> None:
    """Epoch 1, generation 0; the cell is known from then on."""
    assert await store.heads() == []
    leadership = await led(store)
    assert leadership == Leadership(
        Epoch(1), Head(EAST, EAST_REGION, Epoch(1), Generation(0), b"", 0, "node-1")
    )
    assert await store.heads() == [leadership.head]


async def test_a_cell_begins_with_a_head_that_nobody_leads(store: Store) -> None:
    """So that it can be looked at and frozen before it was ever led; one that is known stays."""
    leadership = await led(store)
    west = CellName("west")
    for _ in range(2):
        await store.begin_cells({EAST: RegionName("elsewhere"), west: EAST_REGION})
        assert await store.heads() == [
            leadership.head,
            Head(west, EAST_REGION, Epoch(0), Generation(0), b"", 0, ""),
        ]
    await store.freeze(Freeze(west, "why", "ann", 5))
    assert (await led(store, cell=west)).epoch == 1
    with pytest.raises(CellFrozen):
        await store.apply([], Fence(west, Epoch(1)))


async def test_a_leader_that_stays_keeps_its_epoch(store: Store) -> None:
    """Leading again is renewing; the epoch rises only when the leader changes."""
    assert (await led(store)).epoch == (await led(store)).epoch == 1
    await store.resign(EAST, "node-1")
    assert (await led(store)).epoch == 2
    await store.resign(EAST, "node-1")
    assert (await led(store, "node-2")).epoch == 3


async def test_only_the_leader_can_resign(store: Store) -> None:
    """Another's farewell, and that of an unknown cell, mean nothing."""
    await led(store)
    await store.resign(EAST, "node-2")
    await store.resign(CellName("none"), "node-1")
    assert (await led(store)).epoch == 1


async def test_a_publication_moves_the_head(store: Store) -> None:
    """To the record's generation and digest; the record is read back as it was."""
    await led(store)
    first = publication(1, 0, {"prod/web": b"1"})
    assert await store.publish(first)
    (head,) = await store.heads()
    assert (head.generation, head.digest) == (1, first.record.digest)
    assert head.publish_time_ms == first.record.create_time_ms
    assert await store.list_plans(EAST, None, 10) == [first.record]
    assert (await led(store)).head == head


async def test_a_publication_with_another_parent_loses(store: Store) -> None:
    """It changes nothing and can be made anew (I2)."""
    await led(store)
    assert await store.publish(publication(1, 0, {"prod/web": b"1"}))
    assert not await store.publish(publication(1, 0, {"prod/web": b"other"}))
    assert not await store.publish(publication(1, 5, {"prod/web": b"other"}))
    (head,) = await store.heads()
    assert head.generation == 1
    plan = await store.read_plan(EAST, Generation(1))
    assert plan is not None
    assert plan[1] == {"prod/web": b"1"}


async def test_an_old_leader_cannot_publish(store: Store) -> None:
    """Its epoch is past, whatever it believes (I3)."""
    await led(store)
    await store.resign(EAST, "node-1")
    await led(store, "node-2")
    with pytest.raises(LeadershipLost):
        await store.publish(publication(1, 0, {}))
    with pytest.raises(LeadershipLost):
        await store.publish(publication(1, 0, {}, cell=CellName("none")))
    assert [head.generation for head in await store.heads()] == [0]


async def test_a_generation_is_its_base_and_the_deltas_since(store: Store) -> None:
    """With a base in the chain or without, every generation reads as it was published."""
    await led(store)
    wanted = [
        {"p/a": b"1"},
        {"p/a": b"1", "p/b": b"2"},
        {"p/b": b"3", "p/c": b""},
        {"p/b": b"3", "p/c": b"", "p/d": b"\x00\xff"},
    ]
    steps = [
        publication(1, 0, {"p/a": b"1"}),
        publication(1, 1, {"p/b": b"2"}),
        publication(1, 2, {"p/b": b"3", "p/c": b""}, ("p/a",), base=wanted[2]),
        publication(1, 3, {"p/d": b"\x00\xff"}),
    ]
    for step in steps:
        assert await store.publish(step)
    for step, entries in zip(steps, wanted, strict=True):
        assert await store.read_plan(EAST, step.record.generation) == (step.record, entries)
    assert await store.read_plan(EAST, Generation(0)) is None
    assert await store.read_plan(EAST, Generation(5)) is None
    assert await store.read_plan(CellName("none"), Generation(1)) is None


async def test_deltas_follow_each_other_without_a_gap(store: Store) -> None:
    """From any kept generation to the head, as many as asked for."""
    await led(store)
    steps = [publication(1, parent, {"p/a": bytes([parent])}, ("p/b",)) for parent in range(4)]
    for step in steps:
        await store.publish(step)
    wanted = [(step.record, step.delta) for step in steps]
    assert list(await store.deltas_after(EAST, Generation(0), 10)) == wanted
    assert list(await store.deltas_after(EAST, Generation(1), 2)) == wanted[1:3]
    assert list(await store.deltas_after(EAST, Generation(4), 10)) == []
    assert list(await store.deltas_after(EAST, Generation(9), 10)) == []
    assert list(await store.deltas_after(CellName("none"), Generation(0), 10)) == []


async def test_plans_are_listed_newest_first(store: Store) -> None:
    """Page by page, each cell for itself."""
    await led(store)
    await led(store, cell=CellName("west"))
    for parent in range(4):
        await store.publish(publication(1, parent, {}))
    await store.publish(publication(1, 0, {}, cell=CellName("west")))
    assert [p.generation for p in await store.list_plans(EAST, None, 3)] == [4, 3, 2]
    assert [p.generation for p in await store.list_plans(EAST, Generation(2), 3)] == [1]
    assert [head.cell for head in await store.heads()] == ["east", "west"]


async def test_a_record_that_contradicts_itself_is_a_programming_error(store: Store) -> None:
    """A generation not above its parent, or made under another fence, moves nothing (I1)."""
    await led(store)
    good = publication(1, 0, {})
    for record in (
        replace(good.record, generation=Generation(0)),
        replace(good.record, epoch=Epoch(2)),
        replace(good.record, cell=CellName("west")),
    ):
        with pytest.raises(ValueError):
            await store.publish(replace(good, record=record))
    assert [head.generation for head in await store.heads()] == [0]
    assert await store.publish(good)
