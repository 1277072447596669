"""The last known good on disk: one directory a frontend, one below it a cell.

    LOCK                          held while a frontend uses the directory
    standings                     which services are not answered at home
    cells/CELL/00000007.base      a whole generation
    cells/CELL/00000007.journal   the steps since, appended

A journal that outgrows a part of its base is followed by a new base; the two before are kept with
their journals. The step that leads to a new base is in the journal before it as well: an
older base and the journals from it on lead to the same generation, so that a damaged base
costs nothing but its steps' replay. Everything is verified at
load, by checksum and by digest; a torn tail is cut, anything else is reported and the
next older state used. All calls block; `Scribe` makes them on a thread of its own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dns_frontend.feed import record
from dns_frontend.feed.record import Damage, DamagedError, Kind, Step
from dns_frontend.feed.replay import replay, step_between
from dns_frontend.feed.snapshot_file import (
    numbers,
    read_base_file,
    read_octets,
    read_snapshot,
    replace_file,
    sync_directory,
    write_snapshot,
)
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits

_KEPT_BASES = 3
_JOURNAL_FLOOR_OCTETS = 64 * 1024
"""A journal may always grow to this, lest a small cell write bases all the time."""
_JOURNAL_SHARE = 4
"""It may grow to the base's octets divided by this: a start reads all of its steps."""


class DirectoryInUseError(Exception):
    """Another frontend uses the directory."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is in use by another frontend; give each its own directory")
        self.path = path


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that could not be used as it stands."""

    path: Path
    damage: Damage
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.damage.value}: {self.reason}"


@dataclass(slots=True)
class Recovered:
    """What was read for one cell; `snapshot` is None when nothing usable was there."""

    cell: str
    snapshot: Snapshot | None = None
    source: Path | None = None
    """The base that it comes from."""
    findings: list[Finding] = field(default_factory=list)
    below: tuple[int, int] | None = None
    """Where reading is to end short of, by (epoch, generation)."""


@dataclass(slots=True)
class _Shelf:
    """Where writing to one cell stands."""

    directory: Path
    number: int = 0
    """Of the newest base; 0 when there is none."""
    written: Snapshot | None = None
    """What the files lead to; None when a base is needed."""
    journal: int = -1
    """File descriptor; -1 when not open."""
    journal_octets: int = 0
    base_octets: int = 0


