"""A base: the octets of a whole generation, in which entries are found without reading it.

    header   as of all files, schema 2
    frame    position, totals, namespaces, what is diverted and what the guard faults, as JSON
    frame    of each of the 256 rows of the hash tree, empty for an empty one:
                 count (2)
                 second octet of the hash of each bucket's keys (1 each), ascending
                 hash (32 each)
                 where its entries end (4 each), counted from the first of all
                 entries, as in a journal
    frame    entries of the names that are held
    frame    empty: it is complete

The file is the index: the first two octets of the hash of a key say in which row and bucket
its entry is, and some two entries share a bucket. So a start costs the checksums and the
hashes over buckets; what an entry says is read when somebody asks for it, and what was
never asked for costs its octets. The hashes lead from the position's digest down to each
bucket; a bucket is held against its own each time it is read, so that nothing is used
that was not verified (I6).

The octets are held in memory, not mapped from the disk: a disk that fails under a mapping
ends the process, and the loss of the disk must end nothing (I15).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from dns_frontend.feed import decode as decode_module
from dns_frontend.feed import record
from dns_frontend.feed.record import Damage, DamagedError, Kind, Octets
from dns_frontend.plan import guard
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.digest import ROWS, EntryTree, Totals
from dns_frontend.plan.row import (
    EMPTY_ROW,
    Bucket,
    Leaf,
    PatchedRow,
    Reader,
    Row,
    bucket_hash,
    leaf_hash,
    paired,
    row_hash,
)

SCHEMA = 2
_COUNT = struct.Struct(">H")
_ENTRY = record.ENTRY
_HASH_OCTETS = 32
_END_OCTETS = 4


class PlacedRow:
    """A row that lies in octets; buckets are read when they are asked for."""

    __slots__ = ("_at", "_count", "_data", "_read", "_size", "hash")

    def __init__(self, data: Octets, at: int, size: int, read: Reader) -> None:
        """The row is at `data[at:at + size]`. Raises DamagedError when it cannot be one."""
        self._data, self._at, self._size, self._read = data, at, size, read
        self._count: int
        try:
            (self._count,) = _COUNT.unpack_from(data, at)
        except struct.error as error:
            raise DamagedError(Damage.CONTENT, f"a row makes no sense: {error}") from error
        room = size - _COUNT.size - self._count * (1 + _HASH_OCTETS + _END_OCTETS)
        if self._count == 0 or room < 0:
            raise DamagedError(Damage.CONTENT, f"a row has {self._count} buckets in {size} octets")
        indexes = self._indexes()
        ends = struct.unpack_from(f">{self._count}I", data, self._ends())
        if sorted(set(indexes)) != list(indexes) or list(ends) != sorted(ends) or ends[-1] != room:
            raise DamagedError(Damage.CONTENT, "the buckets of a row are out of order")
        self.hash = row_hash(paired(self.hashes()))

    def __repr__(self) -> str:
        return f"<PlacedRow {self._count} buckets, {self._size} octets>"

    @property
    def octets(self) -> bytes:
        """All of it."""
        return self._data[self._at : self._at + self._size]

    def hashes(self) -> Mapping[int, bytes]:
        """As `Row.hashes`."""
        data, at = self._data, self._at + _COUNT.size + self._count
        return dict(zip(self._indexes(), _hashes(self._count).unpack_from(data, at), strict=True))

    def entries(self, index: int) -> bytes:
        """The octets of a bucket's entries; empty when there is no such bucket."""
        found = self._find(index)
        return self._data[found[0] : found[1]] if found is not None else b""

    def bucket(self, index: int) -> Bucket | None:
        """As `Row.bucket`. Raises DamagedError when it lacks its hash."""
        found = self._find(index)
        if found is None:
            return None
        begin, end, hash_ = found
        leaves = tuple(
            Leaf(key, leaf_hash(key.encode(), body), body, self._read)
            for key, body in record.entries(self._data[begin:end])
        )
        if bucket_hash(leaves) != hash_:
            raise DamagedError(Damage.CONTENT, f"a bucket lacks its hash: {leaves!r}"[:300])
        return Bucket(hash_, leaves)

    def find(self, index: int, key: str) -> Leaf | None:
        """As `Row.find`; a key that is not there costs next to nothing."""
        found = self._find(index)
        if found is None or self._data.find(key.encode(), found[0], found[1]) < 0:
            return None
        bucket = self.bucket(index)
        return bucket.find(key) if bucket is not None else None

    def _indexes(self) -> bytes:
        begin = self._at + _COUNT.size
        return self._data[begin : begin + self._count]

    def _ends(self) -> int:
        return self._at + _COUNT.size + self._count * (1 + _HASH_OCTETS)

    def _find(self, index: int) -> tuple[int, int, bytes] | None:
        """Where a bucket's entries begin and end, and the hash of it."""
        data, indexes = self._data, self._at + _COUNT.size
        place = data.find(bytes((index,)), indexes, indexes + self._count) - indexes
        if place < 0:
            return None
        ends = self._ends()
        first = ends + self._count * _END_OCTETS
        begin = first
        if place:
            begin += int.from_bytes(data[ends + (place - 1) * 4 : ends + place * 4], "big")
        end = first + int.from_bytes(data[ends + place * 4 : ends + (place + 1) * 4], "big")
        hash_ = indexes + self._count + place * _HASH_OCTETS
        return begin, end, data[hash_ : hash_ + _HASH_OCTETS]


