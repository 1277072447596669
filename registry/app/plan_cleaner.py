"""Cleans up while this node leads a cell: what nobody can reach, or need, goes (I4)."""

from __future__ import annotations

import logging

from registry import telemetry
from registry.app.lead import Lead
from registry.app.mirror import Mirror
from registry.app.uptime import Uptime
from registry.domain.errors import RuleBroken, StoreUnavailable
from registry.domain.gc import Keep
from registry.domain.names import CellName
from registry.ports import Clock, Store

log = logging.getLogger(__name__)

CLEAN_SECONDS = 60.0
SHOWN = 20
"""Of what was deleted, in a line of the log."""


class PlanCleaner:
    """Asks the store, again and again; the store decides in the transaction that deletes."""

    def __init__(
        self,
        cell: CellName,
        lead: Lead,
        store: Store,
        mirror: Mirror,
        clock: Clock,
        uptime: Uptime,
        keep: Keep,
        clean_seconds: float = CLEAN_SECONDS,
    ) -> None:
        self._cell = cell
        self._lead = lead
        self._store = store
        self._mirror = mirror
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
                await self._forget()
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

    async def _forget(self) -> None:
        with self._uptime.asking():
            forgotten = await self._store.forget(self._lead.fence, self._keep)
        self._mirror.forget(forgotten.buried, forgotten.revision)
        if forgotten.frontends or forgotten.services:
            log.info(
                "rows of what is no more are deleted",
                extra={
                    "cell": self._cell,
                    "frontends": " ".join(forgotten.frontends[:SHOWN]),
                    "frontends_deleted": len(forgotten.frontends),
                    "services": " ".join(key.entry for key in forgotten.services[:SHOWN]),
                    "services_deleted": len(forgotten.services),
                },
            )
