"""A region's registry is cut off: nobody hears of it, and it hears of nobody.

On one machine that is a process stopped by SIGSTOP: its connections stay open, and are silent.
"""

from __future__ import annotations

import os
import signal
import time

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
        hurt, other = self._regions
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
        killed = time.monotonic()
        hurt.instances[0].kill()
        self._mark("killed", f"SIGKILL: an instance of {hurt.name}", killed)
        (gone,) = [address for address in hurt.addresses if address.endswith(".0.1")]
        left = (hurt.addresses - {gone}) | other.addresses
        moved = await self._until(lambda: self._watcher.within_since(left), "it is gone")
        self.fresh_seconds = moved - killed
        self._mark("gone", "no answer holds its address any more", moved)

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
