"""What a reconciler has only while its node leads the cell."""

from __future__ import annotations

from registry.app.probe_loop import ProbeLoop
from registry.app.probe_schedule import ProbeSchedule
from registry.app.reaper import Reaper
from registry.domain.health import Health
from registry.domain.instance import Instance
from registry.domain.names import CellName, InstanceKey
from registry.ports import Clock


class Reign:
    """The probes and the reaping of one lead; nothing of it outlives the lead."""

    def __init__(
        self,
        cell: CellName,
        clock: Clock,
        schedule: ProbeSchedule,
        probes: ProbeLoop,
        reaper: Reaper,
    ) -> None:
        self.probes = probes
        self._cell = cell
        self._clock = clock
        self._schedule = schedule
        self._reaper = reaper

    def put(self, instance: Instance) -> None:
        """An instance of any cell is as it is now said to be."""
        if instance.registration.cell != self._cell:
            self._schedule.remove(instance.key, self._clock.monotonic())
            return
        now = self._clock.monotonic()
        unix_ms = self._clock.unix_ms()
        self._schedule.put(instance, now, unix_ms)
        self._reaper.put(instance, now, unix_ms)
        if instance.health is Health.UNKNOWN:
            self.probes.wake()

    def remove(self, key: InstanceKey) -> None:
        """An instance is gone."""
        self._schedule.remove(key, self._clock.monotonic())
