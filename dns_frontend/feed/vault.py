"""The known goods on disk: of each cell the last generations that proved themselves.

    good/CELL/00000003.base    a whole generation, written after its soak
    probation                  how this frontend's lives ended

Apart from the files that follow every generation, so that whatever happens to those, and
whatever a bad generation does, three states remain that can be restored each by itself (I18).
All calls block; they are made on a thread.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from dns_frontend.feed import record
from dns_frontend.feed.record import DamagedError, Kind
from dns_frontend.feed.snapshot_file import (
    numbers,
    read_octets,
    read_snapshot,
    replace_file,
    write_snapshot,
)
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.probation import Record

log = logging.getLogger(__name__)

KEPT = 3
"""Known goods of each cell."""


class Vault:
    """The known goods of one frontend, below its directory. Not thread-safe."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits

    def __repr__(self) -> str:
        return f"<Vault {self._directory}>"

    def newest(self) -> dict[str, Snapshot]:
        """Each cell's newest known good that can be read; damaged ones are passed over."""
        found: dict[str, Snapshot] = {}
        shelves = self._directory / "good"
        for shelf in sorted(shelves.iterdir()) if shelves.is_dir() else ():
            good = next(self.of(shelf.name), None)
            if good is not None:
                found[shelf.name] = good
        return found

    def of(self, cell: str) -> Iterator[Snapshot]:
        """A cell's known goods that can be read, the newest first."""
        for path in reversed(self.paths(cell)):
            try:
                good = read_snapshot(path, cell, self._limits)
            except DamagedError as error:
                log.error("a known good is damaged", extra={"path": path, "error": error})
                continue
            yield good

    def paths(self, cell: str) -> list[Path]:
        """The files of a cell's known goods, the oldest first."""
        shelf = self._directory / "good" / cell
        if not shelf.is_dir():
            return []
        return [shelf / f"{number:08d}.base" for number in sorted(numbers(shelf, "base"))]

    def keep(self, snapshot: Snapshot) -> Path:
        """Write a known good, durably, then forget the oldest beyond three. Raises OSError."""
        shelf = self._directory / "good" / snapshot.position.cell
        shelf.mkdir(parents=True, exist_ok=True)
        known = self.paths(snapshot.position.cell)
        path = shelf / f"{int(known[-1].stem) + 1 if known else 1:08d}.base"
        write_snapshot(path, snapshot)
        for old in known[: -(KEPT - 1)]:
            old.unlink(missing_ok=True)
        return path

    def read_record(self) -> Record:
        """How this frontend's lives ended; a record that cannot be read says nothing."""
        path = self._directory / "probation"
        if not path.exists():
            return Record()
        try:
            data = read_octets(path)
            record.check_header(data, Kind.PROBATION)
            payload, _ = next(record.frames(data), (b"{}", 0))
            fields = json.loads(payload)
            return Record(
                bool(fields["running"]),
                bool(fields["proven"]),
                int(fields["deaths"]),
                tuple(str(digest) for digest in fields["suspects"]),
            )
        except (DamagedError, ValueError, TypeError, LookupError) as error:
            log.error("the record of our lives is damaged", extra={"path": path, "error": error})
            return Record()

    def write_record(self, lives: Record) -> None:
        """Replace the record, durably. Raises OSError."""
        payload = json.dumps(asdict(lives), separators=(",", ":")).encode()
        header = record.header(Kind.PROBATION)
        replace_file(self._directory / "probation", (header, record.frame(payload)))
