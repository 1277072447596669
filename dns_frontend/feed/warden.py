"""Watches over generations in service: those that we outlive become known goods.

Looks once a second, and does nothing else most of the time. A disk that fails costs
a known good, never an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from dns_frontend import telemetry
from dns_frontend.feed.vault import Vault
from dns_frontend.plan.cell import CellState, Snapshot
from dns_frontend.plan.probation import Pace, Record, Soak, soak

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Warden:
    """One frontend's. For one event loop."""

    def __init__(
        self,
        frontend: str,
        vault: Vault,
        states: Callable[[], Iterable[CellState]],
        pace: Pace,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._frontend = frontend
        self._vault = vault
        self._states = states
        self._pace = pace
        self._clock = clock
        self._begun = clock()
        self._record = Record()
        self._soaks: dict[str, Soak] = {}

    def __repr__(self) -> str:
        soaking = sorted(c for c, s in self._soaks.items() if s.candidate is not None)
        return f"<Warden {self._frontend} {self._record} soaking={soaking}>"

    def begin(self, lives: Record, good: Mapping[str, Snapshot]) -> None:
        """Go on from what is on disk."""
        self._record = lives
        self._begun = self._clock()
        self._soaks = {cell: Soak(proven=each.position.digest) for cell, each in good.items()}

    async def run(self) -> None:
        """Look after all cells, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Let those prove themselves whose time has come."""
        now = self._clock()
        if not self._record.proven and now - self._begun >= self._pace.soak_seconds:
            await self._write_record(replace(self._record, proven=True, deaths=0))
        for state in self._states():
            if state.refused is not None:
                continue  # what is in doubt proves nothing
            before = self._soaks.get(state.cell, Soak())
            self._soaks[state.cell], proven = soak(before, state.served, now, self._pace)
            if proven is not None:
                await self._keep(proven)

    async def end(self) -> None:
        """Write down that this life ended well."""
        await self._write_record(replace(self._record, running=False))

    async def _keep(self, proven: Snapshot) -> None:
        position = proven.position
        where = {"frontend": self._frontend, "cell": position.cell}
        try:
            path = await asyncio.to_thread(self._vault.keep, proven)
        except OSError as error:
            # tried again with what is served after the next interval
            log.error("a known good cannot be written", extra=where | {"error": str(error)})
            return
        telemetry.goods_kept.add(1, where)
        log.info(
            "a generation has proven itself",
            extra=where | {"generation": position.generation, "path": str(path)},
        )

    async def _write_record(self, lives: Record) -> None:
        if lives == self._record:
            return
        try:
            await asyncio.to_thread(self._vault.write_record, lives)
        except OSError as error:
            log.error("the record of our lives cannot be written", extra={"error": str(error)})
            return
        self._record = lives
