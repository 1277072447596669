"""Every endpoint is gone and back once a second: answers stay calm, and so does the work."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from dataclasses import dataclass

from sheetanchor.cli.drill.crowd_drill import CrowdDrill

WINDOW_SECONDS = 10.0
"""The damping window that a service has by default."""
SETTLE_SECONDS = 60.0
"""By then the first falls, of all at once, are over."""
MOST_WORK = 1.10


@dataclass(frozen=True, slots=True)
class Work:
    """What the registry does, a second."""

    checks: float
    core: float
    """CPU, 1 is a whole core."""

    def __str__(self) -> str:
        return f"{self.checks:.0f} checks a second, at {self.core:.1%} of a core"


class Flap(CrowdDrill):
    """Ports close and open at 1 Hz; heartbeats go on."""

    title = "sheetanchor drill flap"
    about = "The ports of all endpoints of a cell close and open again once a second."

    async def _play(self) -> None:
        crowd, census = self.crowd, self.census
        calm = await self._work(self.seconds)
        self._mark(f"calm: the registry makes {calm}")
        census.forget_turns()
        flapping = asyncio.create_task(self._flap())
        self._mark(f"{len(crowd):,} ports close and open once a second")
        first = await self._work(SETTLE_SECONDS)
        self._mark(f"in the first {SETTLE_SECONDS:g} s: {first}")
        wild = await self._work(self.seconds)
        flapping.cancel()
        await asyncio.gather(flapping, return_exceptions=True)
        for member in crowd.members:
            member.open()
        self._mark(f"then: {wild}")
        closest = census.closest_turns()
        self._expect(
            f"{len(crowd):,} endpoints flap at 1 Hz for {self.seconds + SETTLE_SECONDS:g} s",
            f"each comes or goes at most once in {WINDOW_SECONDS:g} s (I26)",
            f"at least {closest:.1f} s apart",
            closest >= WINDOW_SECONDS,
        )
        checks = wild.checks / calm.checks
        self._expect(
            "meanwhile, each tick",
            f"no more checks, give or take {MOST_WORK - 1:.0%}",
            f"{calm.checks:.0f} and {wild.checks:.0f} a second, CPU {calm.core:.1%} and "
            f"{wild.core:.1%} of a core",
            1 / MOST_WORK < checks < MOST_WORK,
        )

    async def _flap(self) -> None:
        while True:
            for member in self.crowd.members:
                member.refuse()
            await asyncio.sleep(0.5)
            for member in self.crowd.members:
                member.open()
            await asyncio.sleep(0.5)

    async def _work(self, seconds: float) -> Work:
        begin, used, made = time.monotonic(), self._cpu_seconds(), await self._checks()
        await self._watch(seconds)
        used, made = self._cpu_seconds() - used, await self._checks() - made
        took = time.monotonic() - begin
        return Work(made / took, used / took)

    async def _checks(self) -> float:
        """Checks made so far, as the registry's metrics tell."""
        text = await asyncio.to_thread(self._metrics)
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("sheetanchor_registry_probes_total")
        )

    def _metrics(self) -> str:
        url = f"http://127.0.0.1:{self.region.registry.http_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as reply:
            text: str = reply.read().decode()
            return text
