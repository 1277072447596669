"""A generation from its parts: whole, in small steps, and bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from feed_samples import LIMITS, body, snapshot, tree

from dns_frontend.feed.assembly import ENTRIES_AT_ONCE, Assemblies, Assembly
from dns_frontend.feed.decode import MalformedMessageError
from sheetanchor.v1 import plan_pb2
from sheetanchor.v1.publication_service_pb2 import PlanBase


def part(*keys: str, octets: bytes | None = None) -> PlanBase:
    return PlanBase(
        entries=[
            plan_pb2.PlanEntry(
                key=key, body=body(key.partition("/")[2]) if octets is None else octets
            )
            for key in keys
        ]
    )


async def test_parts_make_the_tree_that_the_whole_is() -> None:
    """However they are cut."""
    keys = [f"shop/s{number}" for number in range(100)]
    whole = tree({key: body(key.partition("/")[2]) for key in keys})
    for size in (1, 7, 100):
        assembly = Assembly(snapshot(1).position, LIMITS)
        for at in range(0, 100, size):
            await assembly.add(part(*keys[at : at + size]))
        event = await assembly.finish(5.0)
        assert (event.tree.digest, len(event.tree), event.now) == (whole.digest, 100, 5.0)
        assert event.position == snapshot(1).position


async def test_no_parts_are_an_empty_generation() -> None:
    """A cell without services is one."""
    event = await Assembly(snapshot(1).position, LIMITS).finish(0.0)
    assert (len(event.tree), event.tree.digest) == (0, tree({}).digest)


async def test_an_entry_that_comes_twice_is_malformed() -> None:
    """In one part or in two; which of them was meant cannot be known."""
    assembly = Assembly(snapshot(1).position, LIMITS)
    await assembly.add(part("shop/a"))
    with pytest.raises(MalformedMessageError, match="shop/a is there twice"):
        await assembly.add(part("shop/a"))


async def test_too_many_services_are_not_gathered() -> None:
    """The bound itself is allowed (I9)."""
    assembly = Assembly(snapshot(1).position, replace(LIMITS, services=3))
    await assembly.add(part("shop/a", "shop/b", "shop/c"))
    with pytest.raises(MalformedMessageError, match="more than 3 services"):
        await assembly.add(part("shop/d"))


@pytest.mark.parametrize("long", ["bodies", "keys"])
async def test_too_many_octets_are_not_gathered(long: str) -> None:
    """Be they in bodies or, which no honest registry does, in keys (I9)."""
    assembly = Assembly(snapshot(1).position, replace(LIMITS, octets=10_000))
    keys = [f"shop/{n:01000d}" if long == "keys" else f"shop/s{n}" for n in range(11)]
    octets = b"" if long == "keys" else b"x" * 1000
    with pytest.raises(MalformedMessageError, match="10000 octets"):
        await assembly.add(part(*keys, octets=octets))


async def test_others_have_their_turn_between_entries() -> None:
    """A part of many entries does not stop the answering."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assembly = Assembly(snapshot(1).position, LIMITS)
    await assembly.add(part(*(f"shop/s{number}" for number in range(ENTRIES_AT_ONCE * 10))))
    added = turns
    await assembly.finish(0.0)
    task.cancel()
    assert added >= 9
    assert turns - added >= 256 // ENTRIES_AT_ONCE


async def test_a_base_begun_anew_takes_the_place_of_the_one_before() -> None:
    """However many a registry begins and does not end (I9)."""
    assemblies = Assemblies(LIMITS)
    for generation in range(1, 200):
        await assemblies.add("east", snapshot(generation).position, part("shop/a", "shop/b"))
        assert assemblies.octets < 500
    await assemblies.add("east", snapshot(200).position, part("shop/c"))
    assert len(assemblies.take("east")) == 1
    assert assemblies.octets == 0


async def test_what_many_cells_begin_is_no_more_than_one_may_have() -> None:
    """In octets and in entries; the greatest is given up, and the others go on (I9, I20)."""
    limits = replace(LIMITS, octets=20_000)
    assemblies = Assemblies(limits)
    heavy = part("shop/a", "shop/b", octets=b"x" * 6_000)
    assert await assemblies.add("big", snapshot(1, cell="big").position, heavy) == ""
    given_up = []
    for number in range(100):
        cell = f"c{number}"
        light = part("shop/c", octets=b"x" * 3_000)
        given_up.append(await assemblies.add(cell, snapshot(1, cell=cell).position, light))
        assert assemblies.octets <= limits.octets
    assert next(each for each in given_up if each) == "big"
    assemblies = Assemblies(replace(LIMITS, services=3))
    assert await assemblies.add("a", snapshot(1, cell="a").position, part("s/a", "s/b")) == ""
    assert await assemblies.add("b", snapshot(1, cell="b").position, part("s/a", "s/b")) != ""
