"""What happens in the demo, step by step: it reads like the timeline that it prints.

set up -> all answered at home -> the instances of a region are killed -> the answer moves
-> its registry is killed -> nothing changes -> all is restored -> the answer is back
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from sheetanchor.cli.demo import site
from sheetanchor.cli.demo.actor import ActorFailed
from sheetanchor.cli.demo.report import Moment, Report
from sheetanchor.cli.demo.site import Region
from sheetanchor.cli.demo.watcher import INTERVAL_SECONDS, Watcher
from sheetanchor.client import SheetanchorError

STEADY_SECONDS = 2.0
"""How long answers are watched where nothing is expected to happen."""
AWAY_SECONDS = 8.0
"""How long the registry is away: longer than any single step of the data's way takes."""
MOVE_SECONDS = 23.0
"""By then an answer has moved, or it never will: a lease is 15 s. All waits together stay below
the minute that is promised."""

Say = Callable[[str], None]


class Scenario:
    """One run. `report` tells how it went, also when it was cut short."""

    slow_start_seconds: ClassVar[int] = 0
    """Of the service's policy."""

    def __init__(self, regions: Sequence[Region], say: Say) -> None:
        self._regions = regions
        self._say = say
        self._watcher = Watcher(regions)
        self.report = Report(site.NAME, tracks=self._watcher.tracks)
        self.report.exit_hold_seconds = site.EXIT_HOLD_SECONDS

    def __repr__(self) -> str:
        return f"<Scenario {self._watcher!r}>"

    async def run(self) -> None:
        """Play it. What goes wrong is in the report."""
        report = self.report
        report.began = time.monotonic()
        try:
            await self._set_up()
            async with self._watcher.watching():
                await self._play()
        except (ActorFailed, SheetanchorError) as error:
            report.failure = str(error)
        finally:
            report.ended = time.monotonic()

    async def _set_up(self) -> None:
        begin = time.monotonic()
        count = sum(len(region.instances) for region in self._regions)
        regions = " and ".join(region.name for region in self._regions)
        self._say(f"Starting {regions}, each with a registry of its own (SQLite) and a DNS")
        self._say(f"frontend, and {count} gRPC services that register by the SDK ...")
        await site.start(self._regions, self.slow_start_seconds)
        while not await self._watcher.home():
            self._check()
            if time.monotonic() - begin > site.READY_SECONDS:
                raise ActorFailed(f"{site.NAME} is not answered with all instances")
            await asyncio.sleep(0.05)
        self.report.set_up_seconds = time.monotonic() - begin
        self.report.began = time.monotonic()
        self._say(
            f"... ready after {self.report.set_up_seconds:.1f} s. From now on both frontends are "
            "asked for\n"
            f"{site.NAME} A, as a client of each region,\n"
            f"every {INTERVAL_SECONDS * 1000:.0f} ms. (This service's policy has a region well for "
            f"{site.EXIT_HOLD_SECONDS:g} s before it\n"
            "answers again; the default is 30 s.)\n"
        )

    async def _play(self) -> None:
        hurt, other = self._regions
        report = self.report
        self._mark("steady", "each region's clients are answered with their own instances")
        await self._nothing_changes(STEADY_SECONDS)

        killed = time.monotonic()
        for instance in hurt.instances:
            instance.kill()
        self._mark("instances-killed", f"SIGKILL: all instances of {hurt.name}", killed)
        moved = await self._until(
            lambda: self._watcher.within_since(other.addresses), "the answer moves"
        )
        report.kill_to_moved_seconds = moved - killed
        took = f"{report.kill_to_moved_seconds:.2f} s after the kill"
        self._mark("moved", f"{hurt.name}'s clients are sent to {other.name}, {took}", moved)

        away = time.monotonic()
        hurt.registry.kill()
        self._mark("registry-killed", f"SIGKILL: the registry of {hurt.name}", away)
        await self._nothing_changes(AWAY_SECONDS)
        report.registry_away_seconds = time.monotonic() - away
        took = f"{report.registry_away_seconds:.1f} s without it"
        self._mark("unmoved", f"{took}, and every answer is what it was")

        restored = time.monotonic()
        hurt.registry.start()
        for instance in hurt.instances:
            instance.start()
        self._mark("restored", f"{hurt.name}'s registry and instances are started again", restored)
        back = await self._until(self._watcher.home_since, "the answer is back")
        report.restore_to_back_seconds = back - restored
        took = f"{report.restore_to_back_seconds:.2f} s after the start"
        self._mark("back", f"{hurt.name}'s clients have their own instances again, {took}", back)
        await self._nothing_changes(STEADY_SECONDS)
        self._mark("end", "done")

    async def _until(self, found: Callable[[], float | None], what: str) -> float:
        """Wait for a moment to be found. Raises ActorFailed."""
        end = time.monotonic() + MOVE_SECONDS
        while (moment := found()) is None:
            self._check()
            if time.monotonic() > end:
                raise ActorFailed(f"waited {MOVE_SECONDS:g} s in vain until {what}")
            await asyncio.sleep(INTERVAL_SECONDS)
        return moment

    async def _nothing_changes(self, seconds: float) -> None:
        """Watch for `seconds`. Raises ActorFailed when an answer became another one."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            self._check()
            for track in self._watcher.tracks:
                if track.changes and track.changes[0][0] < begin and track.changed_since(begin):
                    now = ", ".join(sorted(track.present))
                    raise ActorFailed(f"{track.name}: the answer became {now} for no reason")
            await asyncio.sleep(INTERVAL_SECONDS)

    def _check(self) -> None:
        for region in self._regions:
            region.check()

    def _mark(self, event: str, text: str, at: float | None = None) -> None:
        at = time.monotonic() if at is None else at
        moment = Moment(at - self.report.began, event, text)
        self.report.timeline.append(moment)
        self._say(str(moment))
