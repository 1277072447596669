"""A service that is too large is published in part, goes on changing, and people hear of it."""

from __future__ import annotations

import logging

import pytest
from instance_node import GatedStore
from plan_samples import endpoint, entry, plan
from publication_node import CART, EU, PublicationNode, running

from registry import telemetry
from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.omissions import Omissions
from registry.domain.cell_plan import Entry
from registry.domain.guard import Limits


async def test_a_service_that_came_past_the_door_is_published_in_part_and_departures_go_through(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    """What another version, or a hand, wrote into the database freezes no name (I9, I10).

    The node's door knows wider bounds than its plans, so that more is stored than has room.
    """
    limits = Limits(endpoints_per_service=3)
    node = PublicationNode(store, clock, prober, limits=limits)
    async with running(node):
        await clock.advance(0.1)
        there = {f"i{n}": await node.register(f"i{n}") for n in range(5)}
        await clock.advance(1.0)
        first = node.planned()
        assert first is not None
        assert (len(first.endpoints), first.omitted) == (3, 2)
        assert node.reconcilers[EU].publisher.refused == {}
        stood = set(node.standing())
        for left, name in enumerate(sorted(stood), start=1):
            await node.leave(there[name])
            await clock.advance(1.0)
            planned = node.planned()
            assert planned is not None
            assert name not in node.standing()
            assert (len(planned.endpoints), planned.omitted) == (
                min(3, 5 - left),
                max(0, 2 - left),
            )
        assert set(node.standing()) == there.keys() - stood


async def test_the_next_leader_makes_the_same_choice_and_publishes_nothing(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    limits = Limits(endpoints_per_service=3)
    async with running(PublicationNode(store, clock, prober, limits=limits)) as node:
        await clock.advance(0.1)
        for number in range(5):
            await node.register(f"i{number}", ttl_seconds=300.0)
        await clock.advance(1.0)
        stood, generation = node.standing(), node.generation
    async with running(PublicationNode(store, clock, prober, name="b", limits=limits)) as node:
        await clock.advance(30.0)
        assert (node.standing(), node.generation) == (stood, generation)


def test_what_is_left_out_is_said_once_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[tuple[int, object]] = []

    class Gauge:
        def set(self, value: int, attributes: object) -> None:
            counted.append((value, attributes))

    monkeypatch.setattr(telemetry, "endpoints_omitted", Gauge())
    omissions = Omissions(EU)
    cart = CART.entry
    cut, less = (entry(plan(endpoint(), omitted=number)) for number in (3, 2))
    whole = entry(plan(endpoint()))
    steps: list[tuple[dict[str, Entry | None], int, str]] = [
        ({cart: whole}, 0, ""),
        ({cart: cut}, 3, "ERROR"),
        ({cart: less}, 2, ""),
        ({"shop/other": cut}, 5, "ERROR"),
        ({cart: whole}, 3, "WARNING"),
        ({"shop/other": None}, 0, "WARNING"),
    ]
    for entries, count, level in steps:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            omissions.published(entries)
        assert counted.pop() == (count, {"cell": EU})
        assert [record.levelname for record in caplog.records] == ([level] if level else [])
    omissions.align({cart: cut})
    omissions.align({"shop/other": less})
    assert counted[-1] == (2, {"cell": EU})
