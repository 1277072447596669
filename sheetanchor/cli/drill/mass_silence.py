"""Three of ten endpoints of every name fall silent at once, for good."""

from __future__ import annotations

import time

from sheetanchor.cli.drill.crowd import addresses
from sheetanchor.cli.drill.crowd_drill import CrowdDrill

FIRST_SECONDS = 16.0
"""Three checks 5 s apart, or a lease, and planning."""
BACK_SECONDS = 120.0
CELL_SHARE = 0.2
CELL_LEAST = 16
"""Of a cell's endpoints, that may leave within 5 minutes: a share, and so many in any case."""


class MassSilence(CrowdDrill):
    """Neither heartbeats nor checks of three in ten, then both again."""

    title = "sheetanchor drill mass-silence"
    about = "Three of ten endpoints of each name stop beating and answering checks at once."

    async def _play(self) -> None:
        crowd, census = self.crowd, self.census
        silent = [member for place, member in enumerate(crowd.members) if place % 10 < 3]
        lost = addresses(silent)
        begin = time.monotonic()
        for member in silent:
            member.beats = False
            member.fall_silent()
        self._mark(f"{len(silent):,} of {len(crowd):,} endpoints fall silent")
        first = await self._until("one gone", FIRST_SECONDS, lambda: bool(census.gone(lost)))
        left = begin + self.seconds - time.monotonic()
        await self._until("all gone", max(left, 0.0), lambda: census.gone(lost) == lost)
        await self._round()
        gone, budget = len(census.gone(lost)), int(CELL_SHARE * len(crowd))
        self._mark(f"{gone:,} have left, {len(silent) - gone:,} are held")
        self._expect(
            f"{len(silent):,} of {len(crowd):,} stop beating and answering checks",
            f"the first leaves within {FIRST_SECONDS:g} s",
            "not seen" if first is None else f"{first:.1f} s",
            first is not None,
        )
        self._expect(
            f"{self.seconds:g} s later",
            f"at most {budget:,} have left, a fifth of the cell in 5 min (I8)",
            f"{gone:,} have left, {len(silent) - gone:,} are held",
            0 < gone <= max(budget, CELL_LEAST),
        )
        total, smallest = census.least_since(begin), census.smallest_since(begin)
        self._expect(
            "meanwhile",
            "no other one leaves",
            f"{total:,} answered with, {smallest} of a name at least",
            total == len(crowd) - gone and smallest >= 7,
        )
        for member in silent:
            member.hear()
            member.beats = True
        self._mark("they are well again")
        back = await self._until("all are answered", BACK_SECONDS, self._all_there)
        self._expect(
            "they beat and answer again",
            f"all are answered within {BACK_SECONDS:g} s",
            "not seen" if back is None else f"{back:.1f} s",
            back is not None,
        )
