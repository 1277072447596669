"""This node's available time: `domain.availability` fed with real readings.

Whoever talks to the store does so within `asking`, which sees whether it answers, and in
time; whoever ages leases asks here how much time has counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from registry import telemetry
from registry.domain.availability import (
    Availability,
    StoreBack,
    StoreLost,
    Ticked,
    ceiling,
    step,
)
from registry.domain.errors import RegistryError, StoreUnavailable
from registry.ports import Clock

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
SLOW_SECONDS = 1.0
"""A store that takes longer than this to answer counts as lost until it does."""

PATIENCE_SECONDS = 5.0
"""A store that has answered nothing at all for this long is not waited for by newcomers."""
RETRY_AFTER_SECONDS = 1.0


class Uptime:
    """Available time of this node, in seconds."""

    def __init__(self, clock: Clock, tick_seconds: float = TICK_SECONDS) -> None:
        self._clock = clock
        self._state = Availability(tick_seconds)
        self._asked: dict[object, float] = {}
        self._answered_at = float("-inf")

    def __repr__(self) -> str:
        word = "reachable" if self.reachable else "LOST"
        return f"<Uptime {self._state.available_seconds:.1f}s store={word}>"

    @property
    def reachable(self) -> bool:
        """Whether the store answered when last asked."""
        return self._state.reachable

    @property
    def floor_seconds(self) -> float:
        """Available time at the end of the last outage."""
        return self._state.floor_seconds

    @property
    def outages(self) -> int:
        """How many outages there have been: suspensions, and losses of the store."""
        return self._state.outages

    @property
    def patience_seconds(self) -> float:
        """How long nobody waits in vain: neither for the store, nor for those before him."""
        return PATIENCE_SECONDS

    def tick(self) -> float:
        """Take a reading and return the available time that is certain by now."""
        now = self._clock.monotonic()
        if self._state.reachable and self._overdue(now):
            self._lose("no answer in time")
            return self._state.available_seconds
        before = self._state
        self._state = step(before, Ticked(now))
        if self._state.outages != before.outages and before.last_seconds is not None:
            telemetry.outages.add(1, {"cause": "suspended"})
            log.warning(
                "this process did not run for a while; no lease is aged by that",
                extra={"gap_seconds": round(now - before.last_seconds, 3)},
            )
        return self._state.available_seconds

    def ceiling(self) -> float:
        """The most that available time can be now; deadlines are promised from here."""
        return ceiling(self._state, self._clock.monotonic())

    def check_answering(self) -> None:
        """Raises StoreUnavailable while the store leaves everything asked of it unanswered.

        Who comes then is told at once: behind those that wait already, its deadline would pass
        before it hears that another node, or a later try, may serve it. A store with one slow
        answer that gives others is waited for. Nothing pending means that the next may try.
        """
        if not self._asked:
            return
        oldest = next(iter(self._asked.values()))
        silent_seconds = self._clock.monotonic() - max(oldest, self._answered_at)
        if silent_seconds > PATIENCE_SECONDS:
            raise StoreUnavailable(
                f"the database has answered nothing for {silent_seconds:.0f} s. Nothing was "
                "acknowledged; try again.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
                silent_seconds=round(silent_seconds),
            )

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around every call of the store: from a loss to the next answer no lease ages."""
        token = object()
        self._asked[token] = self._clock.monotonic()
        answered = False
        try:
            yield
            answered = True
        except StoreUnavailable as error:
            self._lose(error.message)
            raise
        except RegistryError:
            answered = True
            raise
        finally:
            begun = self._asked.pop(token)
            if answered:
                self._answered(begun)

    def _overdue(self, now: float) -> bool:
        return any(now - begun > SLOW_SECONDS for begun in self._asked.values())

    def _lose(self, reason: str) -> None:
        if self._state.reachable:
            telemetry.outages.add(1, {"cause": "store"})
            log.error("the store does not answer; leases are not aged", extra={"reason": reason})
        self._state = step(self._state, StoreLost(self._clock.monotonic()))

    def _answered(self, begun: float) -> None:
        now = self._answered_at = self._clock.monotonic()
        if self._state.reachable and now - begun > SLOW_SECONDS:
            self._lose("an answer came late")
        if not self._state.reachable and not self._overdue(now):
            self._state = step(self._state, StoreBack(now))
            log.warning("the store answers again; every lease has a full TTL left")

    async def run(self) -> None:
        """Tick for ever, so that a suspension is noticed."""
        while True:
            self.tick()
            await self._clock.sleep(self._state.tick_seconds)
