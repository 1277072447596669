"""Keeps background loops running: one that dies is logged loudly and started again.

A fault in one loop must not end the process, nor go unnoticed: the registry that
answers but has stopped expiring leases is worse than one that is plainly down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry import telemetry
from registry.ports import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
WELL_AFTER_SECONDS = 30.0
"""A loop that ran so long has recovered: its next death counts as a first."""


@dataclass(slots=True)
class _Loop:
    task: asyncio.Task[None]
    deaths: int = 0
    alive: bool = True


class Supervisor:
    """Runs named loops until it is stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loops: dict[str, _Loop] = {}

    def __repr__(self) -> str:
        ill = sorted(name for name, loop in self._loops.items() if not loop.alive)
        return f"<Supervisor loops={len(self._loops)} down={ill}>"

    @property
    def down(self) -> list[str]:
        """Loops that died and have not been started again yet."""
        return sorted(name for name, loop in self._loops.items() if not loop.alive)

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a loop; when it raises, run it anew after a pause. One that returns has finished."""
        task = asyncio.create_task(self._keep(name, run), name=name)
        self._loops[name] = _Loop(task)

    async def finish(self, name: str, timeout_seconds: float) -> None:
        """Wait for a loop to return by itself; after the timeout it is cancelled."""
        loop = self._loops.pop(name, None)
        if loop is not None:
            done, _ = await asyncio.wait({loop.task}, timeout=timeout_seconds)
            if not done:
                log.warning("a loop did not finish in time", extra={"task": name})
                loop.task.cancel()
                await asyncio.wait({loop.task})

    async def cancel(self, name: str) -> None:
        """Cancel a loop and wait for it."""
        loop = self._loops.pop(name, None)
        if loop is not None:
            loop.task.cancel()
            await asyncio.wait({loop.task})

    async def stop(self) -> None:
        """Cancel all loops, the last started first, and wait for them."""
        while self._loops:
            _, loop = self._loops.popitem()
            loop.task.cancel()
            await asyncio.wait({loop.task})

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            begun = self._clock.monotonic()
            try:
                await run()
                return
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # not ours: something that the loop waited for was cancelled under it
                log.error("a loop was cut off; it is started again", extra={"task": name})
            except Exception:
                log.exception("a loop died; it is started again", extra={"task": name})
            loop = self._loops[name]
            if self._clock.monotonic() - begun >= WELL_AFTER_SECONDS:
                loop.deaths = 0
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**loop.deaths)
            # the exponent must not grow for ever
            loop.deaths = min(loop.deaths + 1, 10)
            loop.alive = False
            telemetry.task_restarts.add(1, {"task": name})
            await self._clock.sleep(pause)
            loop.alive = True
