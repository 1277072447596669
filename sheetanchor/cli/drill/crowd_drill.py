"""What all drills with a crowd have in common: a registry, a frontend, and many endpoints."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import ClassVar

from sheetanchor.cli.demo.actor import ActorFailed
from sheetanchor.cli.demo.scenario import Say
from sheetanchor.cli.demo.site import READY_SECONDS, ZONE, Region
from sheetanchor.cli.drill.census import Census
from sheetanchor.cli.drill.crowd import NAMESPACE, Crowd, addresses
from sheetanchor.cli.drill.row import Row, clean
from sheetanchor.cli.quantity import counted
from sheetanchor.client import SheetanchorError

FULL_SECONDS = 120.0
"""Within this time all are validated and answered with, on a slow machine too."""
LOOK_SECONDS = 0.1


class CrowdDrill:
    """Sets up, plays `_play`, and clears up. `rows` tells what came of it."""

    title: ClassVar[str]
    about: ClassVar[str]
    regions: ClassVar[tuple[str, ...]] = ("east",)
    instances: ClassVar[int] = 0

    def __init__(self, site: Sequence[Region], say: Say, *, endpoints: int, seconds: float) -> None:
        """`seconds`: how long the fault lasts. `endpoints`: ten a service."""
        (self.region,) = site
        self.seconds = seconds
        self._say = say
        services = max(1, endpoints // 10)
        self.crowd = Crowd(self.region.registry_address, self.region.name, services, 10)
        names = {
            f"{service}.{NAMESPACE}.svc.{ZONE}": addresses(
                member for member in self.crowd.members if member.service == service
            )
            for service in self.crowd.services
        }
        self.census = Census(self.region.dns_port, self.region.client, names)
        self.failure = ""
        self._began = 0.0
        self._rows: list[Row] = []

    async def run(self) -> None:
        """Play it. What could not be done is in `failure`."""
        try:
            async with self._set_up():
                await self._play()
        except (ActorFailed, SheetanchorError) as error:
            self.failure = str(error)

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        census = self.census
        return [*self._rows, clean(census.queries, census.empty, census.unanswered)]

    def why(self) -> list[str]:
        """What went wrong beside the rows."""
        return [self.failure] if self.failure else []

    async def _play(self) -> None:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def _set_up(self) -> AsyncIterator[None]:
        self._say(f"Starting a registry (SQLite), a DNS frontend and {len(self.crowd):,} endpoints")
        self._say(f"of {counted(len(self.crowd.services), 'service')} ...")
        begin = time.monotonic()
        self.region.registry.start()
        self.region.frontend.start()
        await self.region.registry.until_ready(READY_SECONDS)
        await self.crowd.enter()
        beating = asyncio.create_task(self.crowd.beat())
        try:
            await self.region.frontend.until_ready(READY_SECONDS)
            async with self.census.counting():
                await self._until("all endpoints are answered", FULL_SECONDS, self._all_there)
                self._say(f"... all answered after {time.monotonic() - begin:.1f} s")
                for track in self.census.tracks.values():
                    # before they were all there, some names were not there either
                    track.empty.clear()
                self._began = time.monotonic()
                yield
        finally:
            beating.cancel()
            self.crowd.leave()
            await asyncio.gather(beating, return_exceptions=True)

    def _all_there(self) -> bool:
        return self.census.complete

    async def _until(self, what: str, seconds: float, true: Callable[[], bool]) -> float | None:
        """Wait until it is `true`; the time that took, or None. The processes must live."""
        begin = time.monotonic()
        while not true():
            self.region.check()
            if time.monotonic() - begin > seconds:
                self._mark(f"not seen within {seconds:g} s: {what}")
                return None
            await asyncio.sleep(LOOK_SECONDS)
        return time.monotonic() - begin

    async def _watch(self, seconds: float) -> None:
        """Let time go by; the processes must live."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.region.check()
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def _round(self) -> None:
        """Until each name has been asked for once more."""
        goal = self.census.rounds + 2
        await self._until("a round of questions", 60.0, lambda: self.census.rounds >= goal)

    def _mark(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._began:6.2f} s  {text}")

    def _expect(self, trigger: str, expected: str, measured: str, ok: bool) -> None:
        self._rows.append(Row(trigger, expected, measured, ok))

    async def _expect_all(self, trigger: str, expected: str, since: float) -> None:
        """Add the row that says that nobody has left an answer since then."""
        await self._round()
        gone = len(self.crowd) - self.census.least_since(since)
        self._rows.append(Row(trigger, expected, f"{gone:,} left", gone == 0))

    def _cpu_seconds(self) -> float:
        """CPU that the registry's process has used so far."""
        stat = Path(f"/proc/{self.region.registry.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
