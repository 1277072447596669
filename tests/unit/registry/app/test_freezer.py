"""A cell's automation stands still while somebody holds the switch (I40)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from instance_node import GatedStore
from publication_node import EU, PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.domain.names import CellName
from registry.ports import ALL_CELLS, Freeze


@pytest.fixture
async def node(store: GatedStore, clock: ManualClock) -> AsyncIterator[PublicationNode]:
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as one:
        await clock.advance(0.1)
        yield one


@pytest.mark.parametrize("text", ["", "eu\n", "us\n eu \n", "all\n", "mars\nall\n"])
async def test_a_file_stops_a_cell_within_a_second_and_its_absence_starts_it(
    node: PublicationNode, clock: ManualClock, text: str
) -> None:
    await node.register("i1")
    await clock.advance(0.1)
    at = node.generation
    node.freeze_file = text
    await clock.advance(0.5)
    assert not node.reconcilers[EU].is_leading
    await node.register("i2")
    await clock.advance(60.0)
    assert node.generation == at
    node.freeze_file = None
    await clock.advance(5.0)
    assert node.generation > at
    assert set(node.standing()) == {"i1", "i2"}


async def test_a_file_for_another_cell_stops_nothing(
    node: PublicationNode, clock: ManualClock
) -> None:
    node.freeze_file = "us\n"
    await clock.advance(1.0)
    assert node.reconcilers[EU].is_leading


@pytest.mark.parametrize(
    ("text", "where"),
    [("", "freeze"), ("eu\n", "freeze"), ("us\nall\n", "freeze"), ("us\n", ""), (None, "")],
)
async def test_who_looks_at_a_cell_is_told_of_the_file_that_stops_it(
    node: PublicationNode, clock: ManualClock, text: str | None, where: str
) -> None:
    """Of cells of this node alone: it knows of no other node's file."""
    node.freeze_file = text
    await clock.advance(0.5)
    assert node.freezer.file_of(EU) == where
    assert node.freezer.file_of(CellName("mars")) == ""


async def test_a_freeze_in_the_database_is_no_file(
    node: PublicationNode, clock: ManualClock, store: GatedStore
) -> None:
    """Each is lifted in its own way."""
    await store.freeze(Freeze(EU, "why", "ann", 1))
    await clock.advance(1.0)
    assert node.freezer.reason(EU) == "why"
    assert node.freezer.file_of(EU) == ""


async def test_a_name_in_the_file_that_is_no_cell_here_is_told_once(
    node: PublicationNode, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Who misspelt a cell believes that it stands still."""

    def told() -> list[str]:
        return [vars(each)["names"] for each in caplog.records if "no cell" in each.message]

    node.freeze_file = "eu\nue\n"
    await clock.advance(1.0)
    assert not node.reconcilers[EU].is_leading
    assert told() == ["ue"]
    node.freeze_file = "eu\n"
    await clock.advance(1.0)
    assert told() == ["ue"]
    node.freeze_file = "ue\n"
    await clock.advance(1.0)
    assert told() == ["ue", "ue"]


async def test_a_file_needs_no_database(
    node: PublicationNode, clock: ManualClock, store: GatedStore
) -> None:
    store.outage = True
    node.freeze_file = ""
    await clock.advance(1.0)
    assert node.freezer.reason(EU)
    assert not node.reconcilers[EU].is_leading


async def test_a_file_that_cannot_be_read_holds(node: PublicationNode, clock: ManualClock) -> None:
    """Somebody put it there: doubt stops, it does not start (I39)."""

    def fail() -> str:
        raise PermissionError("no")

    node.freezer._read_file = fail
    await clock.advance(0.5)
    assert node.freezer.reason(EU)


@pytest.mark.parametrize("scope", [str(EU), ALL_CELLS])
async def test_a_freeze_in_the_database_stops_a_cell(
    node: PublicationNode, clock: ManualClock, store: GatedStore, scope: str
) -> None:
    """At once where it is written, and within a second everywhere."""
    at = node.generation
    await store.freeze(Freeze(scope, "why", "ann", 1))
    await node.register("i1")
    await clock.advance(1.0)
    assert node.generation == at
    assert not node.reconcilers[EU].is_leading
    await store.unfreeze(scope)
    await clock.advance(10.0)
    assert set(node.standing()) == {"i1"}


async def test_leases_do_not_end_while_frozen(node: PublicationNode, clock: ManualClock) -> None:
    """Expiry is a decision of the automation as well."""
    await node.register("i1", ttl_seconds=2.0)
    await clock.advance(0.1)
    node.freeze_file = ""
    await clock.advance(60.0)
    (instance,) = node.mirror.instances.values()
    assert instance.health.value == "healthy"
