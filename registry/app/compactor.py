"""Forgets old history, so that the database does not grow with time."""

from __future__ import annotations

import logging

from registry.app.freezer import Freezer
from registry.domain.errors import StoreUnavailable
from registry.ports import Clock, Store

log = logging.getLogger(__name__)


class Compactor:
    """Runs on every node: to forget twice is to forget once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        freezer: Freezer,
        *,
        keep_revisions: int,
        period_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._freezer = freezer
        self._keep_revisions = keep_revisions
        self._period_seconds = period_seconds

    async def run(self) -> None:
        """Compact for ever, once a period."""
        while True:
            await self._clock.sleep(self._period_seconds)
            if self._freezer.is_any_frozen:
                # History is every cell's, and somebody wants to look at it (I40).
                continue
            try:
                await self._store.compact(self._keep_revisions)
            except StoreUnavailable as error:
                log.warning("history could not be compacted", extra={"error": error.message})
