"""The writer's thread: in groups, in order, and never longer than patience lasts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from feed_samples import LIMITS, load, snapshot
from registry_site import eventually

from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.scribe import Scribe
from dns_frontend.plan.cell import Snapshot

DEADLINE_SECONDS = 60.0


class Disk(LastKnownGood):
    """A real one that can be stopped, and made to fail."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, LIMITS)
        self.open()
        self.may_go = threading.Event()
        self.may_go.set()
        self.broken: dict[str, Exception] = {}
        """What goes wrong, by cell."""
        self.deeds: list[tuple[str, int]] = []
        self.begun = 0
        self.inside = 0

    def write(self, snapshot: Snapshot) -> Snapshot | None:
        self.begun += 1
        self.inside += 1
        assert self.inside == 1, "the directory is not thread-safe"
        try:
            assert self.may_go.wait(DEADLINE_SECONDS)
            if error := self.broken.get(snapshot.position.cell):
                raise error
            placed = super().write(snapshot)
            self.deeds.append((snapshot.position.cell, snapshot.position.generation))
            return placed
        finally:
            self.inside -= 1

    def write_standings(self, standings: Mapping[str, Any]) -> None:
        super().write_standings(standings)
        self.deeds.append(("standings", len(standings)))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@asynccontextmanager
async def writing(
    disk: Disk, patience_seconds: float = DEADLINE_SECONDS, retry_seconds: float = 0.01
) -> AsyncIterator[Scribe]:
    scribe = Scribe(disk, "f", patience_seconds=patience_seconds, retry_seconds=retry_seconds)
    task = asyncio.create_task(scribe.run())
    try:
        yield scribe
    finally:
        disk.may_go.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await scribe.close(DEADLINE_SECONDS)
        disk.close()


async def test_what_is_kept_is_on_disk(disk: Disk, tmp_path: Path) -> None:
    """Waiting ends when it is durable, not before."""
    async with writing(disk) as scribe:
        await scribe.keep([snapshot(1)])
        assert disk.deeds == [("east", 1)]
        assert not scribe.failing
    recovered = load(tmp_path).snapshot
    assert recovered is not None
    assert recovered.position == snapshot(1).position


async def test_while_one_group_is_written_the_next_gathers(disk: Disk) -> None:
    """Of which the newest of each cell is written, once, for all who wait."""
    async with writing(disk) as scribe:
        disk.may_go.clear()
        keeping = [asyncio.create_task(scribe.keep([snapshot(1)]))]
        await eventually(lambda: disk.begun == 1)
        keeping += [asyncio.create_task(scribe.keep([snapshot(at)])) for at in (2, 3, 4)]
        keeping.append(asyncio.create_task(scribe.keep([snapshot(1, cell="west")])))
        await asyncio.sleep(0)
        scribe.keep_standings({"a/b": {}, "a/c": {}})
        scribe.keep_standings({"a/b": {}})
        assert not any(task.done() for task in keeping)
        disk.may_go.set()
        await asyncio.gather(*keeping)
        assert disk.deeds == [("east", 1), ("east", 4), ("west", 1), ("standings", 1)]


async def test_a_group_waits_for_its_own_write_not_for_the_one_before(disk: Disk) -> None:
    """What came while the disk was busy is not durable when that is done."""
    async with writing(disk) as scribe:
        disk.may_go.clear()
        first = asyncio.create_task(scribe.keep([snapshot(1)]))
        await eventually(lambda: disk.begun == 1)
        second = asyncio.create_task(scribe.keep([snapshot(2)]))
        second.add_done_callback(lambda _: seen.extend(disk.deeds))
        seen: list[tuple[str, int]] = []
        disk.may_go.set()
        await asyncio.gather(first, second)
        assert seen == [("east", 1), ("east", 2)]


async def test_a_disk_that_hangs_is_waited_for_once_and_no_longer_than_patience(
    disk: Disk,
) -> None:
    """Then there is an alarm, and nothing waits any more until it works again (I15)."""
    async with writing(disk, patience_seconds=0.05) as scribe:
        disk.may_go.clear()
        async with asyncio.timeout(30):
            await scribe.keep([snapshot(1)])
        assert scribe.failing
        for at in range(2, 50):
            with pytest.raises(StopIteration):  # at its first step: it waits for nothing
                scribe.keep([snapshot(at)]).send(None)
        disk.may_go.set()
        await eventually(lambda: not scribe.failing)
        assert disk.deeds == [("east", 1), ("east", 49)]
        await scribe.keep([snapshot(50)])
        assert disk.deeds[-1] == ("east", 50)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("ours")])
async def test_a_disk_that_fails_is_tried_again_until_it_works(
    disk: Disk, error: Exception
) -> None:
    """Nobody need come with something new for that; a mistake of ours is no other case."""
    async with writing(disk) as scribe:
        disk.broken["east"] = error
        await scribe.keep([snapshot(1)])
        scribe.keep_standings({"a/b": {}})
        await eventually(lambda: disk.begun > 3)
        assert scribe.failing
        await scribe.keep([snapshot(2)])
        disk.broken.clear()
        await eventually(lambda: not scribe.failing)
        assert ("east", 2) in disk.deeds
        assert ("standings", 1) in disk.deeds
        assert ("east", 1) not in disk.deeds, "the newer one alone is due"


async def test_a_cell_that_cannot_be_written_does_not_keep_another_from_it(disk: Disk) -> None:
    """Also when it comes first in its group (I20)."""
    async with writing(disk) as scribe:
        disk.broken["a"] = OSError(20, "Not a directory")
        await scribe.keep([snapshot(1, cell="a"), snapshot(1, cell="b")])
        assert disk.deeds == [("b", 1)]
        assert scribe.failing


async def test_nothing_to_keep_is_no_reason_to_write(disk: Disk) -> None:
    """A review that changed nothing costs no disk access."""
    async with writing(disk) as scribe:
        await scribe.keep([])
        await scribe.keep([snapshot(1)])
    assert disk.begun == 1
