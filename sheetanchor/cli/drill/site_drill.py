"""What drills on the demo's two regions have in common: its processes, and its watcher."""

from __future__ import annotations

import time
from typing import ClassVar

from sheetanchor.cli.demo.scenario import Scenario
from sheetanchor.cli.demo.site import INSTANCES, REGIONS
from sheetanchor.cli.drill.row import Row, clean

MOVED_SECONDS = 16.0
"""Three probes 5 s apart, and planning: by then answers have moved, whatever the probes meet."""


class SiteDrill(Scenario):
    """A scenario with a table. `_play` is the story."""

    title: ClassVar[str]
    about: ClassVar[str]
    regions: ClassVar[tuple[str, ...]] = REGIONS
    instances: ClassVar[int] = INSTANCES

    async def _kill_one(self) -> tuple[float, float]:
        """Kill the hurt region's first instance; when that was, and since when no answer has it."""
        hurt, other = self._regions
        killed = time.monotonic()
        hurt.instances[0].kill()
        self._mark(
            "killed", f"SIGKILL: one of {len(hurt.instances)} instances of {hurt.name}", killed
        )
        (gone,) = [address for address in hurt.addresses if address.endswith(".0.1")]
        left = (hurt.addresses - {gone}) | other.addresses
        moved = await self._until(lambda: self._watcher.within_since(left), "it is gone")
        self._mark("gone", "no answer holds its address any more", moved)
        return killed, moved

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        report = self.report
        return [clean(report.queries, report.empty_or_negative, report.unanswered)]

    def why(self) -> list[str]:
        """What went wrong beside the rows."""
        return self.report.why()
