"""The database of one cluster: the shipped store in memory, its moods, and a node's line to it.

Its decisions are the shipped ones, taken at one moment, as in a transaction. What is made
here: outages, damage, older backups, reads that give too little; and on the line, requests
that arrive long after their sender gave up or slept, and answers that never come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import copy
from dataclasses import replace
from random import Random
from typing import Any

from proof.system.clock import ProcessClock
from proof.system.loop import Process, VirtualLoop, settle
from proof.system.network import NOBODY, Network
from proof.system.observer import Observer
from proof.world import Violation
from registry.adapters.store.memory import MemoryStore
from registry.adapters.store.memory_publication import MemoryCell
from registry.domain.errors import RuleBroken, StoreUnavailable
from registry.domain.gc import Keep
from registry.domain.names import CellName, Generation
from registry.domain.operation import Applied, Fence, Operation
from registry.domain.served_name import ServedName
from registry.domain.tally import Tally
from registry.ports import Cleaned, Publication, State

PATIENCE_SECONDS = 2.0
"""How long a request may take before its sender gives it up."""
GARBAGE = b"\xff\xff\xff\xff"


class Database(MemoryStore):
    """The store, seen by the observer, and spoilt by deeds."""

    def __init__(self, name: str, clock: ProcessClock, observer: Observer, *, fences: bool) -> None:
        """`fences`: whether a writer's epoch counts; only a mutant's does not."""
        super().__init__(clock)
        self.name = name
        self._fences = fences
        self.wall = clock
        self.refuses = False
        """It turns everybody away at once, as a server that is down."""
        self.is_silent = False
        """It answers nothing, as a server behind a dead link."""
        self.is_partial = False
        """Reads give too few rows, and no error."""
        self.asker = ""
        """The node whose request is carried out now."""
        self.asked_at = 0.0
        self._observer = observer
        self._backup: dict[str, Any] = {}

    # --- what the observer sees -------------------------------------------------------

    async def publish(self, publication: Publication) -> bool:
        """Move the head, before witnesses."""
        cell = publication.fence.cell
        known = self._cells.get(cell)
        before = None if known is None else known.head
        try:
            won = await super().publish(publication)
        except RuleBroken:
            self._observer.hit("guard: the database refuses")
            raise
        if won and before is not None:
            self._observer.published(
                publication, before, frozen=bool(self._frozen(cell)), services=self._services
            )
        return won

    async def clean(self, fence: Fence, keep: Keep) -> Cleaned:
        """Delete plans, before witnesses."""
        cell = self._cells.get(fence.cell)
        was = cell is not None and await self._is_readable(fence.cell, cell.head.generation)
        done = await super().clean(fence, keep)
        if cell is not None and done.deleted:
            self._observer.hit("plans are cleaned up")
            is_readable = await self._is_readable(fence.cell, cell.head.generation)
            self._observer.cleaned(cell.head, fence, was=was, is_readable=is_readable)
        return done

    async def apply(
        self,
        operations: Sequence[Operation],
        fence: Fence | None = None,
        tally: Tally | None = None,
    ) -> Applied:
        """Carry out operations, before witnesses."""
        applied = await super().apply(operations, fence, tally)
        self._observer.applied(self.name, self.asker, self.asked_at, operations, applied.outcomes)
        return applied

    async def renew(self, lease_ids: Sequence[int]) -> frozenset[int]:
        """Renew leases, before witnesses."""
        gone = await super().renew(lease_ids)
        self._observer.renewed(self.name, lease_ids, gone)
        return gone

    async def state(self) -> State:
        """Everything, or less."""
        state = await super().state()
        if not self.is_partial:
            return state
        self._observer.hit("fault: a read gives too little")
        return replace(state, services=state.services[1:], instances=())

    async def names(self, cell: CellName) -> Mapping[str, ServedName]:
        """What is known of names, or less."""
        found = await super().names(cell)
        return dict(list(found.items())[1:]) if self.is_partial else found

    async def _is_readable(self, cell: CellName, generation: Generation) -> bool:
        return not generation or await self.read_plan(cell, generation) is not None

    def _check_fence(self, fence: Fence) -> MemoryCell:
        cell = self._cells.get(fence.cell)
        if self._fences or cell is None:
            return super()._check_fence(fence)
        self._observer.wrote(fence, cell.head)
        return cell

    # --- what befalls it --------------------------------------------------------------

    def back_up(self) -> None:
        """Keep a copy of everything."""
        self._backup = self._copy()

    def restore(self) -> None:
        """Be as the copy is."""
        if self._backup:
            kept, self._backup = self._backup, {}
            vars(self).update(kept)
            self._backup = self._copy()
            self._observer.restored(self.name)

    def _copy(self) -> dict[str, Any]:
        kept = {
            name: copy(value)
            for name, value in vars(self).items()
            if name in _ROWS and name != "_cells"
        }
        kept["_cells"] = {
            name: replace(
                cell, plans=dict(cell.plans), names=dict(cell.names), pins=dict(cell.pins)
            )
            for name, cell in self._cells.items()
        }
        return kept

    def lose_head(self) -> None:
        """The rows of the active plans are gone."""
        for cell in self._cells.values():
            cell.plans.pop(cell.head.generation, None)
        self._observer.damaged()

    def lose_plans(self) -> None:
        """All plans are gone."""
        for cell in self._cells.values():
            cell.plans.clear()
        self._observer.damaged()

    def lose_names(self) -> None:
        """What is known of names is gone."""
        for cell in self._cells.values():
            cell.names.clear()
        self._observer.damaged()

    def garble_head(self) -> None:
        """The entries of the active plans are garbage."""
        for cell in self._cells.values():
            made = cell.plans.get(cell.head.generation)
            if made is not None:
                delta = replace(made.delta, changed=dict.fromkeys(made.delta.changed, GARBAGE))
                base = None if made.base is None else dict.fromkeys(made.base, GARBAGE)
                cell.plans[cell.head.generation] = replace(made, delta=delta, base=base)
        self._observer.damaged()


_ROWS = {
    "_audit",
    "_observers",
    "_services",
    "_cells",
    "_frontends",
    "_freezes",
    "_stage_words",
    "_revision",
    "_compacted",
    "_namespaces",
    "_instances",
    "_renewals",
    "_graves",
    "_changes",
}


class Line:
    """One node's line to the database: `registry.ports.Store`, each method a journey."""

    def __init__(
        self,
        loop: VirtualLoop,
        network: Network,
        database: Database,
        process: Process,
        hits: Counter[str],
    ) -> None:
        self.is_closed = False
        """Nothing more is carried: the history is over."""
        self.slow_seconds = 0.0
        """What a request may take on its way, at most."""
        self.sleep: Callable[[str], None] | None = None
        """Called when a leader's next write is ready: the node falls asleep with it in hand."""
        self.sleeps_at: tuple[str, ...] = ()
        """At which kinds of writes."""
        self._loop = loop
        self._network = network
        self._database = database
        self._process = process
        self._hits = hits
        self._random: Random = network.random(process.name, database.name)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._database, name)

        async def ask(*args: Any) -> Any:
            return await self._ask(name, method, args)

        setattr(self, name, ask)
        return ask

    async def _ask(self, name: str, method: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if self.is_closed:
            raise _gone("the history is over")
        if self.sleep is not None and name in self.sleeps_at and (name != "apply" or len(args) > 1):
            self.sleep(self._process.name)
            await asyncio.sleep(0)  # from here it sleeps
        asked_at = self._loop.time()
        if self._database.refuses:
            await asyncio.sleep(0.01)
            raise _gone("the database is down, as asked")
        answer = self._loop.create_future()
        delay = 0.001 + 0.004 * self._random.random()
        if self.slow_seconds and self._random.random() < 0.3:
            delay += self.slow_seconds * self._random.random()
            self._hits["fault: a request is late"] += 1
        self._loop.call_later(
            delay, self._carry_out, method, args, asked_at, answer, context=NOBODY
        )
        timer = self._loop.call_later(PATIENCE_SECONDS, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def _carry_out(
        self,
        method: Callable[..., Any],
        args: tuple[Any, ...],
        asked_at: float,
        answer: asyncio.Future[Any],
    ) -> None:
        database, node = self._database, self._process.name
        if self.is_closed or database.refuses or database.is_silent:
            return
        if self._network.is_cut(node, database.name):
            self._hits["a request meets a cut"] += 1
            return
        database.asker, database.asked_at = node, asked_at
        result: object = None
        error: Exception | None = None
        try:
            result = at_once(method(*args))
        except Violation:
            raise
        except Exception as raised:
            error = raised
        if self._network.is_cut(database.name, node):
            self._hits["fault: an answer of the database is lost"] += 1
            return
        self._loop.call_later(0.002, settle, answer, result, error, context=NOBODY)


def _give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(_gone(f"nothing within {PATIENCE_SECONDS:g} s"))


def _gone(what: str) -> StoreUnavailable:
    return StoreUnavailable(what, retry_after_seconds=0.5)


def at_once(deed: Coroutine[Any, Any, Any]) -> Any:
    """What a method of the store returns, which waits for nothing."""
    try:
        deed.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the store in memory waits for nothing")
