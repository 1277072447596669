"""This node as an observer of a cell (I14): it probes while another leads, and tells its findings.

What it tells is one row of the store, written when a finding changes and, for proof that it
lives, every few seconds; so trouble costs what has changed, and rest costs next to nothing.
While this node leads, its probes are the reconciler's and only the row is kept, by the beat:
nobody weighs a leader's row but people, and whoever leads next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.mirror import Mirror
from registry.app.probe_loop import ProbeLoop
from registry.app.probe_schedule import ProbeSchedule, no_word
from registry.app.sight import Sight
from registry.app.uptime import Uptime
from registry.domain.change import Change, InstancePut, InstanceRemoved
from registry.domain.errors import StoreUnavailable
from registry.domain.instance import Instance
from registry.domain.names import CellName, RegionName, ServiceKey
from registry.domain.observation import BEAT_SECONDS, ObserverId
from registry.domain.observer import ObserverReport
from registry.domain.service import HealthPolicy
from registry.ports import Clock, Prober, Store

log = logging.getLogger(__name__)

NEWS_SECONDS = 0.25
"""Findings that change are told together, at most so often."""
WHOLE_SECONDS = 30.0
"""All findings are told anew so often, in case the row was lost meanwhile."""
FAULT_PAUSE_SECONDS = 1.0


class Vantage:
    """One node's observation of one cell."""

    def __init__(
        self,
        cell: CellName,
        region: RegionName,
        me: ObserverId,
        sight: Sight,
        store: Store,
        mirror: Mirror,
        prober: Prober,
        clock: Clock,
        uptime: Uptime,
        policy_of: Callable[[ServiceKey], HealthPolicy],
        *,
        concurrency: int,
    ) -> None:
        self._cell = cell
        self._region = region
        self._me = me
        self._sight = sight
        self._store = store
        self._mirror = mirror
        self._prober = prober
        self._clock = clock
        self._uptime = uptime
        self._policy_of = policy_of
        self._concurrency = concurrency
        self._alarm = Alarm(clock)
        self._told = -1
        self._told_targets = 0
        self._whole_at = 0.0
        """When all findings were told last."""
        sight.changed = self._alarm.ring

    def __repr__(self) -> str:
        return f"<Vantage {self._me} of {self._cell}: {self._sight!r}>"

    async def watch(self) -> None:
        """Probe the cell's endpoints and tell what is found, for ever; decides nothing."""
        while True:
            try:
                await self._watch()
            except* Exception:
                # Its row grows old and its words stop counting; the leader goes on without.
                log.exception("observing a cell failed", extra={"cell": self._cell})
                telemetry.task_restarts.add(1, {"task": f"vantage {self._cell}"})
                await self._clock.sleep(FAULT_PAUSE_SECONDS)

    async def _watch(self) -> None:
        schedule = ProbeSchedule(self._policy_of, note=self._sight.note, consult=no_word)
        probes = ProbeLoop(
            schedule, self._prober, self._clock, lambda _: None, concurrency=self._concurrency
        )

        def put(instance: Instance) -> None:
            if instance.registration.cell == self._cell:
                schedule.put(instance, self._clock.monotonic())
                probes.wake()
            else:
                schedule.remove(instance.key, self._clock.monotonic())

        def heard(changes: Sequence[Change]) -> None:
            for change in changes:
                match change:
                    case InstancePut():
                        put(change.instance)
                    case InstanceRemoved():
                        schedule.remove(change.key, self._clock.monotonic())
                    case _:
                        pass

        for instance in self._mirror.instances.values():
            put(instance)
        unsubscribe = self._mirror.subscribe(heard)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(probes.run())
                tasks.create_task(self.tell())
        finally:
            unsubscribe()

    async def tell(self, news_seconds: float = NEWS_SECONDS) -> None:
        """Keep this node's row, for ever; news of it at most so often."""
        while True:
            await self._report()
            await self._clock.sleep(news_seconds)
            if self._told == self._sight.version and news_seconds < BEAT_SECONDS:
                await self._alarm.wait(BEAT_SECONDS - news_seconds)

    async def _report(self) -> None:
        version = self._sight.version
        now = self._clock.monotonic()
        targets = len(self._sight.views)
        # More targets are no news by themselves: they are told with the next beat.
        if now - self._whole_at >= WHOLE_SECONDS or targets != self._told_targets:
            self._told = -1
        findings = self._sight.findings() if version != self._told else None
        now_ms = self._clock.unix_ms()
        report = ObserverReport(self._cell, self._me, self._region, findings, now_ms)
        try:
            with self._uptime.asking():
                await self._store.observe(report)
        except StoreUnavailable as error:
            self._told = -1
            await self._clock.sleep(error.retry_after_seconds)
            return
        self._told, self._told_targets = version, targets
        if findings is not None:
            self._whole_at = now
