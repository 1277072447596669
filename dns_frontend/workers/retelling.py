"""Changes as letters, and back.

A cell comes as a base (feed/base.py), a step as in a journal (feed/record.py): what a worker
reads from its frontend is read by the code that reads the disk, and held against the same
digests (I6).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from dns_frontend.feed import base, record
from dns_frontend.feed.change import (
    Begun,
    Change,
    Forgotten,
    Marked,
    Moved,
    Recalled,
    Reviewed,
    Stepped,
)
from dns_frontend.feed.decode import published_of
from dns_frontend.feed.record import Kind as FileKind
from dns_frontend.feed.replay import after, step_between
from dns_frontend.plan.cell import Serve, Snapshot
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.holding import turn
from dns_frontend.workers.channel import Letter
from dns_frontend.workers.frame import BODY_OCTETS, Frame, FrameError, Kind
from dns_frontend.workers.memory import Memory

_LIMITS = Limits()
_MARKS = ("pinned", "stale", "lost")
_read = partial(published_of, limits=_LIMITS)


def letter_of(change: Change) -> Letter:
    """What tells a worker of a change; of a whole cell without its body, which takes its time.

    Raises OSError when a large one finds no room.
    """
    match change:
        case Begun():
            head = {"now": change.now, "wall": change.wall}
            return Letter(Kind.BEGUN, _json(head), None)
        case Moved():
            head = {"now": change.now, "wall": change.wall}
            return Letter(Kind.MOVED, _json(head), None)
        case Stepped():
            head = {"now": change.now, "wall": change.wall}
            step = step_between(change.before, change.serve.snapshot)
            return letter(Kind.STEPPED, head, record.step_octets(step))
        case Forgotten():
            return letter(Kind.FORGOTTEN, {"cell": change.cell})
        case Recalled():
            return letter(Kind.RECALLED, {}, _json(change.standings))
        case Marked():
            marks = {name: sorted(getattr(change, name)) for name in _MARKS}
            return letter(Kind.MARKED, {}, _json(marks))
        case Reviewed():
            return letter(Kind.REVIEWED, {"now": change.now})


def letter(kind: Kind, head: Mapping[str, object] | None = None, body: bytes = b"") -> Letter:
    """A letter whose body is placed if it is long. Raises OSError when there is no room."""
    long = len(body) > BODY_OCTETS
    return Letter(kind, _json(head or {}), Memory([body]) if long else body)


def change_of(frame: Frame, cells: Mapping[str, Snapshot]) -> Change:
    """The change that a frame tells of, to be made to what is served of `cells`.

    Raises FrameError or DamagedError when it is none, or not one of these cells.
    """
    try:
        return _change_of(frame, cells)
    except record.SENSELESS as error:
        raise FrameError(f"{frame.kind.name}: {error!r}") from error


def _change_of(frame: Frame, cells: Mapping[str, Snapshot]) -> Change:
    head = frame.head
    match frame.kind:
        case Kind.BEGUN:
            return Begun(_base(frame), float(head["now"]), float(head["wall"]))
        case Kind.MOVED:
            placed = _base(frame)
            served = cells[placed.position.cell]
            moved = Snapshot(served.position, served.tree.moved(placed.tree), served.held)
            return Moved(moved, float(head["now"]), float(head["wall"]))
        case Kind.STEPPED:
            step = record.read_step(_payload(frame))
            before = cells[step.position.cell]
            if step.parent != before.order:
                raise FrameError(f"a step from {step.parent} follows {before.order}")
            snapshot = after(before, [step], _LIMITS)
            changed, removed, held = turn(before.tree, before.held, snapshot.tree, snapshot.held)
            serve = Serve(snapshot, changed, removed, whole=False, held=held)
            return Stepped(before, serve, float(head["now"]), float(head["wall"]))
        case Kind.FORGOTTEN:
            return Forgotten(str(head["cell"]))
        case Kind.RECALLED:
            return Recalled(json.loads(bytes(frame.body)))
        case Kind.MARKED:
            marks = json.loads(bytes(frame.body))
            return Marked(*(_names(marks[each]) for each in _MARKS))
        case Kind.REVIEWED:
            return Reviewed(float(head["now"]))
        case _:
            raise FrameError(f"{frame.kind.name} is no change")


def _base(frame: Frame) -> Snapshot:
    record.check_header(frame.body[: record.HEADER_OCTETS], FileKind.BASE)
    return base.decode(frame.body, _read)


def _payload(frame: Frame) -> bytes:
    found = [payload for payload, _ in record.frames(bytes(frame.body), at=0)]
    if len(found) != 1:
        raise FrameError(f"{len(found)} steps came in a frame")
    return found[0]


def _names(given: Iterable[Any]) -> frozenset[str]:
    return frozenset(map(str, given))


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
