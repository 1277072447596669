"""Who probes the endpoints of this registry's cells: frontends report, operators look."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.app.uptime import Uptime
from registry.domain.errors import CellNotFound, ObserverNotFound, Overloaded
from registry.domain.names import CellName
from registry.domain.observation import ObserverId
from registry.domain.observer import ObserverRecord, ObserverReport, Quarantine
from registry.ports import Clock, Store

FRONTEND_LIMIT = 32
"""Frontends that may report on one cell at once: more eyes see no more, and cost as much."""
HEARD_SECONDS = 60.0


class Observers:
    """What the store knows of observers."""

    def __init__(
        self, store: Store, clock: Clock, uptime: Uptime, cells: Collection[CellName]
    ) -> None:
        self._cells = cells
        self._heard: dict[CellName, dict[ObserverId, float]] = {}
        self._store = store
        self._clock = clock
        self._uptime = uptime

    def __repr__(self) -> str:
        return f"<Observers in {self._store!r}>"

    def unix_ms(self) -> int:
        """The time by which people read what is listed here."""
        return self._clock.unix_ms()

    async def report(self, report: ObserverReport) -> Quarantine:
        """Take a frontend's word; returns whether it is believed.

        Raises CellNotFound, Overloaded, StoreUnavailable.
        """
        if report.cell not in self._cells:
            raise CellNotFound(f"cells/{report.cell} does not exist.", name=report.cell)
        now = self._clock.monotonic()
        heard = self._heard.setdefault(report.cell, {})
        for observer in [each for each, at in heard.items() if now - at > HEARD_SECONDS]:
            del heard[observer]
        if report.observer not in heard and len(heard) >= FRONTEND_LIMIT:
            raise Overloaded(
                f"{FRONTEND_LIMIT} frontends report on cells/{report.cell} already.",
                retry_after_seconds=HEARD_SECONDS,
                limit=FRONTEND_LIMIT,
            )
        heard[report.observer] = now
        with self._uptime.asking():
            return await self._store.observe(report)

    async def list(self, cell: CellName | None, after: tuple[str, str]) -> Sequence[ObserverRecord]:
        """Observers above `after`, by cell and id; None means all cells.

        Raises CellNotFound, StoreUnavailable.
        """
        with self._uptime.asking():
            cells = sorted(head.cell for head in await self._store.heads())
            if cell is not None and cell not in cells:
                raise CellNotFound(f"cells/{cell} does not exist.", name=cell)
            return [
                observer
                for each in (cells if cell is None else [cell])
                for observer in await self._store.observers(each, {})
                if (observer.cell, observer.observer) > after
            ]

    async def get(self, cell: CellName, observer: ObserverId) -> ObserverRecord:
        """One observer. Raises CellNotFound, ObserverNotFound, StoreUnavailable."""
        for record in await self.list(cell, ("", "")):
            if record.observer == observer:
                return record
        name = f"cells/{cell}/observers/{observer}"
        raise ObserverNotFound(f"{name} is not known, or not any more.", name=name)
