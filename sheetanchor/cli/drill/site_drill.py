"""What drills on the demo's two regions have in common: its processes, and its watcher."""

from __future__ import annotations

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

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        report = self.report
        return [clean(report.queries, report.empty_or_negative, report.unanswered)]

    def why(self) -> list[str]:
        """What went wrong beside the rows."""
        return self.report.why()
