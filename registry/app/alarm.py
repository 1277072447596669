"""A wake-up call: waits until it is rung or a time has passed, whichever is first."""

from __future__ import annotations

import asyncio

from registry.ports import Clock


class Alarm:
    """For one waiter. Rung while nobody waits, the next wait ends at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()
        self._expired = False

    def __repr__(self) -> str:
        return f"<Alarm {'rung' if self._rung.is_set() else 'silent'}>"

    def ring(self) -> None:
        """End the wait."""
        self._rung.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Whether it was rung within `seconds`; None waits until it is."""
        if not self._rung.is_set() and (seconds is None or seconds > 0.0):
            self._expired = False
            timer = None
            if seconds is not None:
                timer = asyncio.ensure_future(self._expire(seconds))
            try:
                await self._rung.wait()
            finally:
                if timer is not None:
                    timer.cancel()
            if self._expired:
                self._rung.clear()
                return False
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    async def _expire(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if not self._rung.is_set():
            self._expired = True
            self._rung.set()
