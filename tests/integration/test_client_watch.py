"""Following services through breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from scripted_registry import BUSY, COMPACTED, INVALID, ScriptedRegistry

from sheetanchor.client import (
    Backoff,
    Changes,
    Checkpoint,
    Interrupted,
    InvalidRequest,
    RegistryUnreachable,
    Snapshot,
    resolve,
    watch,
)
from sheetanchor.v1.discovery_service_pb2 import Change, WatchServicesResponse
from sheetanchor.v1.instance_pb2 import Instance

QUICK = Backoff(base_seconds=0.02, ceiling_seconds=0.1)


@pytest.fixture
async def registry() -> AsyncIterator[ScriptedRegistry]:
    """A registry whose watches are scripted."""
    scripted = await ScriptedRegistry().start()
    yield scripted
    await scripted.stop()


def part(name: str, revision: int, complete: bool) -> WatchServicesResponse:
    return WatchServicesResponse(
        revision=revision,
        snapshot=WatchServicesResponse.Snapshot(instances=[Instance(name=name)], complete=complete),
    )


def change(name: str, revision: int) -> WatchServicesResponse:
    return WatchServicesResponse(
        revision=revision,
        changes=WatchServicesResponse.Changes(
            changes=[Change(revision=revision, instance=Instance(name=name))]
        ),
    )


async def test_a_watch_begins_with_one_snapshot_and_goes_on_with_changes(
    registry: ScriptedRegistry,
) -> None:
    checkpoint = WatchServicesResponse(revision=9, checkpoint=WatchServicesResponse.Checkpoint())
    registry.watches = [[part("a", 7, False), part("b", 7, True), change("c", 8), checkpoint]]
    events = watch(namespace="shop", service="cart", registries=registry.address)
    first, second, third = [await anext(events) for _ in range(3)]
    assert isinstance(first, Snapshot)
    assert [i.name for i in first.instances] == ["a", "b"]
    assert isinstance(second, Changes)
    assert (second.changes[0].instance.name, second.revision) == ("c", 8)
    assert third == Checkpoint(9)
    assert registry.watch_requests[0].parent == "namespaces/shop/services/cart"


async def test_a_broken_watch_is_resumed_where_it_broke(registry: ScriptedRegistry) -> None:
    registry.watches = [[part("a", 7, True), change("b", 8), BUSY], [change("c", 9)]]
    events = watch(registries=registry.address, backoff=QUICK)
    async with asyncio.timeout(30):
        kinds = [type(await anext(events)) for _ in range(4)]
    assert kinds == [Snapshot, Changes, Interrupted, Changes]
    assert [request.start_revision for request in registry.watch_requests] == [0, 8]


async def test_a_revision_no_longer_kept_begins_anew_with_a_snapshot(
    registry: ScriptedRegistry,
) -> None:
    registry.watches = [[COMPACTED], [part("a", 70, True)]]
    events = watch(registries=registry.address, start_revision=5, backoff=QUICK)
    async with asyncio.timeout(30):
        event = await anext(events)
    assert isinstance(event, Snapshot)
    assert [request.start_revision for request in registry.watch_requests] == [5, 0]


async def test_a_watch_goes_on_at_the_next_node(registry: ScriptedRegistry) -> None:
    other = await ScriptedRegistry().start()
    registry.watches = [[part("a", 7, True)]]
    other.watches = [[change("b", 8)]]
    events = watch(registries=[registry.address, other.address], backoff=QUICK)
    async with asyncio.timeout(30):
        await anext(events)
        await registry.stop()
        assert isinstance(await anext(events), Interrupted)
        assert isinstance(await anext(events), Changes)
    assert other.watch_requests[0].start_revision == 7
    await other.stop()


async def test_a_snapshot_cut_in_the_middle_is_never_shown(registry: ScriptedRegistry) -> None:
    registry.watches = [[part("half", 7, False), BUSY], [part("whole", 8, True)]]
    events = watch(registries=registry.address, backoff=QUICK)
    async with asyncio.timeout(30):
        assert isinstance(await anext(events), Interrupted)
        event = await anext(events)
    assert isinstance(event, Snapshot)
    assert [i.name for i in event.instances] == ["whole"]


async def test_what_no_retry_can_help_is_raised(registry: ScriptedRegistry) -> None:
    registry.watches = [[INVALID]]
    with pytest.raises(InvalidRequest):
        await anext(watch(registries=registry.address))


async def test_resolving_says_who_was_asked_when_nobody_answers() -> None:
    with pytest.raises(RegistryUnreachable) as caught:
        await resolve("cart", registries="127.0.0.1:1,127.0.0.1:2", timeout=1)
    assert caught.value.registries == ("127.0.0.1:1", "127.0.0.1:2")
