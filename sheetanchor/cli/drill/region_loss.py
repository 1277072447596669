"""A region's instances die all at once, and come back: how long until DNS says so.

All answers, of both frontends to clients of both regions, are looked at.
"""

from __future__ import annotations

import time

from sheetanchor.cli.demo.scenario import STEADY_SECONDS
from sheetanchor.cli.drill.row import Row, timed
from sheetanchor.cli.drill.site_drill import MOVED_SECONDS, SiteDrill

BACK_SECONDS = 20.0
"""Start, two successful probes, the damping window, and the hold of this site's policy."""


class RegionLoss(SiteDrill):
    """The story: all at home, a region's instances killed, moved, started again, back."""

    title = "sheetanchor drill region-loss"
    about = "All instances of a region are killed with SIGKILL, and started again."

    async def _play(self) -> None:
        hurt, other = self._regions
        report = self.report
        await self._nothing_changes(STEADY_SECONDS)
        killed = time.monotonic()
        for instance in hurt.instances:
            instance.kill()
        self._mark("instances-killed", f"SIGKILL: all instances of {hurt.name}", killed)
        moved = await self._until(
            lambda: self._watcher.within_since(other.addresses), "the answer moves"
        )
        report.kill_to_moved_seconds = moved - killed
        self._mark("moved", f"{hurt.name}'s clients are sent to {other.name}", moved)
        await self._nothing_changes(STEADY_SECONDS)
        restored = time.monotonic()
        for instance in hurt.instances:
            instance.start()
        self._mark("restored", f"the instances of {hurt.name} are started again", restored)
        back = await self._until(self._watcher.home_since, "the answer is back")
        report.restore_to_back_seconds = back - restored
        self._mark("back", f"{hurt.name}'s clients have their own instances again", back)
        await self._nothing_changes(STEADY_SECONDS)

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        report = self.report
        follow = "answers follow"
        return [
            timed(
                "a region's instances are killed",
                follow,
                MOVED_SECONDS,
                report.kill_to_moved_seconds,
            ),
            timed(
                "the instances start again", follow, BACK_SECONDS, report.restore_to_back_seconds
            ),
            *super().rows(),
        ]
