"""Probes what the schedule says, many at once, and hands on what is to be recorded.

Slow targets never delay the others: a target whose last try failed has slots of its own to
take its whole timeout in, and a probe that turns out slow gives its slot back and goes on
beside, or is put off when there is no room. So sockets are bounded, and the wait for a slot
is, too (I25).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.probe_schedule import ProbeSchedule, Target
from registry.domain.health import Evidence, heard, worst_of
from registry.domain.instance import Check
from registry.domain.names import InstanceKey
from registry.domain.operation import Judge
from registry.ports import Clock, Prober

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
SLOW_SECONDS = 0.1
"""A probe that has run for longer gives its slot to the next."""
BESIDE, DOUBTFUL = 4, 2
"""Places for slow probes, and for targets that failed last time, a slot."""
SOCKETS_A_SLOT = 1 + BESIDE + DOUBTFUL
"""Probes that may be under way at most, for one slot of `concurrency`."""
SLICE_SECONDS = 0.005
"""Probes due within this of each other are started together: one wake-up for many."""


class ProbeLoop:
    """The probes of one cell, while this node leads it."""

    def __init__(
        self,
        schedule: ProbeSchedule,
        prober: Prober,
        clock: Clock,
        report: Callable[[Judge], None],
        *,
        concurrency: int,
    ) -> None:
        self._schedule = schedule
        self._prober = prober
        self._clock = clock
        self._report = report
        self._alarm = Alarm(clock)
        self._free_slots = concurrency
        self._free_doubtful_slots = concurrency * DOUBTFUL
        self._free_places_beside = concurrency * BESIDE
        self._quick: dict[Target, tuple[float, asyncio.Task[None]]] = {}
        """Those in slots, with their start, in the order of it."""
        self._put_off: set[Target] = set()
        self._doubtful: deque[Target] = deque()
        self._wakes_at = 0.0
        self._under_way: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return (
            f"<ProbeLoop {len(self._schedule)} targets, {len(self._under_way)} under way, "
            f"{len(self._doubtful)} doubtful ones waiting>"
        )

    def wake(self) -> None:
        """The schedule has changed: something may be due at once."""
        self._alarm.ring()

    async def run(self) -> None:
        """Probe for ever; on cancellation no probe is left under way."""
        try:
            while True:
                self._start_due()
                pause = self._pause()
                self._wakes_at = self._clock.monotonic() + pause
                await self._alarm.wait(pause)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _start_due(self) -> None:
        while self._doubtful and self._free_doubtful_slots:
            self._free_doubtful_slots -= 1
            self._start(self._doubtful.popleft(), doubtful=True)
        now = self._clock.monotonic()
        self._set_slow_aside(now)
        while self._free_slots and (target := self._schedule.take(now)) is not None:
            if not target.is_doubtful:
                self._free_slots -= 1
                self._quick[target] = now, self._start(target, doubtful=False)
            elif self._free_doubtful_slots:
                self._free_doubtful_slots -= 1
                self._start(target, doubtful=True)
            else:
                self._doubtful.append(target)

    def _set_slow_aside(self, now: float) -> None:
        while self._quick:
            target, (begun, task) = next(iter(self._quick.items()))
            if now - begun < SLOW_SECONDS:
                return
            del self._quick[target]
            self._free_slots += 1
            if self._free_places_beside:
                self._free_places_beside -= 1
            else:
                # Nothing is concluded from a probe cut short: it is made again among those of
                # targets in doubt, where it may take its time.
                self._put_off.add(target)
                self._doubtful.append(target)
                task.cancel()

    def _pause(self) -> float:
        if not self._free_slots:
            eldest, _ = next(iter(self._quick.values()))
            return max(SLICE_SECONDS, eldest + SLOW_SECONDS - self._clock.monotonic())
        due = self._schedule.next_due()
        if due is None:
            return IDLE_SECONDS
        return max(SLICE_SECONDS, due - self._clock.monotonic())

    def _start(self, target: Target, *, doubtful: bool) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._probe(target, doubtful))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _probe(self, target: Target, doubtful: bool) -> None:
        check = target.instance.registration.check
        begun = self._clock.monotonic()
        try:
            result = await self._try(
                check, target.instance.key, target.instance.registration.addresses
            )
            now = self._clock.monotonic()
            result = heard(result, now - begun, check.timeout_seconds)
            telemetry.probes.add(1, {"evidence": result.value})
            telemetry.probe_duration.record(now - begun)
            verdict = self._schedule.settle(target, result, now)
            if verdict is not None:
                self._report(verdict)
        finally:
            if doubtful:
                self._free_doubtful_slots += 1
                if self._doubtful:
                    self._alarm.ring()
            elif target in self._put_off:
                self._put_off.remove(target)
            else:
                if self._quick.pop(target, None) is None:
                    self._free_places_beside += 1
                else:
                    self._free_slots += 1
                if self._free_slots <= 1:
                    self._alarm.ring()
            due = self._schedule.next_due()
            if due is not None and due + SLICE_SECONDS < self._wakes_at:
                self._alarm.ring()

    async def _try(self, check: Check, key: InstanceKey, addresses: tuple[str, ...]) -> Evidence:
        try:
            if len(addresses) == 1:
                return await self._prober.probe(check, addresses[0], key)
            # Every address is answered with, so every one is tried.
            return worst_of(
                await asyncio.gather(*(self._prober.probe(check, one, key) for one in addresses))
            )
        except Exception:
            # A prober promises not to raise. One that does has failed itself, which says
            # nothing of the target (I11).
            log.exception("a probe failed by itself")
            return Evidence.NONE
