"""Every endpoint is gone and back once a second: answers stay calm, and so does the work."""

from __future__ import annotations

import asyncio
import time

from sheetanchor.cli.drill.crowd_drill import CrowdDrill

WINDOW_SECONDS = 10.0
"""The damping window that a service has by default."""
SETTLE_SECONDS = 60.0
"""By then every flapping endpoint has fallen so often that it is kept out."""
MOST_WORK = 1.10


class Flap(CrowdDrill):
    """Ports close and open at 1 Hz; heartbeats go on."""

    title = "sheetanchor drill flap"
    about = "The ports of all endpoints of a cell close and open again once a second."

    async def _play(self) -> None:
        crowd, census = self.crowd, self.census
        calm = await self._share_of_core(self.seconds)
        self._mark(f"calm: the registry uses {calm:.1%} of a core")
        census.forget_turns()
        flapping = asyncio.create_task(self._flap())
        self._mark(f"{len(crowd):,} ports close and open once a second")
        first = await self._share_of_core(SETTLE_SECONDS)
        self._mark(f"until they are damped the registry uses {first:.1%} of a core")
        wild = await self._share_of_core(self.seconds)
        flapping.cancel()
        await asyncio.gather(flapping, return_exceptions=True)
        for member in crowd.members:
            member.open()
        self._mark(f"then {wild:.1%} of a core")
        closest = census.closest_turns()
        self._expect(
            f"{len(crowd):,} endpoints flap at 1 Hz for {self.seconds + SETTLE_SECONDS:g} s",
            f"each comes or goes at most once in {WINDOW_SECONDS:g} s (I26)",
            f"at least {closest:.1f} s apart",
            closest >= WINDOW_SECONDS,
        )
        ratio = wild / calm
        self._expect(
            f"once damped, after {SETTLE_SECONDS:g} s",
            f"the registry's work grows by less than {MOST_WORK - 1:.0%}",
            f"{ratio:.2f} times as much ({calm:.1%} and {wild:.1%} of a core)",
            ratio < MOST_WORK,
        )

    async def _flap(self) -> None:
        while True:
            for member in self.crowd.members:
                member.refuse()
            await asyncio.sleep(0.5)
            for member in self.crowd.members:
                member.open()
            await asyncio.sleep(0.5)

    async def _share_of_core(self, seconds: float) -> float:
        begin, used = time.monotonic(), self._cpu_seconds()
        await self._watch(seconds)
        return (self._cpu_seconds() - used) / (time.monotonic() - begin)
