"""One of three instances is killed: how long it is answered with after that."""

from __future__ import annotations

import time

from sheetanchor.cli.demo.scenario import STEADY_SECONDS
from sheetanchor.cli.drill.row import Row, timed
from sheetanchor.cli.drill.site_drill import MOVED_SECONDS, SiteDrill


class InstanceLoss(SiteDrill):
    """SIGKILL, gone from answers, started again, back."""

    title = "sheetanchor drill instance-loss"
    about = "One of a region's three instances is killed with SIGKILL, and started again."
    instances = 3
    gone_seconds: float | None = None
    back_seconds: float | None = None

    async def _play(self) -> None:
        await self._nothing_changes(STEADY_SECONDS)
        killed, moved = await self._kill_one()
        self.gone_seconds = moved - killed
        await self._nothing_changes(STEADY_SECONDS)
        restored = time.monotonic()
        self._regions[0].instances[0].start()
        self._mark("restored", "it is started again", restored)
        back = await self._until(self._watcher.home_since, "it is answered again")
        self.back_seconds = back - restored
        self._mark("back", "it is answered again", back)

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        return [
            timed("one of three is killed", "it leaves", MOVED_SECONDS, self.gone_seconds),
            timed("it starts again", "it is back", 20.0, self.back_seconds),
            *super().rows(),
        ]
