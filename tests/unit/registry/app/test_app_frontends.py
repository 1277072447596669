"""What frontends say, and what is made of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from publication_node import CELLS, EU, FRONTEND, following

from registry.adapters.clock import ManualClock
from registry.adapters.store.memory import MemoryStore
from registry.app import frontends as module
from registry.app.frontends import ALIVE_SECONDS, Frontends
from registry.app.plan_feed import PlanFeed
from registry.app.uptime import Uptime
from registry.app.verification import LATE_SECONDS, Verification
from registry.domain.digest import DigestTree
from registry.domain.errors import CellNotFound, InvalidField, Overloaded
from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName
from registry.domain.plan import PlanDelta
from registry.domain.publication import first_record
from registry.ports import Acknowledgement

HEAD = first_record(EU, Epoch(1), Generation(5), DigestTree().value)


class Hall:
    """One node's frontends, with a head that a test moves."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.feed = PlanFeed(self.store, clock, Uptime(clock), {EU: CELLS[EU]})
        self.frontends = Frontends(self.store, self.feed, clock, Uptime(clock))
        self.verification = Verification(EU, self.feed, self.frontends, clock)
        self.feed.adopt(HEAD, {})

    def publish(self) -> None:
        at = self.feed.head(EU)
        assert at is not None
        above = Generation(at.generation + 1)
        record = replace(at, generation=above, parent_generation=at.generation)
        assert self.feed.publish(record, PlanDelta({}))

    async def say(
        self,
        generation: int,
        refusal: str = "",
        frontend: str = "dns-1",
        cell: str = "eu",
        epoch: int = 1,
    ) -> None:
        await self.frontends.acknowledge(
            Acknowledgement(
                FrontendId(frontend),
                RegionName("eu"),
                CellName(cell),
                Epoch(epoch),
                Generation(generation),
                refusal,
                self.clock.unix_ms(),
            )
        )


@pytest.fixture
async def hall(clock: ManualClock) -> AsyncIterator[Hall]:
    one = Hall(clock)
    task = asyncio.create_task(one.frontends.run())
    yield one
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_words_reach_the_store_in_groups_and_only_forward(
    hall: Hall, clock: ManualClock
) -> None:
    for generation in (3, 5, 4):
        await hall.say(generation)
    await hall.say(2, frontend="dns-2")
    assert await hall.store.frontends() == []
    await clock.advance(0.2)
    said = {record.id: record.cells[0].generation for record in await hall.store.frontends()}
    assert said == {"dns-1": 5, "dns-2": 2}
    assert hall.frontends.applied(EU)[FRONTEND].generation == 5


async def test_a_refusal_is_kept_beside_what_is_applied(hall: Hall, clock: ManualClock) -> None:
    await hall.say(3)
    await hall.say(4, refusal="it would empty a name")
    await clock.advance(0.2)
    (cell,) = (await hall.store.frontends())[0].cells
    assert (cell.generation, cell.refused_generation) == (3, 4)
    assert cell.refusal == "it would empty a name"
    assert hall.frontends.applied(EU)[FRONTEND].generation == 3


async def test_a_generation_that_no_head_has_reached_is_not_believed(hall: Hall) -> None:
    with pytest.raises(InvalidField) as caught:
        await hall.say(6)
    assert caught.value.violations[0].field == "generation"
    hall.publish()
    await hall.say(6)
    assert hall.frontends.applied(EU)[FRONTEND].generation == 6


async def test_an_epoch_that_no_head_has_had_is_not_believed(hall: Hall) -> None:
    """Believed once, it would outrank every true word of that frontend for ever."""
    with pytest.raises(InvalidField) as caught:
        await hall.say(5, epoch=2**62)
    assert [violation.field for violation in caught.value.violations] == ["epoch"]
    await hall.say(4)
    assert hall.frontends.applied(EU)[FRONTEND].epoch == 1


async def test_a_cell_that_is_not_ours_is_said_so(hall: Hall) -> None:
    with pytest.raises(CellNotFound):
        await hall.say(1, cell="elsewhere")


async def test_frontends_without_end_are_shed(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRONTEND_LIMIT", 2)
    for name in ("a", "b", "a"):
        await hall.say(1, frontend=name)
    with pytest.raises(Overloaded):
        await hall.say(1, frontend="c")


async def test_while_the_store_is_away_words_are_kept(hall: Hall, clock: ManualClock) -> None:
    await hall.say(1)
    hall.store.outage = True
    await clock.advance(5.0)
    await hall.say(2)
    hall.store.outage = False
    await clock.advance(2.0)
    assert (await hall.store.frontends())[0].cells[0].generation == 2


async def test_a_watching_frontend_with_nothing_to_say_is_known_to_be_alive(
    hall: Hall, clock: ManualClock
) -> None:
    async with following(hall.feed):
        await hall.say(5)
        await hall.say(5, frontend="gone")
        said_ms = clock.unix_ms()
        await clock.advance(ALIVE_SECONDS + 1.0)
        seen = {record.id: record.seen_ms for record in await hall.store.frontends()}
        assert seen["gone"] == said_ms
        assert seen["dns-1"] >= said_ms + ALIVE_SECONDS * 1000


async def test_a_frontend_that_died_of_a_plan_is_not_told_to_have_applied_it_again(
    hall: Hall, clock: ManualClock
) -> None:
    """It applied the head, died, and refuses it now; that it is alive clears no refusal."""
    async with following(hall.feed):
        await hall.say(5)
        await clock.advance(1.0)
        await hall.say(5, "crashed: it died again and again")
        await clock.advance(2 * ALIVE_SECONDS)
    (frontend,) = await hall.store.frontends()
    (cell,) = frontend.cells
    assert (cell.generation, cell.refused_generation) == (5, 5)
    assert cell.refusal.startswith("crashed")


async def test_the_last_words_are_written_when_the_node_stops(clock: ManualClock) -> None:
    hall = Hall(clock)
    task = asyncio.create_task(hall.frontends.run())
    await clock.advance(0.0)
    await hall.say(4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await hall.store.frontends())[0].cells[0].generation == 4


async def test_a_frontend_that_does_not_follow_is_spoken_of_once_until_it_does(
    hall: Hall, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "registry.app.verification")
    await hall.say(5)
    for _ in range(20):
        hall.publish()
        hall.verification.check()
        await clock.advance(1.0)
    assert [record.getMessage() for record in caplog.records] == ["a frontend does not follow"]
    assert hall.verification.late == {FRONTEND}
    await hall.say(25)
    hall.verification.check()
    assert hall.verification.late == set()
    assert caplog.records[-1].getMessage() == "a frontend has caught up"


async def test_a_frontend_that_follows_a_moving_head_is_never_late(
    hall: Hall, clock: ManualClock
) -> None:
    for generation in range(5, 5 + 3 * round(LATE_SECONDS)):
        hall.publish()
        await hall.say(generation)
        hall.verification.check()
        await clock.advance(1.0)
    assert hall.verification.late == set()
