"""Who probes the endpoints of this registry's cells, for operators to look at."""

from __future__ import annotations

from collections.abc import Sequence

from registry.app.uptime import Uptime
from registry.domain.errors import CellNotFound, ObserverNotFound
from registry.domain.names import CellName
from registry.domain.observation import ObserverId
from registry.domain.observer import ObserverRecord
from registry.ports import Clock, Store


class Observers:
    """Reads what the store knows of observers."""

    def __init__(self, store: Store, clock: Clock, uptime: Uptime) -> None:
        self._store = store
        self._clock = clock
        self._uptime = uptime

    def __repr__(self) -> str:
        return f"<Observers in {self._store!r}>"

    def unix_ms(self) -> int:
        """The time by which people read what is listed here."""
        return self._clock.unix_ms()

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