def encode(snapshot: Snapshot) -> Iterator[bytes]:
    """The octets of a base, piece by piece; rows and buckets that lie in one are copied."""
    tree = snapshot.tree
    head: dict[str, object] = {
        "position": record.position_fields(snapshot.position),
        "totals": tree.totals,
        "namespaces": dict(tree.namespaces),
        "diverted": sorted(tree.diverted),
        "faulty": sorted(tree.faulty),
        "edition": edition(),
    }
    payload = json.dumps(head, separators=(",", ":"), sort_keys=True).encode()
    yield record.header(Kind.BASE, SCHEMA) + record.frame(payload)
    for row in tree.rows:
        yield record.frame(_row_octets(row))
    held = (record.entry_octets(key, kept.body) for key, kept in snapshot.held.items())
    yield record.frame(b"".join(held))
    yield record.frame(b"")


def decode(data: Octets, read: Reader) -> Snapshot:
    """The generation that lies in the octets of a base of schema 2.

    Raises DamagedError when a checksum is wrong, when rows or buckets are not where they
    should be, or when the hashes do not lead to the position's digest.
    """
    frames = record.spans(data)
    try:
        begin, end = next(frames)
        head = json.loads(data[begin:end])
        position = record.position_of(head["position"])
        totals, namespaces = _totals(head["totals"]), _namespaces(head["namespaces"])
        diverted = frozenset(map(str, head["diverted"]))
        faulty = frozenset(map(str, head["faulty"]))
        is_ours = head["edition"] == edition()
    except StopIteration:
        raise DamagedError(Damage.TORN, "it ends after its header") from None
    except record.SENSELESS as error:
        raise DamagedError(Damage.CONTENT, f"its head makes no sense: {error!r}") from error
    spans = list(islice(frames, ROWS + 2))
    if len(spans) < ROWS + 2:
        raise DamagedError(Damage.TORN, "it lacks its end")
    *spans, (kept_begin, kept_end), (begin, end) = spans
    if begin != end:
        raise DamagedError(Damage.CONTENT, "it goes on after what is held")
    rows: tuple[Row, ...] = tuple(
        PlacedRow(data, begin, end - begin, read) if begin != end else EMPTY_ROW
        for begin, end in spans
    )
    tree = EntryTree(rows, totals, namespaces, diverted, faulty, read)
    if tree.digest != position.digest:
        raise DamagedError(Damage.CONTENT, "its content lacks its digest")
    if totals.senseless:
        raise DamagedError(Damage.CONTENT, f"{totals.senseless} entries cannot be read")
    if not is_ours:
        # another guard looked at it
        faulty = frozenset(key for key, each in tree if each.fault)
        tree = EntryTree(rows, totals, namespaces, diverted, faulty, read)
    held = {key: read(key, body) for key, body in record.entries(data[kept_begin:kept_end])}
    if unread := next((each.fault for each in held.values() if each.entry is None), ""):
        raise DamagedError(Damage.CONTENT, unread)
    return Snapshot(position, tree, held)


@cache
def _hashes(count: int) -> struct.Struct:
    """So many hashes in a row: of each of them a step of a cell has its own octets."""
    return struct.Struct(f"{_HASH_OCTETS}s" * count)


@cache
def edition() -> str:
    """Names how entries are read and judged here: equal editions find the same faults."""
    sources = (Path(module.__file__ or "").read_bytes() for module in (decode_module, guard))
    return sha256(b"".join(sources)).hexdigest()


def verify(tree: EntryTree) -> None:
    """Hold all of a tree against its hashes now. Raises DamagedError."""
    for _ in tree.leaves():
        pass


def _row_octets(row: Row) -> bytes:
    if isinstance(row, PlacedRow):
        return row.octets
    hashes = row.hashes()
    if not hashes:
        return b""
    parts = [_entries_octets(row, index) for index in hashes]
    ends: list[int] = []
    size = 0
    for part in parts:
        size += len(part)
        ends.append(size)
    return b"".join(
        (
            _COUNT.pack(len(hashes)),
            bytes(hashes),
            *hashes.values(),
            struct.pack(f">{len(ends)}I", *ends),
            *parts,
        )
    )


def _entries_octets(row: Row, index: int) -> bytes:
    if isinstance(row, PatchedRow) and index not in row.over:
        row = row.under
    if isinstance(row, PlacedRow):
        return row.entries(index)
    bucket = row.bucket(index)
    leaves = bucket.leaves if bucket is not None else ()
    return b"".join(record.entry_octets(leaf.key, leaf.body) for leaf in leaves)


def _totals(fields: Any) -> Totals:
    return Totals(*(int(each) for each in fields))


def _namespaces(fields: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in fields.items()}
