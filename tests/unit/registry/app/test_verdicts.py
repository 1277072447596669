"""Verdicts are stored at once, unless they never end; and a newcomer waits for nobody (I25)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from instance_node import GatedStore
from publication_node import CART, PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.committer import Committed, Committer
from registry.app.lead import Lead
from registry.app.mirror import Mirror
from registry.app.verdicts import GROUP_LIMIT, Verdict, Verdicts
from registry.domain.health import Evidence, Health
from registry.domain.names import CellName, Incarnation, InstanceId, InstanceKey, Revision
from registry.domain.operation import Done, Judge
from registry.domain.promptness import SIZE

CROWD = 60


class Counted(GatedStore):
    """Counts the transactions in which verdicts were stored, and the generations."""

    judged = published = 0

    async def apply(self, operations, fence=None, tally=None):  # type: ignore[no-untyped-def]  # as above it
        self.judged += fence is not None
        return await super().apply(operations, fence, tally)

    async def publish(self, publication):  # type: ignore[no-untyped-def]  # as above it
        self.published += 1
        return await super().publish(publication)


@pytest.fixture
def store(clock: ManualClock) -> Counted:
    return Counted(clock)


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
    assert 2 <= store.judged <= SIZE.capacity


class Committing:
    """Takes groups, and remembers when each came, and how large."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.groups: list[tuple[float, int]] = []

    async def submit_all(self, group: Sequence[Verdict], _fence: object) -> Committed:
        self.groups.append((self._clock.monotonic(), len(group)))
        return Committed((Done(None),) * len(group), Revision(1))


def fallen(number: int) -> Judge:
    """What is found of one that was well."""
    key = InstanceKey(*CART, InstanceId(f"i{number}"))
    return Judge(key, Incarnation("u"), Health.UNHEALTHY, Evidence.REFUSED)


async def test_what_gathered_in_a_second_is_stored_at_once_however_much(
    clock: ManualClock,
) -> None:
    """A region that falls after an hour of flapping does not leave by a group a second."""
    committing = Committing(clock)
    verdicts = Verdicts(
        cast("Committer", committing),
        clock,
        CellName("eu"),
        cast("Lead", SimpleNamespace(fence=None)),
        cast("Mirror", SimpleNamespace(instances={})),
    )
    running = asyncio.create_task(verdicts.run())
    for number in range(int(SIZE.capacity)):
        verdicts.add(fallen(number))
        await clock.advance(0.001)
    assert len(committing.groups) == SIZE.capacity
    committing.groups.clear()
    for number in range(5 * GROUP_LIMIT):
        verdicts.add(fallen(number))
    await clock.advance(1.0)
    assert [size for _, size in committing.groups] == [GROUP_LIMIT] * 5
    assert len({at for at, _ in committing.groups}) == 1
    # what comes after them gathers again
    for number in range(3):
        verdicts.add(fallen(number))
        await clock.advance(0.1)
    assert len(committing.groups) == 5
    await clock.advance(1.0)
    assert [size for _, size in committing.groups[5:]] == [3]
    running.cancel()
    await asyncio.wait({running})
