"""From accepted generations to the table of answers, and back when that fails.

This is the one way to the table. What is done to it here is told to the workers, each of
which has such a way to a table of its own (change.py).

Rule: nothing raises. What cannot be answered from is told by its reason, and concerns its
cell alone (I11, I20).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from dns_frontend import telemetry
from dns_frontend.feed.change import (
    Alone,
    Begun,
    Change,
    Forgotten,
    Marked,
    Moved,
    Recalled,
    Relay,
    Reviewed,
    Stepped,
)
from dns_frontend.feed.staging import Staging
from dns_frontend.plan.cell import CellState, Serve, Snapshot
from dns_frontend.plan.content import TreeContent
from dns_frontend.plan.diversion import in_time
from dns_frontend.plan.holding import TOLD_MAXIMUM, Held, mended, told
from dns_frontend.plan.velocity import is_slowed
from dns_frontend.wire.table import RECOMPILED_AT_ONCE, AnswerTable

log = logging.getLogger(__name__)


class Answering:
    """What each cell of one frontend is answered from."""

    def __init__(
        self,
        frontend: str,
        table: AnswerTable,
        staging: Staging,
        clock: Callable[[], float],
        wall: Callable[[], float],
        relay: Relay | None = None,
    ) -> None:
        self._frontend = frontend
        self._table = table
        self._staging = staging
        self._clock = clock
        self._wall = wall
        self._relay: Relay = relay if relay is not None else Alone()
        self.now: dict[str, Snapshot] = {}
        """By cell."""
        self.marks = Marked()
        """How answers are labelled."""
        self.moving: set[str] = set()
        """Cells whose content lies elsewhere now, which the table has still to be told."""

    def __repr__(self) -> str:
        cells = (f"{cell}@{each.position.generation}" for cell, each in sorted(self.now.items()))
        return f"<Answering {' '.join(cells)}>"

    def mended(self, newest: Snapshot, older: Callable[[Snapshot], Iterable[Snapshot]]) -> Snapshot:
        """The same from disk, with the names held in whose entries the guard finds a fault."""
        held = mended(newest.tree, newest.held, (each.tree for each in older(newest)))
        faulty = sorted(held.keys() - newest.held.keys())
        if not faulty:
            return newest
        log.error(
            "entries on disk are not as the guard wants them; the names are held",
            extra={
                "frontend": self._frontend,
                "cell": newest.position.cell,
                "names": ",".join(faulty[:TOLD_MAXIMUM]),
                "faults": len(faulty),
            },
        )
        telemetry.disk_damages.add(len(faulty), {"frontend": self._frontend, "damage": "guard"})
        return replace(newest, held=held)

    # --- what happens here first -------------------------------------------------------

    def begin(self, snapshot: Snapshot) -> str:
        """Answer from it, whole; why that cannot be, empty when it can."""
        return self._do(Begun(snapshot, self._clock(), self._wall()))

    def take(self, serve: Serve) -> str:
        """Go on to the next generation; why that cannot be, empty when it can."""
        before = self.now.get(serve.snapshot.position.cell)
        if serve.whole or before is None:
            return self.begin(serve.snapshot)
        return self._do(Stepped(before, serve, self._clock(), self._wall()))

    def open(self, serve: Serve, between: Callable[[], None]) -> None:
        """Open what `take` is to change, service by service, as long as they are few."""
        if serve.whole or len(serve.changed) > RECOMPILED_AT_ONCE:
            return
        for key in serve.changed:
            namespace, _, service = key.partition("/")
            with contextlib.suppress(Exception):  # `take` meets the same, and tells of it
                self._table.service((namespace, service))
            between()

    def take_back(self, cell: str, snapshot: Snapshot | None) -> None:
        """Answer from this again, whatever was begun since; None: from nothing, and deny
        nothing of its region (I17)."""
        if snapshot is None:
            self._do(Forgotten(cell))
        else:
            self.begin(snapshot)

    def move(self, states: Mapping[str, CellState]) -> None:
        """Answer from where the content of cells lies now."""
        for cell in list(self.moving):
            served, answered = states[cell].served, self.now.get(cell)
            # what waits to be served must find what was before it
            if served is None or answered is None or served.order != answered.order:
                continue
            self.moving.discard(cell)
            self.now[cell] = served
            if not self._staging.reads_all:
                self._do(Moved(served, self._clock(), self._wall()))

    def recall(self, standings: Mapping[str, Mapping[str, object]]) -> None:
        """Bring back the failover state of a former life, after the cells."""
        self._do(Recalled(standings))

    def mark(self, marks: Marked) -> None:
        """Label answers so. Each call is heard by the workers, as a sign of life."""
        self._do(marks)

    def review(self, now: float) -> float | None:
        """Let time do its part; returns when it next may."""
        due = self._table.review(now)
        self._relay.tell(Reviewed(now))
        return due

    def all(self) -> Iterator[Change]:
        """What brings somebody new to where the answers are now, in the way of a restart."""
        now, wall = self._clock(), self._wall()
        for _, snapshot in sorted(self.now.items()):
            yield Begun(snapshot, now, wall)
        yield Recalled(self._table.standings())
        yield self.marks

    def is_at(self, served: Snapshot | None) -> bool:
        """Whether its cell is answered from this generation, here."""
        answered = self.now.get(served.position.cell) if served is not None else None
        return served is not None and answered is not None and answered.order == served.order

    def when_served(self, then: Callable[[], None]) -> None:
        """Call `then` when whatever was done here has been done by the workers too."""
        self._relay.when_served(then)

    def _do(self, change: Change) -> str:
        reason = self.follow(change)
        if not reason:
            self._relay.tell(change)
        return reason

    # --- what is done ------------------------------------------------------------------

    def follow(self, change: Change) -> str:
        """Do this to the table; why that cannot be, empty when it is done."""
        table = self._table
        match change:
            case Begun():
                return self._guarded(change.snapshot, lambda: self._load(change))
            case Stepped():
                return self._guarded(change.serve.snapshot, lambda: self._update(change))
            case Moved():
                cell = change.snapshot.position.cell
                self.now[cell] = change.snapshot
                table.move(cell, self._content(change.snapshot, change.now, change.wall))
            case Forgotten():
                self.now.pop(change.cell, None)
                table.forget(change.cell)
            case Recalled():
                table.restore(change.standings)
            case Marked():
                self.marks = change
                table.mark_pinned(change.pinned)
                # with every change of these all answers are compiled anew
                table.mark_stale(change.stale, change.lost)
            case Reviewed():
                table.review(change.now)
            case _:
                assert_never(change)
        return ""

    def _content(self, snapshot: Snapshot, now: float, wall: float) -> TreeContent:
        """What is served, to be read where it is asked for."""
        return TreeContent(snapshot.tree, snapshot.held, wall, now)

    def _guarded(self, snapshot: Snapshot, deed: Callable[[], None]) -> str:
        position = snapshot.position
        try:
            deed()
        except Exception as error:
            where = {"cell": position.cell, "generation": position.generation}
            log.exception("a generation could not be served", extra=where)
            return repr(error)
        self.now[position.cell] = snapshot
        return ""

    def _load(self, begun: Begun) -> None:
        snapshot, now, wall = begun.snapshot, begun.now, begun.wall
        cell = snapshot.position.cell
        reads_all = self._staging.reads_all
        slowed, lost = _apart(snapshot.held)
        entries = self._staging.load(cell, snapshot.tree) if reads_all else {}
        entries |= self._staging.step(cell, slowed.items(), ())
        held = in_time(self._staging.hold(cell, lost.items()), wall, now)
        if reads_all:
            self._table.load(snapshot.position, in_time(entries, wall, now), now, held)
        else:
            content = self._content(snapshot, now, wall)
            self._table.attach(snapshot.position, content, now, held)

    def _update(self, stepped: Stepped) -> None:
        serve, now, wall = stepped.serve, stepped.now, stepped.wall
        snapshot = serve.snapshot
        cell = snapshot.position.cell
        slowed, lost = _apart(serve.held)
        # what is slowed is what the registry says, but for what stays in the answers
        said = (*serve.changed.items(), *slowed.items())
        changed = self._staging.step(cell, said, serve.removed)
        held = in_time(self._staging.hold(cell, lost.items()), wall, now)
        content = None if self._staging.reads_all else self._content(snapshot, now, wall)
        entries = in_time(changed, wall, now)
        self._table.update(snapshot.position, entries, serve.removed, now, held, content)


def _apart(held: Held) -> tuple[Held, Held]:
    """What leaves too fast, and what was lost."""
    slowed = {key: kept for key, kept in held.items() if is_slowed(kept.entry)}
    return slowed, {key: kept for key, kept in held.items() if key not in slowed}


def warn_of_held(frontend: str, serve: Serve) -> None:
    """Say what a generation begins to have held, if anything."""
    slowed, lost = _apart(serve.held)
    for names, what in (
        (lost, "a cell lost names without a deletion; they are answered as before"),
        (slowed, "endpoints leave too fast without strong evidence; they stay in the answers"),
    ):
        if names:
            extra = {
                "frontend": frontend,
                "cell": serve.snapshot.position.cell,
                "generation": serve.snapshot.position.generation,
                "names": ",".join(told(names)),
                "held": len(serve.snapshot.held),
            }
            log.warning(what, extra=extra)
