"""A newcomer at an address that another service just left is not answered with at once (I12)."""

from __future__ import annotations

import pytest
from instance_node import GatedStore
from publication_node import CART, PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.domain.names import ServiceId, ServiceKey
from registry.domain.place import DRAIN_SECONDS

OTHER = ServiceKey(CART.namespace, ServiceId("other"))
AT_HOME = {"addresses": ("10.0.0.7",), "port": 80, "ttl_seconds": 300.0}
LOOKED_OVER_SECONDS = 10.0


async def test_an_address_is_the_former_owners_for_the_drain_time_whoever_leads(
    store: GatedStore, clock: ManualClock
) -> None:
    prober = ScriptedProber(clock)
    first = PublicationNode(store, clock, prober, name="a")
    second = PublicationNode(store, clock, prober, name="b")
    async with running(second):
        async with running(first):
            leaving = await first.register("i1", **AT_HOME)
            await first.register("i2", addresses=("10.0.0.8",), port=80, ttl_seconds=300.0)
            await clock.advance(2.0)
            await first.leave(leaving)
            await first.register("new", parent="namespaces/shop/services/other", **AT_HOME)
            await clock.advance(5.0)
            leader = first if first.standing(OTHER) else second
            assert leader.standing(OTHER) == {"new": "unknown none"}
        await clock.advance(10.0)
        assert second.standing(OTHER) == {"new": "unknown none"}
        await clock.advance(DRAIN_SECONDS + LOOKED_OVER_SECONDS - 15.0)
        assert second.standing(OTHER) == {"new": "healthy validated"}


@pytest.mark.parametrize("departs", ["leaves", "drains", "is replaced elsewhere"])
async def test_a_registry_that_begins_knows_who_left_before_that(
    store: GatedStore, clock: ManualClock, departs: str
) -> None:
    async with running(PublicationNode(store, clock, ScriptedProber(clock), name="a")) as node:
        leaving = await node.register("i1", **AT_HOME)
        await node.register("i2", addresses=("10.0.0.8",), port=80, ttl_seconds=300.0)
        await clock.advance(2.0)
        match departs:
            case "leaves":
                await node.leave(leaving)
            case "drains":
                instance = leaving.instance
                await node.registrar.drain(instance.key, instance.incarnation)
            case _:
                elsewhere = AT_HOME | {"addresses": ("10.0.0.9",)}
                await node.register("i1", **elsewhere)
        await clock.advance(10.0)
    async with running(PublicationNode(store, clock, ScriptedProber(clock), name="b")) as node:
        await node.register("new", parent="namespaces/shop/services/other", **AT_HOME)
        await clock.advance(5.0)
        assert node.standing(OTHER) == {"new": "unknown none"}
        await clock.advance(DRAIN_SECONDS + LOOKED_OVER_SECONDS - 15.0)
        assert node.standing(OTHER) == {"new": "healthy validated"}


async def test_its_own_service_may_come_back_at_once(store: GatedStore, clock: ManualClock) -> None:
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as node:
        await node.leave(await node.register("i1", **AT_HOME))
        await node.register("i2", **AT_HOME)
        await clock.advance(2.0)
        assert node.standing() == {"i2": "healthy validated"}
