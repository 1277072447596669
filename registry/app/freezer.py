"""The switch that stops a cell's automation: a row in the database, or a file beside it.

    freeze file                     stops
    ------------------------------  --------------------------------------
    absent                          nothing
    empty                           every cell
    has names of cells, one a line  those cells; `all`: every cell
    cannot be read                  every cell: somebody put it there (I39)

The file needs no database and works when nothing else does (I40). Either stops the
planner, publisher, reconciler and clean-up of the cell here within a second; what is
committed under a freeze in the database is refused there as well. Answers go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.uptime import Uptime
from registry.domain.errors import StoreUnavailable
from registry.domain.names import CellName
from registry.domain.notice import Notice, Topic
from registry.ports import ALL_CELLS, Clock, Notifier, Store

log = logging.getLogger(__name__)

EVERY_CELL = "all"
"""In the file, as `freeze all` has it; a line of its own."""
FILE_SECONDS = 0.1
STORE_SECONDS = 0.5
NOTICED_STORE_SECONDS = 0.8
"""While notices come. Still within the second that I40 allows, should one be lost."""


class Freezer:
    """Which of this node's cells are frozen, as far as it knows."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        uptime: Uptime,
        cells: Mapping[CellName, object],
        read_file: Callable[[], str | None],
        *,
        file: str = "freeze",
        notifier: Notifier | None = None,
    ) -> None:
        """`read_file` gives the text of the freeze file, None without one; `file` is where it is,
        for people."""
        self._file = file
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._read_file = read_file
        self._by_file: Mapping[str, str] = {}
        self._by_store: Mapping[str, str] = {}
        self._strange: tuple[str, ...] = ()
        self._cells = tuple(cells)
        self._changed = asyncio.Event()
        self._notifier = notifier
        self._alarm = Alarm(clock)
        if notifier is not None:
            notifier.subscribe((Topic.FREEZE,), self._noticed)
        self._look_at = float("-inf")

    def __repr__(self) -> str:
        return f"<Freezer frozen={[cell for cell in self._cells if self.reason(cell)]}>"

    def reason(self, cell: CellName) -> str:
        """Why a cell is frozen; empty when it is not."""
        for known in (self._by_file, self._by_store):
            for scope in (cell, ALL_CELLS):
                if scope in known:
                    return known[scope]
        return ""

    def file_of(self, cell: CellName) -> str:
        """Where the freeze file is that stops a cell of this node; empty when none does."""
        held = cell in self._cells and bool({cell, ALL_CELLS} & self._by_file.keys())
        return self._file if held else ""

    @property
    def is_any_frozen(self) -> bool:
        """Whether any cell of this node is."""
        return any(map(self.reason, self._cells))

    def suspect(self) -> None:
        """The store refused a write because of a freeze: look there at once."""
        self._look_at = float("-inf")
        self._alarm.ring()

    async def until_thawed(self, cell: CellName) -> None:
        """Wait until a cell is not frozen."""
        while self.reason(cell):
            await self._changed.wait()

    async def until_frozen(self, cell: CellName) -> str:
        """Wait until a cell is frozen; why it is."""
        while not (reason := self.reason(cell)):
            await self._changed.wait()
        return reason

    async def run(self) -> None:
        """Look at both switches for ever."""
        while True:
            self.look_at_file()
            if self._clock.monotonic() >= self._look_at:
                self._look_at = self._clock.monotonic() + self._store_seconds
                await self._look_beside()
            else:
                await self._alarm.wait(FILE_SECONDS)

    async def _look_beside(self) -> None:
        # Never waited for: the file must work while the store does not answer.
        asking = asyncio.create_task(self.look_at_store())
        try:
            await self._alarm.wait(FILE_SECONDS)
            while not asking.done():
                self.look_at_file()
                await self._clock.sleep(FILE_SECONDS)
        finally:
            asking.cancel()

    @property
    def _store_seconds(self) -> float:
        if self._notifier is not None and self._notifier.is_listening:
            return NOTICED_STORE_SECONDS
        return STORE_SECONDS

    def _noticed(self, notice: Notice) -> None:
        if notice.topic is Topic.MISSED or notice.scope in (ALL_CELLS, *self._cells):
            self.suspect()

    def look_at_file(self) -> None:
        """See whether the file is there, and what it says."""
        try:
            text = self._read_file()
        except OSError as error:
            text = ""
            if not self._by_file:
                log.error(
                    "the freeze file cannot be read, so it holds", extra={"error": str(error)}
                )
        if text is None:
            self._strange = ()
            self._learn(file={}, store=self._by_store)
            return
        scopes = [line.strip() for line in text.splitlines() if line.strip()] or [ALL_CELLS]
        scopes = [ALL_CELLS if scope == EVERY_CELL else scope for scope in scopes]
        self._tell_strange(tuple(s for s in scopes if s not in (ALL_CELLS, *self._cells)))
        self._learn(file=dict.fromkeys(scopes, "the freeze file is there"), store=self._by_store)

    def _tell_strange(self, scopes: tuple[str, ...]) -> None:
        # May be meant for other nodes; who misspelt one believes that it stands still.
        if scopes and scopes != self._strange:
            log.error(
                "the freeze file names what is no cell of this node, which stops nothing here",
                extra={"names": ",".join(scopes), "cells": ",".join(self._cells)},
            )
        self._strange = scopes

    async def look_at_store(self) -> None:
        """See what is frozen in the database; what was known stands while it is away."""
        try:
            with self._uptime.asking():
                found = await self._store.freezes()
        except StoreUnavailable:
            return
        self._learn(file=self._by_file, store={made.scope: made.reason for made in found})

    def _learn(self, file: Mapping[str, str], store: Mapping[str, str]) -> None:
        if (file, store) == (self._by_file, self._by_store):
            return
        before = {cell: self.reason(cell) for cell in self._cells}
        self._by_file, self._by_store = file, store
        for cell in self._cells:
            reason = self.reason(cell)
            telemetry.frozen.set(int(bool(reason)), {"cell": cell})
            if bool(reason) != bool(before[cell]):
                text = "a cell is frozen" if reason else "a cell is frozen no more"
                log.warning(text, extra={"cell": cell, "reason": reason or before[cell]})
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
