"""Every endpoint is gone and back once a second: answers stay calm, and so does the work.

Work is counted, not timed: the checks that the registry makes in a second and the generations
that it publishes, since each of these costs about the same whatever it finds. What CPU it took
is told beside that; on a machine with other things to do, it says little within a tenth.
"""

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
    generations: float
    changes: float
    """Of health, as stored."""
    core: float
    """CPU, 1 is a whole core."""

    @property
    def operations(self) -> float:
        """Checks and publications together."""
        return self.checks + self.generations

    def __str__(self) -> str:
        return (
            f"{self.checks:.0f} checks and {self.generations:.1f} generations a second for"
            f" {self.changes:.1f} changes of health, at {self.core:.1%} of a core"
        )


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
        work = wild.operations / calm.operations
        self._expect(
            "meanwhile, each second",
            f"as many checks and generations as at rest, within {MOST_WORK - 1:.0%} (I25)",
            f"{calm.checks:.0f} and {calm.generations:.1f} at rest, {wild.checks:.0f} and "
            f"{wild.generations:.1f} then: {work - 1:+.1%}; CPU {calm.core:.1%} and "
            f"{wild.core:.1%} of a core",
            1 / MOST_WORK < work < MOST_WORK,
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
        begin, used, made = time.monotonic(), self._cpu_seconds(), await self._counted()
        await self._watch(seconds)
        used, now = self._cpu_seconds() - used, await self._counted()
        took = time.monotonic() - begin
        checks, generations, changes = (
            (after - before) / took for before, after in zip(made, now, strict=True)
        )
        return Work(checks, generations, changes, used / took)

    async def _counted(self) -> list[float]:
        """Checks, generations and changes of health so far, as the registry's metrics tell."""
        text = await asyncio.to_thread(self._metrics)
        return [
            sum(
                float(line.rpartition(" ")[2])
                for line in text.splitlines()
                if line.startswith(f"sheetanchor_registry_{what}_total")
            )
            for what in ("probes", "plans_published", "health_changes")
        ]

    def _metrics(self) -> str:
        url = f"http://127.0.0.1:{self.region.registry.http_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as reply:
            text: str = reply.read().decode()
            return text
