"""A snapshot as a file: verified when read, replaced whole or not at all when written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from functools import partial
from pathlib import Path

from dns_frontend.feed import base, record
from dns_frontend.feed.decode import published_of
from dns_frontend.feed.record import Damage, DamagedError, Kind
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.digest import EntryTree, TreeBuilder
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits


def read_base_file(path: Path, cell: str, limits: Limits) -> Generator[None, None, Snapshot]:
    """The snapshot of `cell` in a base; yields now and then, so that others may go between.

    An empty `cell` takes whichever it is of. Raises DamagedError for a file whose
    checksums or digest are wrong, whose entries make no sense, or that is of another cell.
    """
    data = read_octets(path)
    if record.check_header(data, Kind.BASE) == base.SCHEMA:
        yield None
        snapshot = base.decode(data, partial(published_of, limits=limits))
        _check_cell(snapshot.position, cell)
        return snapshot
    position, entries, kept = record.read_base(data)
    _check_cell(position, cell)
    builder = TreeBuilder(partial(published_of, limits=limits))
    for count, (key, body) in enumerate(entries):
        published = published_of(key, body, limits)
        if published.entry is None:
            raise DamagedError(Damage.CONTENT, published.fault)
        try:
            builder.add(key, published)
        except ValueError as error:
            raise DamagedError(Damage.CONTENT, str(error)) from error
        if count % 64 == 0:
            yield None
    tree: EntryTree | None = None
    for built in builder.build():
        tree = built
        yield None
    if tree is None or tree.digest != position.digest:
        raise DamagedError(Damage.CONTENT, "its content lacks its digest")
    held = {}
    for key, body in kept:
        held[key] = published_of(key, body, limits)
        if held[key].entry is None:
            raise DamagedError(Damage.CONTENT, held[key].fault)
    return Snapshot(position, tree, held)


def _check_cell(position: CellPosition, cell: str) -> None:
    if cell and position.cell != cell:
        raise DamagedError(Damage.CONTENT, f"it is of cell {position.cell!r}")


def read_snapshot(path: Path, cell: str, limits: Limits) -> Snapshot:
    """`read_base_file` at one go; for a thread of its own. Raises DamagedError."""
    reading = read_base_file(path, cell, limits)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            snapshot: Snapshot = done.value
            return snapshot


def write_snapshot(path: Path, snapshot: Snapshot) -> int:
    """Write a base, durably; returns its octets. Raises OSError; what was there stays then."""
    return replace_file(path, base.encode(snapshot))


def numbers(directory: Path, suffix: str) -> list[int]:
    """The numbers of the files `NUMBER.suffix` in a directory."""
    return [
        int(path.stem)
        for path in directory.iterdir()
        if path.suffix == f".{suffix}" and path.stem.isdecimal()
    ]


def read_octets(path: Path) -> bytes:
    """A file's content. Raises DamagedError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedError(Damage.UNREADABLE, str(error)) from error


def replace_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file so that a crash leaves either the old or the new one; returns its octets."""
    temporary = path.with_name(path.name + ".tmp")
    size = 0
    try:
        with temporary.open("wb") as file:
            for piece in pieces:
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        # on a full disk its octets are needed elsewhere
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return size


def sync_directory(path: Path) -> None:
    """Make a directory's names durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
