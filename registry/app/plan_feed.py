"""Tells frontends the plan chains of this registry's cells, on every node.

The leader of a cell hands its generations over directly; other nodes fetch them from the
store when a notice says that there is one, and on a poll in any case. Nothing is queued
for a watcher: each has a cursor and reads the chain when it gets round to it, so a slow
one costs nobody anything, and when it has fallen too far behind it is given a base.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass

from registry.app.alarm import Alarm
from registry.app.plan_chain import RECENT_OCTETS, PlanChain
from registry.app.plan_event import (
    BasePart,
    Checkpoint,
    DeltaStep,
    PlanEvent,
    Position,
    position_of,
)
from registry.app.uptime import Uptime
from registry.domain.cell_plan import octets_of
from registry.domain.errors import StoreUnavailable
from registry.domain.names import CellName, FrontendId, Generation, RegionName
from registry.domain.notice import Notice, Topic
from registry.domain.plan import Head, PlanDelta, PlanRecord
from registry.domain.sighting import Claim
from registry.ports import Clock, Notifier, Store

__all__ = [
    "BasePart",
    "Checkpoint",
    "DeltaStep",
    "PlanEvent",
    "PlanFeed",
    "Position",
]

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""While notices come, heads are looked for at each checkpoint, which must be proven anyhow."""
GAP_SECONDS = 0.02
"""From one fetch to the next, so that those of a busy cell are not one a generation."""
CHECKPOINT_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""A head whose plan cannot be read is tried again after this."""
FETCH_LIMIT = 256


@dataclass(slots=True)
class _Cursor:
    """Where one watcher is in one cell's chain."""

    position: Position | None
    """None: it has nothing, or nothing of this chain."""
    verified: bool = False
    """Whether the position is known to be of this chain."""
    told_at: float = float("-inf")


