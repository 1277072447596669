"""From events of all cells to answers: decide, keep on disk, serve, acknowledge.

`plan.cell.step` decides; this carries its effects out, in its order. What is decided
while the disk is busy waits and is served with the next group. A cell belongs to the
cluster that spoke of it first: two clusters that claim one cell are a mistake in the
settings, and must not take turns in its answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from opentelemetry import trace
from opentelemetry.context import Context

from dns_frontend import telemetry
from dns_frontend.feed.answering import Answering, warn_of_held
from dns_frontend.feed.change import Relay
from dns_frontend.feed.decode import MalformedMessageError
from dns_frontend.feed.job import Job
from dns_frontend.feed.scribe import Scribe, Standings
from dns_frontend.feed.staging import Staging
from dns_frontend.feed.word import Speak, Word, to_nobody
from dns_frontend.plan.cell import (
    Acknowledge,
    CellState,
    Doubt,
    Effect,
    Event,
    Ignore,
    Persist,
    PinLifted,
    PinPlaced,
    Resync,
    Rules,
    Serve,
    ServeFailed,
    Snapshot,
    TakeBack,
    step,
)
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Finding, Rule
from dns_frontend.plan.role import Role
from dns_frontend.plan.substitute import instead
from dns_frontend.wire.table import AnswerTable

log = logging.getLogger(__name__)

REVIEW_LIMIT_SECONDS = 3600.0
CELLS_LIMIT = 1000
"""Cells of all clusters together; the contract lets a watch begin from so many."""


def _nothing_older(_: Snapshot) -> Iterable[Snapshot]:
    return ()


class Applier:
    """The cells of one frontend and the one way to its answers. For one event loop."""

    def __init__(
        self,
        frontend: str,
        table: AnswerTable,
        scribe: Scribe,
        rules: Rules,
        *,
        role: Role = Role.SERVING,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        relay: Relay | None = None,
    ) -> None:
        self._frontend = frontend
        self._table = table
        self._scribe = scribe
        self._rules = rules
        self._clock = clock
        self._wall = wall
        self._states: dict[str, CellState] = {}
        self._owners: dict[str, str] = {}
        self._claims: set[tuple[str, str]] = set()
        """Cells of others that a cluster claimed, so that it is told once and not each second."""
        self._voices: dict[str, Speak] = {}
        """How each cell's registry was last spoken to."""
        self._jobs: list[Job] = []
        self._wake = asyncio.Event()
        self._standings: Standings = {}
        scribe.placed = self._move
        self.staging = Staging(role)
        self.answering = Answering(frontend, table, self.staging, clock, wall, relay)
        """`_states` is ahead of it while the disk is busy."""

    def __repr__(self) -> str:
        return f"<Applier {self._frontend} {list(self._states.values())} waiting={len(self._jobs)}>"

    # --- what is known -----------------------------------------------------------------

    def states(self) -> Sequence[CellState]:
        """Each cell as it is now."""
        return list(self._states.values())

    def owner(self, cell: str) -> str:
        """The cluster that a cell belongs to; empty while none spoke of it."""
        return self._owners.get(cell, "")

    def heads(self) -> Sequence[CellPosition]:
        """The newest verified position of each cell, which deltas must build on."""
        return [state.head.position for state in self._states.values() if state.head is not None]

    def words(self, owner: str) -> Sequence[Word]:
        """Where each cell of a cluster stands, to be said when its stream begins."""
        owned = [cell for cell, each in self._owners.items() if each == owner]
        return [word for cell in owned for word in self._words(cell)]

    def _words(self, cell: str) -> Iterable[Word]:
        state = self._states.get(cell)
        if state is None:
            return
        refused = state.refused
        if refused is not None:
            yield Word(refused.snapshot.position, refused.finding)
        # a known good served in the place of what is refused is not what the registry knows there
        if (
            state.served is not None
            and not state.pin
            # what waits for the disk is said when it is served
            and self.answering.is_at(state.served)
            and (refused is None or refused.snapshot.order != state.served.order)
        ):
            yield Word(state.served.position, None, held=state.served.held)

    def age(self, state: CellState) -> float | None:
        """Seconds since the served generation was known to be the head; None: none is served."""
        if state.confirmed_at is not None:
            return self._clock() - state.confirmed_at
        if state.served is None:
            return None
        # from disk, and unconfirmed: at most as fresh as it is young
        return max(0.0, self._wall() - state.served.position.create_time_ms / 1000)

    def stale_regions(self, limit_seconds: float) -> frozenset[str]:
        """The regions of cells that were not confirmed for longer than this."""
        return frozenset(
            state.served.position.region
            for state in self._states.values()
            if state.served is not None and (self.age(state) or 0.0) > limit_seconds
        )

    # --- what happens ------------------------------------------------------------------

    def pause(self) -> None:
        """Have the queries that wait answered; to be called between two parts of longer work."""
        self._rules.between()

    def restore(
        self,
        states: Iterable[CellState],
        standings: Standings,
        older: Callable[[Snapshot], Iterable[Snapshot]] = _nothing_older,
    ) -> None:
        """Begin with what was on disk; before `run`, and before anything is answered (I16).

        What cannot be answered from is refused, and replaced by the first that can of those
        that `older` gives for it; it stops no other cell (I20).
        """
        for state in states:
            self._states[state.cell] = state
            if state.served is not None:
                newest = self.answering.mended(state.served, older)
                self._states[state.cell] = replace(state, served=newest)
                self._begin(newest, older)
        self.answering.recall(standings)
        self._standings = self._table.standings()

    def take(
        self, owner: str, cell: str, event: Event, speak: Speak, traceparent: str = ""
    ) -> Doubt | None:
        """Decide about one event of the cluster `owner`.

        A doubt means that the cell is to be asked for whole. Raises MalformedMessageError
        for a cell more than there may be (I9).
        """
        known = self._owners.get(cell)
        if known is None:
            if len(self._owners) >= CELLS_LIMIT:
                raise MalformedMessageError(f"{cell} is one cell more than {CELLS_LIMIT}")
            self._owners[cell] = owner
            for word in self._words(cell):
                # known from disk: the registry may have lost, or never had, our word on it
                speak(word)
        elif known != owner:
            telemetry.plans_ignored.add(1, self._attributes(cell) | {"reason": "foreign"})
            if (cell, owner) not in self._claims:
                self._claims.add((cell, owner))
                log.error(
                    "two registry clusters claim one cell; the first is followed",
                    extra={"cell": cell, "first": known, "second": owner},
                )
            return None
        self._voices[cell] = speak
        self._rules.between()
        state = self._states.get(cell, CellState(cell))
        state, effects = step(state, event, self._rules)
        self._states[cell] = state
        self._rules.between()
        return self._carry_out(cell, effects, speak, traceparent)

    def pin(self, snapshot: Snapshot, reason: str) -> None:
        """Serve this content of its cell until it is lifted; an operator's word."""
        self._steer(snapshot.position.cell, PinPlaced(self._clock(), snapshot, reason))

    def lift(self, cell: str) -> None:
        """Follow the chain of the cell again."""
        self._steer(cell, PinLifted(self._clock()))

    def _begin(self, newest: Snapshot, older: Callable[[Snapshot], Iterable[Snapshot]]) -> None:
        reason = self.answering.begin(newest)
        if not reason:
            return
        cell, now = newest.position.cell, self._clock()
        for good in older(newest):
            state = instead(newest, good, Finding(Rule.UNSERVABLE, reason[:400]), now)
            if state.served is not None and not self.answering.begin(state.served):
                self._states[cell] = state
                self._refuse(newest.position, Finding(Rule.UNSERVABLE, reason), to_nobody)
                return
        self._steer(cell, ServeFailed(now, newest, None, reason))

    def _fail(self, job: Job, reason: str) -> None:
        """Undo what was begun of a generation, and all that was accepted on it."""
        failed = job.serve.snapshot
        cell = failed.position.cell
        self._jobs = [each for each in self._jobs if each.serve.snapshot.position.cell != cell]
        event = ServeFailed(self._clock(), failed, self.answering.now.get(cell), reason)
        self._steer(cell, event)

    def _steer(self, cell: str, event: PinPlaced | PinLifted | ServeFailed) -> None:
        state, effects = step(self._states.get(cell, CellState(cell)), event, self._rules)
        self._states[cell] = state
        pinned = frozenset(each.cell for each in self.states() if each.pin)
        self.answering.mark(replace(self.answering.marks, pinned=pinned))
        self._carry_out(cell, effects, self._voices.get(cell, to_nobody), "")

    def serve_waiting(self) -> None:
        """Serve what was pinned before the start, so that the first answer is the pin's."""
        jobs, self._jobs = self._jobs, []
        self._serve_all(jobs)

    async def run(self) -> None:
        """Serve what was accepted, and what time alone changes, for ever."""
        due: float | None = self._clock()
        while True:
            pause = REVIEW_LIMIT_SECONDS if due is None else max(0.0, due - self._clock())
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            jobs, self._jobs = self._jobs, []
            # of each cell the newest; `write` finds by itself what lies between
            newest = {
                job.serve.snapshot.position.cell: job.serve.snapshot for job in jobs if job.keep
            }
            await self._scribe.keep(newest.values())
            self._serve_all(jobs)
            self.answering.move(self._states)
            due = self._review()

    def _serve_all(self, jobs: Iterable[Job]) -> None:
        failed: set[str] = set()
        for job in jobs:
            cell = job.serve.snapshot.position.cell
            if cell in failed:
                job.span.end()  # a step from what could not be served
                continue
            reason = self._serve(job)
            if reason:
                failed.add(cell)
                self._fail(job, reason)

    def _carry_out(
        self, cell: str, effects: Iterable[Effect], speak: Speak, traceparent: str
    ) -> Doubt | None:
        doubt: Doubt | None = None
        accepted = keep = False
        for effect in effects:
            match effect:
                case Persist():
                    # `run` does it for all that waits, before any of it is served
                    keep = True
                case Serve():
                    accepted = True
                    self._enqueue(effect, speak, traceparent, keep)
                case Acknowledge():
                    if effect.finding is not None:
                        self._refuse(effect.position, effect.finding, speak)
                    elif not accepted and self.answering.is_at(self._states[cell].served):
                        speak(Word(effect.position, None, held=effect.held))
                    # an accepted generation is acknowledged when it is served
                case TakeBack():
                    self.answering.take_back(cell, effect.snapshot)
                case Resync():
                    doubt = effect.doubt
                case Ignore():
                    attributes = {"reason": effect.vanity.value}
                    telemetry.plans_ignored.add(1, self._attributes(cell) | attributes)
        return doubt

    def _enqueue(self, serve: Serve, speak: Speak, traceparent: str, keep: bool) -> None:
        position = serve.snapshot.position
        warn_of_held(self._frontend, serve)
        span = telemetry.tracer.start_span(
            "frontend.apply",
            context=telemetry.context_of(traceparent),
            attributes={
                "sheetanchor.frontend": self._frontend,
                "sheetanchor.cell": position.cell,
                "sheetanchor.generation": position.generation,
            },
        )
        self._jobs.append(Job(serve, speak, self._clock(), span, keep))
        self._wake.set()

    def _refuse(self, position: CellPosition, finding: Finding, speak: Speak) -> None:
        telemetry.plans_refused.add(
            1, self._attributes(position.cell) | {"rule": finding.rule.value}
        )
        log.warning(
            "a generation is refused; the one before is served",
            extra={
                "frontend": self._frontend,
                "cell": position.cell,
                "generation": position.generation,
                "rule": finding.rule.value,
                "reason": finding.reason,
            },
        )
        speak(Word(position, finding))

    def _serve(self, job: Job) -> str:
        """Answer from it; why that cannot be, empty when it can."""
        serve, position = job.serve, job.serve.snapshot.position
        self._rules.between()
        self.answering.open(serve, self._rules.between)
        reason = self.answering.take(serve)
        self._rules.between()
        if reason:
            job.span.set_attribute("sheetanchor.failure", reason)
            job.span.end()
            return reason
        telemetry.plans_applied.add(1, self._attributes(position.cell))
        telemetry.apply_duration.record(
            self._clock() - job.arrived_at, self._attributes(position.cell)
        )
        job.span.end()
        if not job.keep:
            return ""  # nothing that the registry published
        context = trace.set_span_in_context(job.span, Context())
        job.speak(Word(position, None, context, serve.snapshot.held))
        return ""

    def _move(self, placed: Snapshot) -> None:
        """The disk has a generation of a cell in less room than our objects take."""
        cell = placed.position.cell
        state = self._states.get(cell)
        if state is not None and state.served is not None and state.refused is None:
            tree = state.served.tree.moved(placed.tree)
            self._states[cell] = replace(state, served=replace(state.served, tree=tree))
            self.answering.moving.add(cell)
            self._wake.set()

    def _review(self) -> float | None:
        """Let time do its part; returns when it next may."""
        try:
            due = self.answering.review(self._clock())
            standings = self._table.standings()
        except Exception:
            log.exception("the standings could not be reviewed")
            return self._clock() + 1.0
        if standings != self._standings:
            self._standings = standings
            self._scribe.keep_standings(standings)
        return due

    def _attributes(self, cell: str) -> dict[str, str]:
        return {"frontend": self._frontend, "cell": cell}
