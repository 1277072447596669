"""Time in which the registry could not listen ages no lease, whatever the cause (I23).

Each test has instances that beat until the registry is lost, and never again: those who
died with it. No lease may end within a TTL of the moment it could be heard again, and
those that do end then must not end all at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from instance_node import GatedStore
from publication_node import PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.domain.instance import State
from registry.domain.leases import SPREAD
from registry.domain.names import Incarnation

MANY = 40
TTL = 15.0
STEP = 0.25


class Nodes:
    """One node after another on one store."""

    def __init__(self, store: GatedStore, clock: ManualClock, stack: AsyncExitStack) -> None:
        self.store = store
        self.clock = clock
        self._stack = stack

    async def start(self, name: str) -> PublicationNode:
        node = PublicationNode(self.store, self.clock, ScriptedProber(self.clock), name=name)
        await self._stack.enter_async_context(running(node))
        await self.clock.advance(0.1)
        return node

    async def ended(self) -> int:
        state = await self.store.state()
        return sum(each.state is State.EXPIRED for each in state.instances)

    async def fill(self, node: PublicationNode) -> list[Incarnation]:
        return [
            (await node.register(f"i{n}", ttl_seconds=TTL)).instance.incarnation
            for n in range(MANY)
        ]


@pytest.fixture
async def nodes(store: GatedStore, clock: ManualClock) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        yield Nodes(store, clock, stack)


async def all_end_a_ttl_later_and_not_at_once(nodes: Nodes, waited: float = 0.0) -> None:
    """From the moment that the registry could be heard again, `waited` ago."""
    assert await nodes.ended() == 0
    seen = [0]
    while seen[-1] < MANY:
        await nodes.clock.advance(STEP)
        waited += STEP
        seen.append(await nodes.ended())
        assert not (seen[-1] and waited < TTL), f"one ended after {waited} s"
        assert waited < TTL * (1 + SPREAD) + 10.0, "none is kept for ever"
    most = max(after - before for before, after in pairwise(seen))
    assert most < MANY / 2, f"{most} of {MANY} ended within {STEP} s"


async def test_after_a_restart(nodes: Nodes) -> None:
    node = await nodes.start("a")
    await nodes.fill(node)
    await nodes.clock.advance(14.0)
    await node.stop()
    nodes.clock.jump(3600.0)
    await nodes.start("b")
    await all_end_a_ttl_later_and_not_at_once(nodes)


async def test_after_a_change_of_leader(nodes: Nodes) -> None:
    """The second node was there all along, and has heard of no renewal since it started."""
    first = await nodes.start("a")
    await nodes.fill(first)
    await nodes.start("b")
    await nodes.clock.advance(12.0)
    await first.stop()
    await nodes.clock.advance(2.5)
    await all_end_a_ttl_later_and_not_at_once(nodes, 2.5)


async def test_after_a_suspension_of_the_leader(nodes: Nodes) -> None:
    await nodes.fill(await nodes.start("a"))
    await nodes.clock.advance(14.0)
    nodes.clock.jump(3600.0)
    await nodes.clock.advance(0.5)
    await all_end_a_ttl_later_and_not_at_once(nodes, 0.5)


async def test_after_an_outage_of_the_database(nodes: Nodes) -> None:
    await nodes.fill(await nodes.start("a"))
    await nodes.clock.advance(12.0)
    nodes.store.outage = True
    await nodes.clock.advance(600.0)
    nodes.store.outage = False
    await nodes.clock.advance(1.0)
    await all_end_a_ttl_later_and_not_at_once(nodes, 1.0)


async def test_a_renewal_after_it_counts_as_ever(nodes: Nodes) -> None:
    """Who beats on is never ended by what others did not say."""
    node = await nodes.start("a")
    uids = await nodes.fill(node)
    await nodes.clock.advance(12.0)
    nodes.clock.jump(60.0)
    for _ in range(8):
        await nodes.clock.advance(5.0)
        node.keeper.table.renew(uids[0], node.uptime.ceiling())
    assert {e.incarnation for e in node.mirror.instances.values() if e.state is State.ACTIVE} == {
        uids[0]
    }
