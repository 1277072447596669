"""The clock of the machine, and one that a test turns by hand."""

from __future__ import annotations

import asyncio
import time
from heapq import heappop, heappush


class SystemClock:
    """Time as the operating system tells it."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait; not at all when `seconds` is not positive."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Time that stands still until it is turned: the fake of every test with a deadline.

    The wall clock moves along, unless a test sets it elsewhere (`wall_ms`).
    """

    def __init__(self, monotonic_seconds: float = 1000.0, wall_ms: int = 1_760_918_400_000) -> None:
        self._now = monotonic_seconds
        self.wall_ms = wall_ms
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._serial = 0

    def __repr__(self) -> str:
        return f"<ManualClock {self._now:.3f}s, {len(self._sleepers)} asleep>"

    def monotonic(self) -> float:
        """Seconds as turned so far."""
        return self._now

    def unix_ms(self) -> int:
        """Unix milliseconds as turned or set so far."""
        return self.wall_ms

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been turned that far."""
        if seconds <= 0.0:
            await asyncio.sleep(0)
            return
        self._serial += 1
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._now + seconds, self._serial, waker))
        await waker

    def jump(self, seconds: float) -> None:
        """Turn the clock all at once, as a suspension does; sleepers wake late."""
        self._now += seconds
        self.wall_ms += round(seconds * 1000)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            self._wake()

    async def advance(self, seconds: float) -> None:
        """Turn the clock, waking each sleeper at its own time and letting it run."""
        await settle()
        target = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            due = self._sleepers[0][0]
            self.wall_ms += round((due - self._now) * 1000)
            self._now = due
            self._wake()
            await settle()
        self.wall_ms += round((target - self._now) * 1000)
        self._now = target
        await settle()

    def _wake(self) -> None:
        _, _, waker = heappop(self._sleepers)
        if not waker.done():
            waker.set_result(None)


async def settle(rounds: int = 20) -> None:
    """Let whatever can run without time passing run: until nothing is left, or so many rounds."""
    # private, and the one place where asyncio says it; without it every round is made
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    for _ in range(rounds):
        await asyncio.sleep(0)
        if ready is not None and not ready:
            return
