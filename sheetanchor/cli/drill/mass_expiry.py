"""Every lease runs out at once, of endpoints that live: nobody may leave an answer for that."""

from __future__ import annotations

import time

from sheetanchor.cli.drill.crowd_drill import CrowdDrill

BACK_SECONDS = 20.0
"""Four heartbeats of each."""


class MassExpiry(CrowdDrill):
    """All heartbeats stop for a while, and come back; connections are accepted all along."""

    title = "sheetanchor drill mass-expiry"
    about = "All heartbeats of a cell stop; its endpoints live, and pass their checks."

    async def _play(self) -> None:
        crowd = self.crowd
        begin = time.monotonic()
        for member in crowd.members:
            member.beats = False
        self._mark(f"no heartbeat of {len(crowd):,} endpoints arrives any more")
        await self._watch(self.seconds)
        await self._expect_all(
            f"no heartbeats of {len(crowd):,} living endpoints for {self.seconds:g} s",
            "none leaves an answer (I8, I23)",
            begin,
        )
        before = crowd.registrations
        back = time.monotonic()
        for member in crowd.members:
            member.beats = True
        self._mark("heartbeats again; who has lost its lease registers anew")
        await self._watch(BACK_SECONDS)
        await self._expect_all(
            f"they beat again; {crowd.registrations - before:,} must register anew",
            "none leaves an answer",
            back,
        )
