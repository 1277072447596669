"""Which expired instances have been kept long enough for operators to see.

The wall clock is asked once, when an instance is first seen here as expired, so that a
restart does not begin the wait anew; from then on only the monotonic clock counts, so
that no jump of the wall clock reaps anything early (I36).
"""

from __future__ import annotations

from heapq import heappop, heappush

from registry.domain.instance import Instance, State
from registry.domain.names import Incarnation
from registry.domain.operation import Reap

REAP_LIMIT = 256
"""Instances reaped at once, so that a mass expiry takes turns with everything else."""
AGAIN_SECONDS = 30.0
"""An instance that is still there after it was to be reaped comes up again after this."""


class Reaper:
    """Expired instances of one cell, by the time at which they are to be reaped."""

    def __init__(self, reap_after_seconds: float) -> None:
        self._reap_after_seconds = reap_after_seconds
        self._expired: dict[Incarnation, Reap] = {}
        self._heap: list[tuple[float, Incarnation]] = []

    def __repr__(self) -> str:
        return f"<Reaper {len(self._expired)} expired>"

    def put(self, instance: Instance, now: float, unix_ms: int) -> None:
        """An instance is as it is now said to be."""
        if instance.state is not State.EXPIRED:
            return
        if instance.incarnation in self._expired:
            return
        age_seconds = min(max((unix_ms - instance.state_time_ms) / 1000, 0.0), 86_400.0)
        wait_seconds = max(0.0, self._reap_after_seconds - age_seconds)
        self._expired[instance.incarnation] = Reap(instance.key, instance.incarnation)
        heappush(self._heap, (now + wait_seconds, instance.incarnation))

    def forget(self, incarnation: Incarnation) -> None:
        """An instance is gone, or was never there."""
        self._expired.pop(incarnation, None)

    def due(self, now: float) -> list[Reap]:
        """What is to be reaped, at most REAP_LIMIT; it comes up again unless forgotten."""
        due: list[Reap] = []
        while self._heap and self._heap[0][0] <= now and len(due) < REAP_LIMIT:
            _, incarnation = heappop(self._heap)
            reap = self._expired.get(incarnation)
            if reap is not None:
                due.append(reap)
                heappush(self._heap, (now + AGAIN_SECONDS, incarnation))
        return due
