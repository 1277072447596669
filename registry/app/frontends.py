"""What frontends say they serve: kept here, and written to the store in groups.

An acknowledgement is confirmed before it is durable: losing one to a crash costs nothing,
since only forward counts (I1) and the frontend's next one says more. A frontend that is
watching but has nothing new to say is kept known as alive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from registry import telemetry
from registry.app.plan_event import Position
from registry.app.plan_feed import PlanFeed
from registry.app.uptime import Uptime
from registry.domain.errors import (
    CellNotFound,
    FieldViolation,
    InvalidField,
    Overloaded,
    StoreUnavailable,
)
from registry.domain.names import CellName, FrontendId
from registry.ports import Acknowledgement, Clock, Store

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
ALIVE_SECONDS = 30.0
"""How often the store is told that a silent, watching frontend is alive."""
FRONTEND_LIMIT = 10_000
"""Frontends remembered; more can only be a mistake, or malice."""

_Key = tuple[FrontendId, CellName]


class Frontends:
    """The last word of each frontend on each cell, as this node heard it."""

    def __init__(
        self,
        store: Store,
        feed: PlanFeed,
        clock: Clock,
        uptime: Uptime,
        *,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock
        self._uptime = uptime
        self._flush_seconds = flush_seconds
        self._applied: dict[_Key, Acknowledgement] = {}
        self._unwritten: dict[tuple[FrontendId, CellName, bool], Acknowledgement] = {}
        self._known: set[FrontendId] = set()
        self._wanted = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Frontends {len(self._known)} known, {len(self._unwritten)} words unwritten>"

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Take a frontend's word. Raises CellNotFound, InvalidField, Overloaded,
        and StoreUnavailable when it cannot be checked.

        An epoch or a generation that no head has reached is refused: believed, it could never
        be corrected, since words only count forward.
        """
        word = acknowledgement
        beyond = self._beyond_head(word)
        if beyond:
            # The frontend may have heard of it from another node first.
            await self._feed.catch_up()
            beyond = self._beyond_head(word)
        if beyond:
            await self._feed.note_ahead(Position(word.cell, word.epoch, word.generation, b""))
            raise InvalidField(*beyond)
        if word.frontend not in self._known:
            if len(self._known) >= FRONTEND_LIMIT:
                raise Overloaded(
                    f"{FRONTEND_LIMIT} frontends are known already.",
                    retry_after_seconds=60.0,
                    limit=FRONTEND_LIMIT,
                )
            self._known.add(word.frontend)
        key = (word.frontend, word.cell)
        last = self._applied.get(key)
        if word.refusal:
            if last is not None and _order(last) == _order(word):
                # it died of it: that it is alive must not be told as that it applied it again
                del self._applied[key]
            telemetry.frontend_refusals.add(1, {"frontend": word.frontend, "cell": word.cell})
            log.error(
                "a frontend refuses a plan",
                extra={
                    "frontend": word.frontend,
                    "cell": word.cell,
                    "generation": word.generation,
                    "refusal": word.refusal,
                },
            )
        elif last is None or _order(word) >= _order(last):
            self._applied[key] = word
            if word.held.count and (last is None or last.held != word.held):
                log.error(
                    "a frontend answers names that this registry lost",
                    extra={
                        "frontend": word.frontend,
                        "cell": word.cell,
                        "generation": word.generation,
                        "names": ",".join(word.held.services),
                        "reason": word.held.reason,
                    },
                )
        self._keep(word)

    def applied(self, cell: CellName) -> Mapping[FrontendId, Acknowledgement]:
        """The last applied generation of each frontend that this node has heard of a cell."""
        return {frontend: word for (frontend, of), word in self._applied.items() if of == cell}

    async def run(self) -> None:
        """Write what was heard, in groups, for ever; and once more when it is cancelled."""
        next_alive = self._clock.monotonic() + ALIVE_SECONDS
        try:
            while True:
                await self._clock.sleep(self._flush_seconds)
                if self._clock.monotonic() >= next_alive:
                    next_alive = self._clock.monotonic() + ALIVE_SECONDS
                    self._note_alive()
                try:
                    await self.flush()
                except StoreUnavailable as error:
                    await self._clock.sleep(error.retry_after_seconds)
        finally:
            if self._unwritten:
                try:
                    await self.flush()
                except StoreUnavailable:
                    log.warning("the last words of frontends could not be written")

    async def flush(self) -> None:
        """Write what was heard and is not written. Raises StoreUnavailable; it is kept then."""
        words, self._unwritten = self._unwritten, {}
        if not words:
            return
        try:
            with self._uptime.asking():
                await self._store.acknowledge(list(words.values()))
        except BaseException:
            # Newer words may have come meanwhile; they stand.
            self._unwritten = words | self._unwritten
            raise

    def _keep(self, word: Acknowledgement) -> None:
        key = (word.frontend, word.cell, bool(word.refusal))
        last = self._unwritten.get(key)
        if last is None or _order(word) >= _order(last):
            self._unwritten[key] = word

    def _note_alive(self) -> None:
        now_ms = self._clock.unix_ms()
        watching = set(self._feed.watchers)
        for word in self._applied.values():
            if word.frontend in watching:
                self._keep(replace(word, time_ms=now_ms))

    def _beyond_head(self, word: Acknowledgement) -> Sequence[FieldViolation]:
        """What of a word lies above the head of its cell, as this node knows it."""
        if word.cell not in self._feed.cells:
            raise CellNotFound(f"cells/{word.cell} does not exist.", name=word.cell)
        record = self._feed.head(word.cell)
        epoch, generation = (0, 0) if record is None else (record.epoch, record.generation)
        return [
            FieldViolation(field, f"is {said}, above the head's, {head}")
            for field, said, head in (
                ("epoch", word.epoch, epoch),
                ("generation", word.generation, generation),
            )
            if said > head
        ]


def _order(word: Acknowledgement) -> tuple[int, int]:
    return word.epoch, word.generation
