"""Watches whether frontends follow: the last step of every publication.

A frontend that is behind is no reason to do anything, only to say so: it goes on
answering from what it has (I15), and age raises alarms alone (I32).
"""

from __future__ import annotations

import logging

from registry import telemetry
from registry.app.frontends import Frontends
from registry.app.plan_feed import PlanFeed
from registry.domain.names import CellName, FrontendId
from registry.ports import Clock

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
LATE_SECONDS = 5.0
"""A frontend that has been behind without a break for so long is spoken of."""


class Verification:
    """The frontends of one cell that this node has heard of."""

    def __init__(
        self,
        cell: CellName,
        feed: PlanFeed,
        frontends: Frontends,
        clock: Clock,
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self.late: set[FrontendId] = set()
        """Frontends that are spoken of as late."""
        self._cell = cell
        self._feed = feed
        self._frontends = frontends
        self._clock = clock
        self._check_seconds = check_seconds
        self._seen: dict[FrontendId, tuple[int, float]] = {}
        """The head that a frontend has yet to reach, and since when."""

    def __repr__(self) -> str:
        return f"<Verification {self._cell}: {len(self._seen)} behind, {len(self.late)} late>"

    async def run(self) -> None:
        """Check for ever."""
        while True:
            self.check()
            await self._clock.sleep(self._check_seconds)

    # check
    #
    #   applied generation                    said of the frontend
    #   ------------------------------------  ----------------------------------------------
    #   the head's, or above                  nothing; if it was late: that it is not any more
    #   at or above the head of when it was   nothing: it follows, the head is moving
    #   last looked at
    #   below that head, for less than 5 s    nothing
    #   below that head, for longer           that it is late, once
    def check(self) -> None:
        """Compare what frontends applied with the head."""
        record = self._feed.head(self._cell)
        if record is None:
            return
        now = self._clock.monotonic()
        for frontend, word in self._frontends.applied(self._cell).items():
            lag = max(0, record.generation - word.generation)
            telemetry.frontend_lag.set(lag, {"frontend": frontend, "cell": self._cell})
            expected, since = self._seen.get(frontend, (record.generation, now))
            if word.generation >= expected:
                if frontend in self.late:
                    self.late.discard(frontend)
                    log.warning(
                        "a frontend has caught up",
                        extra={"frontend": frontend, "cell": self._cell},
                    )
                self._seen[frontend] = (record.generation, now)
                continue
            self._seen[frontend] = (expected, since)
            if now - since >= LATE_SECONDS and frontend not in self.late:
                self.late.add(frontend)
                log.error(
                    "a frontend does not follow",
                    extra={
                        "frontend": frontend,
                        "cell": self._cell,
                        "generation": word.generation,
                        "head": record.generation,
                    },
                )
