"""A region's registry is cut off: nobody hears of it, and it hears of nobody.

On one machine that is a process stopped by SIGSTOP: its connections stay open, and are silent.
"""

from __future__ import annotations

import os
import signal

from sheetanchor.cli.demo.scenario import STEADY_SECONDS
from sheetanchor.cli.drill.row import Row, timed
from sheetanchor.cli.drill.site_drill import MOVED_SECONDS, SiteDrill

AWAY_SECONDS = 40.0
"""More than two leases: each has run out, as far as the registry could know."""
HEALED_SECONDS = 20.0
"""A lease more: what would expire by the time away has done so by then."""


class Partition(SiteDrill):
    """Cut off for more than two leases, healed, and then an instance really dies."""

    title = "sheetanchor drill partition"
    about = "A region's registry is stopped by SIGSTOP for 40 s, more than two leases, and goes on."
    away: str = "not reached"
    healed: str = "not reached"
    fresh_seconds: float | None = None

    async def _play(self) -> None:
        hurt = self._regions[0]
        await self._nothing_changes(STEADY_SECONDS)
        os.kill(hurt.registry.pid, signal.SIGSTOP)
        self._mark("cut", f"the registry of {hurt.name} is cut off")
        try:
            self.away = "an answer changed"
            await self._nothing_changes(AWAY_SECONDS)
            self.away = "unchanged"
        finally:
            os.kill(hurt.registry.pid, signal.SIGCONT)
        self._mark("healed", "it is back")
        self.healed = "an answer changed"
        await self._nothing_changes(HEALED_SECONDS)
        self.healed = "unchanged"
        killed, moved = await self._kill_one()
        self.fresh_seconds = moved - killed

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        return [
            Row(
                f"a region's registry is cut off for {AWAY_SECONDS:g} s",
                "every answer stays as it is (I16)",
                self.away,
                self.away == "unchanged",
            ),
            Row(
                f"it is back, and {HEALED_SECONDS:g} s go by",
                "no lease has run out (I23)",
                self.healed,
                self.healed == "unchanged",
            ),
            timed("an instance is killed then", "it leaves", MOVED_SECONDS, self.fresh_seconds),
            *super().rows(),
        ]
