"""What a leader grants of removals is the next leader's too, and people hear of what is held."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from instance_node import GatedStore
from plan_samples import endpoint, entry, plan
from publication_node import CART, EU, PublicationNode, running

from registry import telemetry
from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.removals import Removals
from registry.app.uptime import Uptime
from registry.domain.cell_plan import Entry
from registry.domain.health import Evidence, Health
from registry.domain.names import CellName, Generation
from registry.domain.plan import Hold
from registry.domain.velocity import Reason
from registry.ports import Leadership


@pytest.fixture
async def node(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> AsyncIterator[PublicationNode]:
    async with running(PublicationNode(store, clock, prober)) as one:
        await clock.advance(0.1)
        yield one


def gone(node: PublicationNode) -> int:
    planned = node.planned()
    assert planned is not None
    return sum(e.health is Health.UNHEALTHY and e.hold is None for e in planned.endpoints)


async def silent(node: PublicationNode, clock: ManualClock, prober: ScriptedProber) -> None:
    """A name of ten, all of which stop to answer."""
    for number in range(10):
        await node.register(
            f"i{number}", port=80, ttl_seconds=300.0, addresses=(f"10.0.0.{number + 1}",)
        )
    await clock.advance(6.0)
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.TIMEOUT)


async def test_leaders_that_come_and_go_take_no_more_out_than_one_that_stays(
    node: PublicationNode, store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    """I8: each new one would have a budget of its own, and a day's peak of what is left."""
    await silent(node, clock, prober)
    await clock.advance(20.0)
    assert gone(node) == 1
    for name in "bcdefgh":
        await node.stop()
        node = PublicationNode(store, clock, prober, name=name)
        async with running(node):
            await clock.advance(12.0)
            assert gone(node) <= 1 + (ord(name) - ord("a")), name
    async with running(PublicationNode(store, clock, prober, name="last")) as node:
        await clock.advance(250.0)
        assert gone(node) == 5, "half of the peak that the first leader saw"


async def test_a_second_leader_grants_nothing_while_the_firsts_window_lasts(
    node: PublicationNode, store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    await silent(node, clock, prober)
    await clock.advance(12.0)
    assert gone(node) == 1
    await node.stop()
    async with running(PublicationNode(store, clock, prober, name="b")) as second:
        await clock.advance(15.0)
        assert gone(second) == 1
        await clock.advance(30.0)
        assert gone(second) == 2


async def test_heartbeats_and_changes_that_take_nothing_out_write_no_records(
    node: PublicationNode, store: GatedStore, clock: ManualClock
) -> None:
    for number in range(10):
        await node.register(f"i{number}")
    await clock.advance(10.0)
    assert await store.tracks(EU) == {}


async def test_records_that_cannot_be_read_stop_nobody(
    node: PublicationNode,
    store: GatedStore,
    clock: ManualClock,
    prober: ScriptedProber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I10."""

    async def damaged(self: GatedStore, cell: CellName) -> object:
        raise LookupError("no such table")

    await node.stop()
    monkeypatch.setattr(GatedStore, "tracks", damaged)
    async with running(PublicationNode(store, clock, prober, name="b")) as second:
        await second.register("i1")
        await clock.advance(1.0)
        assert second.standing() == {"i1": "healthy lease_renewed"}


async def test_a_store_that_is_away_when_they_are_read_is_waited_for(
    node: PublicationNode,
    store: GatedStore,
    clock: ManualClock,
    prober: ScriptedProber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await silent(node, clock, prober)
    await clock.advance(12.0)
    await node.stop()
    lead = GatedStore.lead

    async def lead_and_go_away(self: GatedStore, *given: Any) -> Leadership | None:
        leadership = await lead(self, *given)
        store.outage = True
        return leadership

    monkeypatch.setattr(GatedStore, "lead", lead_and_go_away)
    second = PublicationNode(store, clock, prober, name="b")
    await second.mirror.load()
    async with running(second):
        await clock.advance(1.0)
        monkeypatch.setattr(GatedStore, "lead", lead)
        store.outage = False
        await clock.advance(14.0)
        assert gone(second) == 1


class Told:
    """What the gauge and the counter were last told."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.breaches = 0

    def set(self, value: int, attributes: dict[str, str]) -> None:
        self.held[attributes["reason"]] = value

    def add(self, value: int, attributes: dict[str, str]) -> None:
        self.breaches += value


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    one = Told()
    monkeypatch.setattr(telemetry, "removals_held", one)
    monkeypatch.setattr(telemetry, "velocity_breaches", one)
    return one  # type: ignore[return-value]  # a fixture without an end


def holding(*reasons: Reason, service: str = "cart") -> dict[str, Entry | None]:
    endpoints = [endpoint(f"i{n}", hold=Hold(reason, 1)) for n, reason in enumerate(reasons)]
    return {f"shop/{service}": entry(plan(*endpoints, endpoint("well")))}


async def test_one_alert_is_raised_when_a_cell_begins_to_hold_and_one_word_said_at_the_end(
    store: GatedStore, clock: ManualClock, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """Every row of `published`."""
    caplog.set_level(logging.WARNING)
    removals = Removals(EU, store, clock, Uptime(clock))
    removals.published(holding(), Generation(1))
    assert (told.breaches, caplog.records) == (0, [])
    removals.published(holding(Reason.NAME_BUDGET, Reason.NAME_BUDGET), Generation(2))
    removals.published(holding(Reason.CELL_FLOOR, service="other"), Generation(3))
    assert (told.held["name_budget"], told.held["cell_floor"]) == (2, 1)
    assert told.breaches == 1
    (said,) = caplog.records
    assert said.levelname == "ERROR"
    assert (said.cell, said.entry, said.generation) == (EU, CART.entry, 2)  # type: ignore[attr-defined]  # given as `extra`
    removals.published({"shop/other": None}, Generation(4))
    assert (told.held["name_budget"], told.held["cell_floor"]) == (2, 0)
    removals.published(holding(Reason.KEPT), Generation(5))
    assert told.held == {reason.value: 0 for reason in Reason} | {"kept": 1}
    assert [each.levelname for each in caplog.records] == ["ERROR", "WARNING"]
    removals.published(holding(Reason.NAME_FLOOR), Generation(6))
    assert told.breaches == 2
