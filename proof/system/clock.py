"""Clocks of processes: each runs a little fast or slow, and its wall clock may jump."""

from __future__ import annotations

import asyncio

from proof.system.loop import VirtualLoop

WALL_MS = 1_760_918_400_000
"""19 October 2025, midnight in UTC."""


class ProcessClock:
    """`registry.ports.Clock` of one process. Its monotonic clock never goes back."""

    def __init__(self, loop: VirtualLoop, offset_seconds: float = 0.0, rate: float = 1.0) -> None:
        """`rate`: seconds of this clock in a second of true time."""
        self._loop = loop
        self._offset_seconds = offset_seconds
        self._rate = rate
        self._wall_ahead_ms = 0

    def __repr__(self) -> str:
        return f"<ProcessClock {self.monotonic():.3f}s, {self._wall_ahead_ms / 1000:+.0f}s>"

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._offset_seconds + self._loop.time() * self._rate

    def unix_ms(self) -> int:
        """Unix milliseconds, right or wrong."""
        return WALL_MS + self._wall_ahead_ms + round(self._loop.time() * 1000)

    def unix_seconds(self) -> float:
        """The same as `time.time` tells it."""
        return self.unix_ms() / 1000

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back."""
        self._wall_ahead_ms += round(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        """Wait, by this clock."""
        await asyncio.sleep(max(0.0, seconds) / self._rate)