class LastKnownGood:
    """The directory. Not thread-safe; opened before use."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._lock = -1
        self._shelves: dict[str, _Shelf] = {}

    def __repr__(self) -> str:
        cells = ", ".join(
            f"{cell} {shelf.written.position.generation if shelf.written else 'unwritten'}"
            for cell, shelf in sorted(self._shelves.items())
        )
        return f"<LastKnownGood {self._directory}: {cells or 'empty'}>"

    # --- Opening and reading -----------------------------------------------------------

    def open(self) -> None:
        """Make and lock the directory. Raises DirectoryInUseError, OSError."""
        (self._directory / "cells").mkdir(parents=True, exist_ok=True)
        lock = self._open_lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DirectoryInUseError(self._directory) from None
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def _open_lock(self) -> int:
        path = self._directory / "LOCK"
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            # a disk that failed is often made read-only: what it holds is answered with (I16)
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            raise

    def close(self) -> None:
        """Let go of all files and of the lock. Harmless twice."""
        for shelf in self._shelves.values():
            _close_journal(shelf)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def load(self) -> Iterator[Recovered | None]:
        """All cells found, each when read; None now and then, so that others may go between."""
        for directory in sorted((self._directory / "cells").iterdir()):
            if not directory.is_dir():
                continue
            recovered = Recovered(directory.name)
            shelf = self._shelves.setdefault(directory.name, _Shelf(directory))
            try:
                yield from self._read_cell(directory, recovered)
                shelf.number = max(_numbers(directory), default=0)
                self._continue(shelf, recovered)
            except OSError as error:
                # one cell's directory must not keep the others from being answered (I20)
                recovered.findings.append(Finding(directory, Damage.UNREADABLE, str(error)))
                del self._shelves[directory.name]
            yield recovered

    def peek(self, cell: str, below: tuple[int, int] | None = None) -> Recovered:
        """What the files of a cell lead to, without a lock and without touching them; with
        `below`, what they led to before that (epoch, generation).

        For tools beside a running frontend; one that is writing meanwhile may be a step ahead.
        """
        recovered = Recovered(cell, below=below)
        directory = self._directory / "cells" / cell
        if directory.is_dir():
            for _ in self._read_cell(directory, recovered):
                pass
        return recovered

    def _read_cell(self, directory: Path, recovered: Recovered) -> Iterator[None]:
        """Row by row of what may be found:

        newest base   its journal   older base      result
        good          good          -               base and journal
        good          torn tail     -               base and journal up to the tear
        good          damaged       -               base and journal up to the damage, reported
        damaged       any           good            older base and all journals since, reported
        damaged       any           damaged         the next older; at last nothing, reported

        A base that is missing while its journal is there counts as damaged.
        """
        for number in sorted(_numbers(directory), reverse=True):
            path = directory / f"{number:08d}.base"
            try:
                snapshot = yield from read_base_file(path, directory.name, self._limits)
            except DamagedError as error:
                recovered.findings.append(Finding(path, error.damage, error.reason))
                continue
            if recovered.below is not None and snapshot.order >= recovered.below:
                continue
            recovered.snapshot, recovered.source = snapshot, path
            for later in sorted(numbers(directory, "journal")):
                if later >= number and not (yield from self._replay(directory, later, recovered)):
                    break
            return

    def _replay(
        self, directory: Path, number: int, recovered: Recovered
    ) -> Generator[None, None, bool]:
        """Go on from `recovered` by one journal; False when what follows cannot be used."""
        path = directory / f"{number:08d}.journal"
        steps: list[Step] = []
        damage: DamagedError | None = None
        try:
            data = read_octets(path)
            record.check_header(data, Kind.JOURNAL)
            for payload, _ in record.frames(data):
                steps.append(record.read_step(payload))
                yield None
        except DamagedError as error:
            damage = error
        assert recovered.snapshot is not None
        recovered.snapshot, gap = replay(
            recovered.snapshot, steps, self._limits, below=recovered.below
        )
        damage = gap or damage
        if damage is None:
            return True
        newest = number == max(numbers(directory, "journal"))
        # a write that was under way at a crash: nothing was served from it
        torn = damage.damage is Damage.TORN or (
            damage.damage is Damage.HEADER and path.stat().st_size < record.HEADER_OCTETS
        )
        if newest and torn:
            return True
        recovered.findings.append(Finding(path, damage.damage, damage.reason))
        return False

    def _continue(self, shelf: _Shelf, recovered: Recovered) -> None:
        """Be ready to append where reading ended; after any damage a new base is due instead."""
        if recovered.snapshot is None or recovered.findings:
            return
        base = shelf.directory / f"{shelf.number:08d}.base"
        shelf.base_octets = base.stat().st_size
        shelf.written = recovered.snapshot
        with contextlib.suppress(OSError):  # what cannot be continued is begun anew by `write`
            _open_journal(shelf)

    # --- Writing -----------------------------------------------------------------------

    def write(self, snapshot: Snapshot) -> Snapshot | None:
        """Make the files lead to `snapshot`, durably. Raises OSError; what was there stays good.

        Costs what differs from what was written last, but for a new base now and then: that
        is returned as it lies in the file's octets, which take less room than objects.
        """
        cell = snapshot.position.cell
        shelf = self._shelves.get(cell)
        if shelf is None:
            directory = self._directory / "cells" / cell
            directory.mkdir(exist_ok=True)
            sync_directory(directory.parent)
            shelf = _Shelf(directory, max(_numbers(directory), default=0))
            self._shelves[cell] = shelf
        written = shelf.written
        if written is not None and written.order >= snapshot.order:
            return None
        outgrown = shelf.journal_octets > max(
            _JOURNAL_FLOOR_OCTETS, shelf.base_octets // _JOURNAL_SHARE
        )
        appended = written is not None and shelf.journal >= 0
        if written is not None and appended:
            self._append(shelf, written, snapshot)
            shelf.written = snapshot
        if not outgrown and appended:
            return None
        self._write_base(shelf, snapshot)
        try:
            placed = read_snapshot(shelf.directory / f"{shelf.number:08d}.base", cell, self._limits)
        except DamagedError as error:
            # found now rather than at the next start: it is to be written anew
            shelf.written = None
            raise OSError(errno.EIO, f"a base is not read as it was written: {error}") from error
        shelf.written = placed
        return placed

    def _append(self, shelf: _Shelf, written: Snapshot, snapshot: Snapshot) -> None:
        octets = record.step_octets(step_between(written, snapshot))
        try:
            _write_all(shelf.journal, octets)
            os.fdatasync(shelf.journal)
        except OSError:
            # part of a frame must not stand between this and the next one
            try:
                os.ftruncate(shelf.journal, shelf.journal_octets)
            except OSError:
                _close_journal(shelf)
            raise
        shelf.journal_octets += len(octets)

    def _write_base(self, shelf: _Shelf, snapshot: Snapshot) -> None:
        number = shelf.number + 1
        path = shelf.directory / f"{number:08d}.base"
        shelf.base_octets = write_snapshot(path, snapshot)
        # durable from here on: what fails below must not have it written again
        shelf.number, shelf.written = number, snapshot
        _close_journal(shelf)
        kept = sorted(numbers(shelf.directory, "base"))[-_KEPT_BASES:]
        for suffix in ("base", "journal"):
            for old in numbers(shelf.directory, suffix):
                if old < kept[0]:
                    (shelf.directory / f"{old:08d}.{suffix}").unlink(missing_ok=True)
        _open_journal(shelf)

    # --- Standings ---------------------------------------------------------------------

    def write_standings(self, standings: Mapping[str, Any]) -> None:
        """Replace the standings, durably. Raises OSError; the old ones stay good then."""
        payload = json.dumps(standings, separators=(",", ":"), sort_keys=True).encode()
        replace_file(
            self._directory / "standings",
            iter((record.header(Kind.STANDINGS), record.frame(payload))),
        )

    def read_standings(self) -> tuple[Mapping[str, Any], Finding | None]:
        """The standings written last; empty when there are none, or with what is wrong."""
        path = self._directory / "standings"
        if not path.exists():
            return {}, None
        try:
            data = read_octets(path)
            record.check_header(data, Kind.STANDINGS)
            payload, _ = next(record.frames(data), (b"", 0))
            standings = json.loads(payload)
        except DamagedError as error:
            return {}, Finding(path, error.damage, error.reason)
        except (ValueError, RecursionError) as error:
            return {}, Finding(path, Damage.CONTENT, str(error))
        return (standings, None) if isinstance(standings, dict) else ({}, None)


def _numbers(directory: Path) -> set[int]:
    """Of all bases, and of journals whose base may be gone."""
    return {*numbers(directory, "base"), *numbers(directory, "journal")}


def _open_journal(shelf: _Shelf) -> None:
    """Open the newest base's journal for appending, cut to its last whole frame."""
    path = shelf.directory / f"{shelf.number:08d}.journal"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND, 0o644)
    try:
        data = path.read_bytes()
        end = record.HEADER_OCTETS
        try:
            record.check_header(data, Kind.JOURNAL)
            for _, after in record.frames(data):
                end = after
        except DamagedError as error:
            if error.damage is Damage.HEADER:
                end = 0
        os.ftruncate(descriptor, end)
        if end == 0:
            _write_all(descriptor, record.header(Kind.JOURNAL))
            end = record.HEADER_OCTETS
        os.fsync(descriptor)
        sync_directory(shelf.directory)
    except OSError:
        os.close(descriptor)
        raise
    shelf.journal, shelf.journal_octets = descriptor, end


def _close_journal(shelf: _Shelf) -> None:
    if shelf.journal >= 0:
        with contextlib.suppress(OSError):
            os.close(shelf.journal)
    shelf.journal, shelf.journal_octets = -1, 0


def _write_all(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]


__all__ = [
    "CellPosition",
    "DirectoryInUseError",
    "Finding",
    "LastKnownGood",
    "Recovered",
]
