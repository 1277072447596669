"""The part of the store in memory that holds observers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.memory_publication import MemoryPublication
from registry.domain.names import CellName
from registry.domain.observation import Findings, ObserverId
from registry.domain.observer import ObserverRecord, ObserverReport, Quarantine
from registry.domain.operation import Fence
from registry.ports import Clock


class MemoryObservers(MemoryPublication):
    """What `MemoryStore` knows of observers; never used by itself."""

    def __init__(self, clock: Clock, notifier: LocalNotifier | None = None) -> None:
        super().__init__(clock, notifier)
        self._observers: dict[tuple[CellName, ObserverId], ObserverRecord] = {}

    async def observe(self, report: ObserverReport) -> Quarantine:
        """Keep an observer's last word; a first one without findings says nothing.

        Returns what the cell's leader last made of it.
        """
        self._answer()
        key = (report.cell, report.observer)
        known = self._observers.get(key)
        if known is None:
            self._observers[key] = ObserverRecord(
                report.cell,
                report.observer,
                report.region,
                report.time_ms,
                report.time_ms,
                report.findings or Findings(0, {}, complete=False),
                report.time_ms,
            )
            return Quarantine()
        self._observers[key] = replace(
            known,
            region=report.region,
            beat=known.beat + 1,
            version=known.version + (report.findings is not None),
            findings=report.findings or known.findings,
            seen_ms=report.time_ms,
        )
        return Quarantine(known.quarantine_ms, known.why)

    async def observers(
        self, cell: CellName, known: Mapping[ObserverId, int]
    ) -> Sequence[ObserverRecord]:
        """The observers of a cell, by id; findings only where the version is another."""
        self._answer()
        found = sorted(
            (record for record in self._observers.values() if record.cell == cell),
            key=lambda record: record.observer,
        )
        return [
            replace(each, findings=None) if known.get(each.observer) == each.version else each
            for each in found
        ]

    async def judge_observers(
        self, fence: Fence, held: Mapping[ObserverId, Quarantine], gone: Sequence[ObserverId]
    ) -> None:
        """Keep whom the leader believes, and forget who is gone. Raises LeadershipLost."""
        self._answer()
        self._check_fence(fence)
        for observer, each in held.items():
            key = (fence.cell, observer)
            if key in self._observers:
                self._observers[key] = replace(
                    self._observers[key], quarantine_ms=each.since_ms, why=each.why
                )
        for observer in gone:
            self._observers.pop((fence.cell, observer), None)
