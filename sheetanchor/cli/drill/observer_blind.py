"""The only observer sees nothing any more: what it says then is about itself."""

from __future__ import annotations

import time

from sheetanchor.cli.drill.crowd_drill import CrowdDrill

BACK_SECONDS = 20.0
"""Four checks of each."""


class ObserverBlind(CrowdDrill):
    """No check gets through; the heartbeats do."""

    title = "sheetanchor drill observer-blind"
    about = "All checks of a cell time out at once; the heartbeats of its endpoints go on."

    async def _play(self) -> None:
        crowd = self.crowd
        begin = time.monotonic()
        for member in crowd.members:
            member.fall_silent()
        self._mark(f"no check of {len(crowd):,} endpoints is answered any more")
        await self._watch(self.seconds)
        await self._expect_all(
            f"all checks of {len(crowd):,} time out for {self.seconds:g} s, heartbeats go on",
            "none leaves an answer (I8, I25)",
            begin,
        )
        back = time.monotonic()
        for member in crowd.members:
            member.hear()
        self._mark("checks are answered again")
        await self._watch(BACK_SECONDS)
        await self._expect_all("checks are answered again", "none leaves an answer", back)
