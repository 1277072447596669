"""Looks for garbage that counting does not free, when memory has grown, and at no other time.

Python's collector goes by the number of new objects, and then through all that it has ever seen
live: with 65,000 answers kept a name server stood still for 110 ms, though nothing was ever found
(1,200 changes and 100,000 questions left no cycle behind). So a process that answers within a
fraction of a millisecond looks only once its memory has doubled, and a little more: garbage costs
it that much room at most, and a search, which takes as long as ever, comes hardly ever.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
SLACK_BYTES = 128 * 1024 * 1024
"""What memory may always grow by: as much as answers and what they are made from may take."""
_STATM = Path("/proc/self/statm")


def is_due(now: int, last: int) -> bool:
    """Whether a process is to look for garbage that has so many resident bytes, and had `last`
    when it looked last.

        grown by                        step
        more than last and the slack    look
        less, or shrunk                 do not
    """
    return now > 2 * last + SLACK_BYTES


def resident_bytes() -> int:
    """What this process has in memory; where the kernel does not say, the most it ever had."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


class Collector:
    """One process's. For one event loop."""

    def __init__(
        self,
        resident: Callable[[], int] = resident_bytes,
        collect: Callable[[], int] = gc.collect,
    ) -> None:
        self._resident = resident
        self._collect = collect
        self._last = 0

    def __repr__(self) -> str:
        return f"<Collector looked at {self._last / 2**20:.0f} MiB>"

    def begin(self) -> None:
        """Take over from Python; what is there now stays, and is not looked through again."""
        gc.disable()
        self._collect()
        gc.freeze()
        self._last = self._resident()

    def look(self) -> None:
        """Look for garbage if memory has grown."""
        before = self._resident()
        if not is_due(before, self._last):
            return
        begun = time.monotonic()
        found = self._collect()
        self._last = self._resident()
        log.info(
            "memory has grown; garbage was looked for",
            extra={
                "found": found,
                "before_bytes": before,
                "after_bytes": self._last,
                "seconds": round(time.monotonic() - begun, 3),
            },
        )

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()
