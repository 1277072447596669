"""A region's instances die all at once, and come back: how long until DNS says so.

The processes are the demo's: two regions, each with a registry, a DNS frontend and
services. All answers, of both frontends to clients of both regions, are looked at.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sheetanchor.cli.demo import site
from sheetanchor.cli.demo.scenario import STEADY_SECONDS, Scenario
from sheetanchor.cli.demo.site import Region
from sheetanchor.cli.demo.warden import Warden
from sheetanchor.cli.exit_code import ExitCode

MOVED_SECONDS = 16.0
"""Three probes 5 s apart, and planning: by then answers have moved, whatever the probes meet."""
BACK_SECONDS = 20.0
"""Start, two successful probes, the damping window, and the hold of this site's policy."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that the drill prints."""

    trigger: str
    expected: str
    measured: str
    ok: bool

    def __str__(self) -> str:
        verdict = "passed" if self.ok else "FAILED"
        return f"| {self.trigger} | {self.expected} | {self.measured} | {verdict} |"


class RegionLoss(Scenario):
    """The story: all at home, a region's instances killed, moved, started again, back."""

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
        faults = report.empty_or_negative + report.unanswered
        return [
            _timed("a region's instances are killed", MOVED_SECONDS, report.kill_to_moved_seconds),
            _timed("the instances start again", BACK_SECONDS, report.restore_to_back_seconds),
            Row(
                "all the while",
                "no answer empty, negative or missing",
                f"{faults} of {report.queries}",
                report.ok,
            ),
        ]


def _timed(trigger: str, most: float, seconds: float | None) -> Row:
    measured = "not seen" if seconds is None else f"{seconds:.2f} s"
    ok = seconds is not None and seconds <= most
    return Row(trigger, f"answers follow within {most:g} s", measured, ok)


def play(region: str, write: Path | None) -> ExitCode:
    """Play it to its end, print the table, and write it to a file if one is given."""
    try:
        with Warden() as warden:
            regions = sorted(site.build(warden), key=lambda each: each.name != region)
            drill = asyncio.run(_run(regions))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nInterrupted; nothing is left running.")
        return ExitCode.INTERRUPTED
    rows = drill.rows()
    table = ["| trigger | expected | measured | |", "|---|---|---|---|", *map(str, rows)]
    print("\n" + "\n".join(table))
    for line in drill.report.why():
        print(line)
    if write is not None:
        head = "# Drills\n\nReal processes on one machine; written by `make drills`.\n\n"
        title = "## `sheetanchor drill region-loss`\n\n"
        write.write_text(head + title + "\n".join(table) + "\n")
    return ExitCode.OK if all(row.ok for row in rows) else ExitCode.FAILED


async def _run(regions: Sequence[Region]) -> RegionLoss:
    # SIGTERM ends it as Ctrl-C does: in order
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    drill = RegionLoss(regions, lambda text: print(text, flush=True))
    await drill.run()
    return drill