class PlanFeed:
    """The chains of all cells of this registry, and those who watch them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        uptime: Uptime,
        cells: Mapping[CellName, RegionName],
        *,
        notifier: Notifier | None = None,
        poll_seconds: float = POLL_SECONDS,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._poll_seconds = poll_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._chains = {cell: PlanChain(cell, region) for cell, region in cells.items()}
        self._watchers: dict[asyncio.Event, FrontendId] = {}
        self._notifier = notifier
        self._alarm = Alarm(clock)
        if notifier is not None:
            notifier.subscribe((Topic.HEAD,), self._noticed)

    def __repr__(self) -> str:
        return f"<PlanFeed {list(self._chains.values())} watchers={len(self._watchers)}>"

    @property
    def cells(self) -> Collection[CellName]:
        """The cells of this registry."""
        return self._chains.keys()

    @property
    def watchers(self) -> Sequence[FrontendId]:
        """Frontends with a stream open here."""
        return tuple(self._watchers.values())

    def head(self, cell: CellName) -> PlanRecord | None:
        """The head of a cell as this node knows it."""
        return self._chains[cell].record

    # --- The leader's side -----------------------------------------------------------

    def adopt(self, record: PlanRecord, entries: Mapping[str, bytes]) -> None:
        """This node leads the cell, and this is its active generation."""
        chain = self._chains[record.cell]
        chain.is_led = True
        chain.replace(record, entries)
        self._wake()

    def publish(self, record: PlanRecord, delta: PlanDelta) -> bool:
        """The next generation of a cell led here; False if it does not follow: adopt one then."""
        extended = self._chains[record.cell].extend(record, delta)
        if extended:
            self._wake()
        return extended

    def confirm(self, cell: CellName, until: float) -> None:
        """Until then, by the monotonic clock, nobody else can move the cell's head."""
        self._chains[cell].confirmed_until = until

    def release(self, cell: CellName) -> None:
        """This node leads the cell no more; from here on the store says where its head is."""
        chain = self._chains[cell]
        chain.is_led = False
        chain.confirmed_until = 0.0

    # --- The followers' side ---------------------------------------------------------

    async def run(self) -> None:
        """Fetch what other leaders publish, and give the beat of checkpoints, for ever."""
        next_beat = self._clock.monotonic()
        while True:
            begun = self._clock.monotonic()
            pause = self._pause_seconds
            try:
                await self.catch_up()
            except StoreUnavailable as error:
                pause = max(pause, error.retry_after_seconds)
            # right after the look, so that what is told has just been proven
            if self._clock.monotonic() >= next_beat:
                next_beat = self._clock.monotonic() + self._checkpoint_seconds
                self._wake()
            await self._alarm.wait(min(pause, next_beat - self._clock.monotonic()))
            await self._clock.sleep(begun + GAP_SECONDS - self._clock.monotonic())

    @property
    def _pause_seconds(self) -> float:
        if self._notifier is not None and self._notifier.is_listening:
            return self._checkpoint_seconds
        return self._poll_seconds

    def _noticed(self, notice: Notice) -> None:
        chain = self._chains.get(CellName(notice.scope))
        if notice.topic is Topic.MISSED or (
            chain is not None and not chain.is_led and chain.generation != notice.number
        ):
            self._alarm.ring()

    async def catch_up(self) -> None:
        """Bring the chains led elsewhere up to their heads. Raises StoreUnavailable."""
        followed = [chain for chain in self._chains.values() if not chain.is_led]
        if not followed:
            return
        asked_at = self._clock.monotonic()
        with self._uptime.asking():
            heads = {head.cell: head for head in await self._store.heads()}
        moved = False
        for chain in followed:
            head = heads.get(chain.cell)
            if head is None or asked_at < chain.retry_at:
                continue
            try:
                moved |= await self._follow(chain, head, asked_at)
            except StoreUnavailable:
                raise
            except Exception:
                chain.retry_at = asked_at + RETRY_SECONDS
                # What the database holds of one cell hurts no other (I10, I20).
                log.exception("a cell's plans cannot be read", extra={"cell": chain.cell})
        if moved:
            self._wake()

    async def _follow(self, chain: PlanChain, head: Head, asked_at: float) -> bool:
        before = chain.record
        if before is not None and chain.is_contradicted_by(head):
            # An older backup took the database's place. Watchers may have this, and never go
            # back (I1): whoever leads is to come after it (I10).
            await self.note_ahead(position_of(before))
            if chain.is_led:
                return False
        if before is not None and before.generation < head.generation:
            steps = await self._store.deltas_after(chain.cell, before.generation, FETCH_LIMIT)
            if chain.is_led:
                return False
            for record, delta in steps:
                if not chain.extend(record, delta):
                    break
        if head.generation > 0 and (
            chain.record is None
            or (chain.generation, chain.record.digest) != (head.generation, head.digest)
        ):
            found = await self._store.read_plan(chain.cell, head.generation)
            if chain.is_led:
                return False
            if found is None:
                chain.retry_at = asked_at + RETRY_SECONDS
            else:
                chain.replace(*found)
        if chain.record is not None and chain.record.digest == head.digest:
            chain.confirmed_until = asked_at + 2 * self._poll_seconds
        return chain.record is not before

    # --- The watchers' side ----------------------------------------------------------

    async def watch(
        self, frontend: FrontendId, have: Sequence[Position]
    ) -> AsyncGenerator[PlanEvent, None]:
        """Follow all cells from where the frontend is, for ever.

        Close the iterator when the frontend goes away. Raises StoreUnavailable when the
        store is out of reach and this node knows of no plan.
        """
        if any(chain.record is None for chain in self._chains.values()):
            await self._first_look()
        await self._note_ahead(have)
        cursors = {cell: _Cursor(None) for cell in self._chains}
        for position in have:
            if position.cell in cursors:
                cursors[position.cell].position = position
        wake = asyncio.Event()
        self._watchers[wake] = frontend
        try:
            while True:
                wake.clear()
                for cell, cursor in cursors.items():
                    async for event in self._advance(self._chains[cell], cursor):
                        yield event
                await wake.wait()
        finally:
            del self._watchers[wake]

    async def _first_look(self) -> None:
        try:
            await self.catch_up()
        except StoreUnavailable:
            if all(chain.record is None for chain in self._chains.values()):
                raise

    async def _note_ahead(self, have: Sequence[Position]) -> None:
        """Tell the store of positions that this node cannot place: it may have been set back."""
        unplaced = [
            position
            for position in have
            if position.cell in self._chains and self._is_ahead(position)
        ]
        if not unplaced:
            return
        try:
            await self.catch_up()
            for position in unplaced:
                if self._is_ahead(position):
                    await self.note_ahead(position)
        except StoreUnavailable:
            # It comes again with the frontend's next stream; answers wait for nothing.
            return

    def _is_ahead(self, position: Position) -> bool:
        chain = self._chains[position.cell]
        record = chain.record
        if record is None:
            return position.generation > 0
        return (
            position.epoch > record.epoch
            or position.generation > record.generation
            or (position.generation == record.generation and position.digest != record.digest)
        )

    async def note_ahead(self, position: Position) -> None:
        """A frontend has what this registry does not know of (I10). Raises StoreUnavailable."""
        claim = Claim(position.epoch, position.generation, position.digest)
        with self._uptime.asking():
            noted = await self._store.note_seen(position.cell, claim)
        if noted:
            log.error(
                "a frontend is ahead of the database, which may be an older backup; the next "
                "generation will come after it",
                extra={
                    "cell": position.cell,
                    "epoch": position.epoch,
                    "generation": position.generation,
                },
            )

    # _advance
    #
    #   the watcher is                        it is told
    #   ------------------------------------  --------------------------------------------
    #   anywhere, and no head is known        nothing
    #   ahead of this node's head             nothing: this node is behind, or was set back
    #   at the head, same digest              a checkpoint, if one is due and can be proven
    #   behind, on the recent chain           the steps
    #   behind, on the chain in the store     the steps from the store, if they are few
    #   elsewhere, or with nothing            a base
    async def _advance(self, chain: PlanChain, cursor: _Cursor) -> AsyncGenerator[PlanEvent, None]:
        while chain.record is not None:
            position = cursor.position
            if position is not None and position.generation > chain.generation:
                return
            if position is None:
                async for event in self._send_base(chain, cursor):
                    yield event
                continue
            if not chain.knows(position):
                steps = () if cursor.verified else await self._steps_from_store(chain, position)
                for step in steps:
                    self._move(cursor, step.record)
                    yield step
                if not steps:
                    cursor.position = None
                continue
            cursor.verified = True
            if position.generation == chain.generation:
                checkpoint = self._checkpoint(chain, cursor)
                if checkpoint is not None:
                    yield checkpoint
                return
            next_step = chain.step_after(position.generation)
            if next_step is None:
                cursor.position = None
                continue
            self._move(cursor, next_step.record)
            yield next_step

    async def _send_base(
        self, chain: PlanChain, cursor: _Cursor
    ) -> AsyncGenerator[PlanEvent, None]:
        parts = chain.base()
        for part in parts:
            yield part
        self._move(cursor, parts[-1].record)

    async def _steps_from_store(self, chain: PlanChain, position: Position) -> Sequence[DeltaStep]:
        # After a restart of this node the chain's past is only in the store. Anything odd
        # there means a base, which is always right.
        try:
            before = Generation(position.generation + 1)
            claimed = await self._store.list_plans(chain.cell, before, 1)
            if not claimed or claimed[0].generation != position.generation:
                return ()
            if claimed[0].digest != position.digest:
                return ()
            found = await self._store.deltas_after(chain.cell, position.generation, FETCH_LIMIT)
        except StoreUnavailable:
            return ()
        except Exception:
            log.exception("a cell's plans cannot be read", extra={"cell": chain.cell})
            return ()
        steps: list[DeltaStep] = []
        octets = 0
        at = position.generation
        for record, delta in found:
            octets += octets_of(delta)
            if record.parent_generation != at or octets > RECENT_OCTETS:
                return ()
            at = record.generation
            steps.append(DeltaStep(record, chain.region, delta.changed, delta.removed))
        return steps if at >= chain.generation or len(found) == FETCH_LIMIT else ()

    def _checkpoint(self, chain: PlanChain, cursor: _Cursor) -> Checkpoint | None:
        now = self._clock.monotonic()
        record = chain.record
        if record is None or now > chain.confirmed_until:
            return None
        if now - cursor.told_at < 0.9 * self._checkpoint_seconds:
            return None
        cursor.told_at = now
        return Checkpoint(chain.cell, record.epoch, record.generation, self._clock.unix_ms())

    def _move(self, cursor: _Cursor, record: PlanRecord) -> None:
        cursor.position = position_of(record)
        cursor.verified = True
        cursor.told_at = self._clock.monotonic()

    def _wake(self) -> None:
        for wake in self._watchers:
            wake.set()
