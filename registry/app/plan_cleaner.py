"""Cleans a cell's chain up, while this node leads it: what nobody can reach goes (I4)."""

from __future__ import annotations

import logging

from registry import telemetry
from registry.app.lead import Lead
from registry.app.uptime import Uptime
from registry.domain.errors import RuleBroken, StoreUnavailable
from registry.domain.gc import Keep
from registry.domain.names import CellName
from registry.ports import Clock, Store

log = logging.getLogger(__name__)

CLEAN_SECONDS = 60.0


class PlanCleaner:
    """Asks the store, again and again; the store decides in the transaction that deletes."""

    def __init__(
        self,
        cell: CellName,
        lead: Lead,
        store: Store,
        clock: Clock,
        uptime: Uptime,
        keep: Keep,
        *,
        clean_seconds: float = CLEAN_SECONDS,
    ) -> None:
        self._cell = cell
        self._lead = lead
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._keep = keep
        self._clean_seconds = clean_seconds

    async def run(self) -> None:
        """Clean for ever. Raises LeadershipLost, CellFrozen."""
        while True:
            await self._clock.sleep(self._clean_seconds)
            try:
                while await self._clean():
                    await self._clock.sleep(0.0)
            except StoreUnavailable as error:
                await self._clock.sleep(error.retry_after_seconds)
            except RuleBroken as error:
                log.error(
                    "the database keeps a plan that nobody seemed to need",
                    extra={"cell": self._cell, "error": error.message},
                )

    async def _clean(self) -> bool:
        with self._uptime.asking():
            cleaned = await self._store.clean(self._lead.fence, self._keep)
        telemetry.plans_deleted.add(cleaned.deleted, {"cell": self._cell})
        return cleaned.more
