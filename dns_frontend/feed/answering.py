"""From accepted generations to the table of answers, and back when that fails.

Rule: nothing raises. What cannot be answered from is told by its reason, and concerns its
cell alone (I11, I20).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from dns_frontend import telemetry
from dns_frontend.feed.staging import Staging
from dns_frontend.plan.cell import CellState, Serve, Snapshot
from dns_frontend.plan.content import TreeContent
from dns_frontend.plan.diversion import in_time
from dns_frontend.plan.holding import TOLD_MAXIMUM, Held, mended, told
from dns_frontend.plan.velocity import is_slowed
from dns_frontend.wire.table import AnswerTable

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
    ) -> None:
        self._frontend = frontend
        self._table = table
        self._staging = staging
        self._clock = clock
        self._wall = wall
        self.now: dict[str, Snapshot] = {}
        """By cell."""
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

    def begin(self, snapshot: Snapshot) -> str:
        """Answer from it, whole; why that cannot be, empty when it can."""
        return self._guarded(snapshot, lambda: self._load(snapshot))

    def take(self, serve: Serve) -> str:
        """Go on to the next generation; why that cannot be, empty when it can."""
        if serve.whole:
            return self.begin(serve.snapshot)
        return self._guarded(serve.snapshot, lambda: self._update(serve))

    def take_back(self, cell: str, snapshot: Snapshot | None) -> None:
        """Answer from this again, whatever was begun since; None: from nothing, and deny
        nothing of its region (I17)."""
        if snapshot is None:
            self.now.pop(cell, None)
            self._table.forget(cell)
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
            content = self._content(served)
            if content is not None:
                self._table.move(cell, content)

    def _content(self, snapshot: Snapshot) -> TreeContent | None:
        """What is served, to be read where it is asked for; None where all is to be looked at."""
        if self._staging.reads_all:
            return None
        return TreeContent(snapshot.tree, snapshot.held, self._wall(), self._clock())

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

    def _load(self, snapshot: Snapshot) -> None:
        cell, wall, now = snapshot.position.cell, self._wall(), self._clock()
        content = self._content(snapshot)
        slowed, lost = _apart(snapshot.held)
        entries = {} if content is not None else self._staging.load(cell, snapshot.tree)
        entries |= self._staging.step(cell, slowed.items(), ())
        held = in_time(self._staging.hold(cell, lost.items()), wall, now)
        if content is not None:
            self._table.attach(snapshot.position, content, now, held)
        else:
            self._table.load(snapshot.position, in_time(entries, wall, now), now, held)

    def _update(self, serve: Serve) -> None:
        position, wall, now = serve.snapshot.position, self._wall(), self._clock()
        slowed, lost = _apart(serve.held)
        # what is slowed is what the registry says, but for what stays in the answers
        said = (*serve.changed.items(), *slowed.items())
        changed = self._staging.step(position.cell, said, serve.removed)
        held = in_time(self._staging.hold(position.cell, lost.items()), wall, now)
        content = self._content(serve.snapshot)
        entries = in_time(changed, wall, now)
        self._table.update(position, entries, serve.removed, now, held, content)


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
