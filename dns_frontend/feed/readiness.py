"""Whether each name has an answer to fall back on, as this frontend would give it (I29).

All names are gone through, again and again, a fixed number each second, whatever goes on:
so a crisis makes it no more work, and a large zone only a longer round. Opening a name to look
at it leaves no trace in what is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from dns_frontend import telemetry
from dns_frontend.plan.answer import scope
from dns_frontend.plan.entry import ZONE_KEY
from dns_frontend.plan.facet import ANY
from dns_frontend.plan.failover import choose
from dns_frontend.plan.fallback import fallback_of
from dns_frontend.plan.ledger import Ledger
from dns_frontend.wire.table import AnswerTable

TICK_SECONDS = 1.0
NAMES_A_TICK = 16
"""A thousand names a minute: each is looked at many times a day, and that costs no query much."""
ENDPOINTS_A_TICK = 1024
"""A tick ends early past so many endpoints: large names take longer to look at."""


class Readiness:
    """For the clients of this frontend's own region. For one event loop."""

    def __init__(self, frontend: str, table: AnswerTable, regions: tuple[str, ...]) -> None:
        self.ready: tuple[int, int] | None = None
        """How many names had a fallback to lean on when last gone through, and how many had
        not; None before all were, once."""
        self._frontend = frontend
        self._table = table
        self._regions = regions
        self._left: Iterator[Ledger | None] | None = None
        self._counts = [0, 0]

    def __repr__(self) -> str:
        return f"<Readiness {self._frontend} {self.ready}>"

    def show(self) -> Callable[[], None]:
        """Show the counts; returns how to withdraw them."""
        return telemetry.observe(telemetry.SERVICES_READY, self._read)

    async def run(self) -> None:
        """Go through all names, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.tick()

    async def tick(self) -> int:
        """One second's share of the work; how many names were looked at."""
        if self._left is None:
            self._left, self._counts = self._table.each(), [0, 0]
        names = endpoints = 0
        while names < NAMES_A_TICK and endpoints < ENDPOINTS_A_TICK:
            try:
                ledger = next(self._left)
            except StopIteration:
                self._left = None
                self.ready = self._counts[0], self._counts[1]
                break
            names += 1
            if ledger is not None and ledger.alive_in and ledger.key != ZONE_KEY:
                endpoints += ledger.size
                self._counts[0 if self._is_ready(ledger) else 1] += 1
            await asyncio.sleep(0)  # queries come first
        return names

    def _is_ready(self, ledger: Ledger) -> bool:
        asked = scope(ledger, self._table.home, "", self._regions)
        choice = choose(asked.home, asked.tiers, ANY, asked.policy, asked.ramped)
        fallback = fallback_of(asked, choice)
        return fallback is not None and fallback.ready

    def _read(self) -> telemetry.Readings:
        if self.ready is not None:
            for word, count in zip(("yes", "no"), self.ready, strict=True):
                yield count, {"frontend": self._frontend, "ready": word}
