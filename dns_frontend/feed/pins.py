"""Pins: snapshots that an operator wants served, as files below the frontend's directory.

    pins/CELL.base     the content, a snapshot file
    pins/CELL.reason   who, when and why; one line
    audit              one JSON line a pin and a lift, appended; see audit.py

No registry, no database and no name is needed to place one (I22): whoever can write there
may do it, while the frontend runs or before it starts. It looks several times a second.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dns_frontend.feed.applier import Applier
from dns_frontend.feed.audit import LIFT, PIN, AuditLog
from dns_frontend.feed.base import verify
from dns_frontend.feed.record import Damage, DamagedError
from dns_frontend.feed.snapshot_file import (
    read_octets,
    read_snapshot,
    replace_file,
    sync_directory,
)
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.guard import Limits

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""What a cell is called; it becomes a file's name."""
REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Pin:
    """One pin as it stands on disk."""

    snapshot: Snapshot
    reason: str


class PinBoard:
    """The pins of one frontend's directory: placed and lifted by commands, read by the server."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._audit = AuditLog(directory)

    def __repr__(self) -> str:
        return f"<PinBoard {self._directory}>"

    def marks(self) -> Mapping[str, tuple[int, int]]:
        """For each pinned cell what changes when its pin does; costs a look at the directory."""
        found = {}
        board = self._directory / "pins"
        if board.is_dir():
            for path in board.glob("*.base"):
                try:
                    at = path.stat()
                except OSError:
                    continue  # lifted just now
                found[path.stem] = (at.st_ino, at.st_mtime_ns)
        return found

    def read(self, cell: str) -> Pin:
        """The pin of a cell. Raises DamagedError when there is none that can be served."""
        board = self._directory / "pins"
        snapshot = read_snapshot(board / f"{cell}.base", cell, self._limits)
        try:
            reason = (board / f"{cell}.reason").read_text(errors="replace").strip()
        except OSError:
            reason = ""
        return Pin(snapshot, (reason or "placed by hand, without a reason")[:REASON_CHARACTERS])

    def place(self, path: Path, reason: str, at: str, who: str) -> Snapshot:
        """Pin the snapshot in the file `path`; returns it. The cell is the file's own.

        Verified first: a file that is damaged, or is no snapshot, raises DamagedError and
        changes nothing. Raises OSError. `at` is the time, in words.
        """
        snapshot = read_snapshot(path, "", self._limits)
        verify(snapshot.tree)
        cell = snapshot.position.cell
        if not _LABEL.fullmatch(cell):
            raise DamagedError(Damage.CONTENT, f"it is of cell {cell[:60]!r}, which is no label")
        octets = read_octets(path)
        board = self._directory / "pins"
        board.mkdir(parents=True, exist_ok=True)
        line = f"break-glass by {who} at {at}: {reason}".replace("\n", " ")
        self._audit.append(
            time=at,
            who=who,
            verb=PIN,
            reason=reason,
            cell=cell,
            generation=snapshot.position.generation,
            digest=snapshot.position.digest.hex(),
            file=str(path),
        )
        replace_file(board / f"{cell}.reason", (line[:REASON_CHARACTERS].encode(errors="replace"),))
        replace_file(board / f"{cell}.base", (octets,))
        return snapshot

    def lift(self, cell: str, reason: str, at: str, who: str) -> bool:
        """Lift the pin of a cell; False when there was none. Raises OSError."""
        board = self._directory / "pins"
        if not (board / f"{cell}.base").exists():
            return False
        self._audit.append(time=at, who=who, verb=LIFT, cell=cell, reason=reason)
        (board / f"{cell}.base").unlink(missing_ok=True)
        (board / f"{cell}.reason").unlink(missing_ok=True)
        sync_directory(board)
        return True


class PinWatch:
    """Carries pins to the answers. For one event loop."""

    def __init__(self, board: PinBoard, applier: Applier) -> None:
        self._board = board
        self._applier = applier
        self._known: dict[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Carry over what changed since the last look."""
        marks = await asyncio.to_thread(self._board.marks)
        for cell in self._known.keys() - marks.keys():
            del self._known[cell]
            log.warning("a pin is lifted", extra={"cell": cell})
            self._applier.lift(cell)
        for cell, mark in marks.items():
            if self._known.get(cell) == mark:
                continue
            try:
                pin = await asyncio.to_thread(self._board.read, cell)
            except DamagedError as error:
                log.error("a pin cannot be served", extra={"cell": cell, "error": str(error)})
            else:
                log.warning("a pin is placed", extra={"cell": cell, "reason": pin.reason})
                self._applier.pin(pin.snapshot, pin.reason)
            # also when it cannot be read: told once
            self._known[cell] = mark
