"""Runs one drill on processes of its own, prints its table, and writes it down if wanted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from sheetanchor.cli.demo import site
from sheetanchor.cli.demo.scenario import Say
from sheetanchor.cli.demo.site import Region
from sheetanchor.cli.demo.warden import Warden
from sheetanchor.cli.drill.page import HEAD, with_section
from sheetanchor.cli.drill.row import Row, table
from sheetanchor.cli.exit_code import ExitCode


class Drill(Protocol):
    """A story, and what came of it."""

    @property
    def title(self) -> str:
        """The command, as the page of drills names it."""
        ...

    @property
    def about(self) -> str:
        """What is done to whom, in a sentence."""
        ...

    async def run(self) -> None:
        """Play it to its end. It clears up what it started in this process."""
        ...

    def rows(self) -> list[Row]:
        """What was expected, and what came."""
        ...

    def why(self) -> list[str]:
        """What went wrong beside the rows."""
        ...


Make = Callable[[Sequence[Region], Say], Drill]


def play(make: Make, regions: Sequence[str], instances: int, write: Path | None) -> ExitCode:
    """Play it in `regions`, the first of which is hurt; write its section to a page if given."""
    try:
        with Warden() as warden:
            # the table of networks is the same whichever is hurt
            built = site.build(warden, sorted(regions), instances)
            built = tuple(sorted(built, key=lambda region: region.name != regions[0]))
            drill = asyncio.run(_run(make, built))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nInterrupted; nothing is left running.")
        return ExitCode.INTERRUPTED
    rows = drill.rows()
    print("\n" + table(rows))
    for line in drill.why():
        print(line)
    if write is not None:
        page = write.read_text() if write.exists() else HEAD
        write.write_text(with_section(page, f"`{drill.title}`", drill.about, table(rows)))
    return ExitCode.OK if all(row.ok for row in rows) and not drill.why() else ExitCode.FAILED


async def _run(make: Make, regions: Sequence[Region]) -> Drill:
    # SIGTERM ends it as Ctrl-C does: in order
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    drill = make(regions, lambda text: print(text, flush=True))
    await drill.run()
    return drill
