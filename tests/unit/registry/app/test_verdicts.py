"""Verdicts are stored at once, unless they never end; and a newcomer waits for nobody (I25)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from instance_node import GatedStore
from publication_node import CART, PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.domain.health import Evidence
from registry.domain.promptness import CAPACITY

CROWD = 60


class Counted(GatedStore):
    """Counts the transactions in which verdicts were stored, and the generations."""

    judged = published = 0

    async def apply(self, operations, fence=None):  # type: ignore[no-untyped-def]  # as above it
        self.judged += fence is not None
        return await super().apply(operations, fence)

    async def publish(self, publication):  # type: ignore[no-untyped-def]  # as above it
        self.published += 1
        return await super().publish(publication)


@pytest.fixture
def store(clock: ManualClock) -> Counted:
    return Counted(clock)


@pytest.fixture
def prober(clock: ManualClock) -> ScriptedProber:
    return ScriptedProber(clock)


@pytest.fixture
async def node(
    store: Counted, clock: ManualClock, prober: ScriptedProber
) -> AsyncIterator[PublicationNode]:
    """With a crowd that was found well, each at an address of its own."""
    async with running(PublicationNode(store, clock, prober)) as one:
        await clock.advance(0.1)
        for number in range(CROWD):
            await one.register(
                f"i{number}", port=80, ttl_seconds=300.0, addresses=(f"10.0.0.{number + 1}",)
            )
        await clock.advance(10.0)
        yield one


async def flap(clock: ManualClock, prober: ScriptedProber, seconds: int) -> None:
    """All are down every other three seconds, some a little before others."""
    for second in range(seconds):
        for tenth in range(10):
            found = Evidence.REFUSED if second // 3 % 2 else Evidence.VALIDATED
            for number in range(tenth, CROWD, 10):
                prober.answer((f"10.0.0.{number + 1}", 80), found)
            await clock.advance(0.1)


async def test_when_all_flap_for_ever_they_are_stored_and_published_by_the_second(
    node: PublicationNode, store: Counted, clock: ManualClock, prober: ScriptedProber
) -> None:
    await flap(clock, prober, 60)
    store.judged = store.published = 0
    await flap(clock, prober, 60)
    assert 5 <= store.judged <= 61
    assert store.published <= 2 * 61


async def test_a_newcomer_is_answered_with_at_once_while_all_others_flap(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    await flap(clock, prober, 60)
    for number in range(3):
        await node.register(f"new{number}", port=81, ttl_seconds=300.0)
        await clock.advance(0.1)
        assert node.standing(CART)[f"new{number}"] == "healthy validated"


async def test_the_first_that_fall_are_taken_out_one_by_one_as_they_are_found(
    node: PublicationNode, store: Counted, clock: ManualClock, prober: ScriptedProber
) -> None:
    await clock.advance(60.0)
    store.judged = 0
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.REFUSED)
    down: list[float] = []
    begun = clock.monotonic()
    while len(down) < 10 and clock.monotonic() - begun < 30.0:
        await clock.advance(0.1)
        now = sum("refused" in each for each in node.standing(CART).values())
        down += [clock.monotonic() - begun] * (now - len(down))
    assert len(down) == 10
    assert 2 <= store.judged <= CAPACITY
