"""The entries of one cell as a hash tree: a persistent map that knows its digest.

The tree's shape is the contract's (message Plan). This is the frontend's own code,
sharing none with the registry, so that one mistake cannot be made on both sides (I6).

Trees never change. A step makes a new tree that shares all untouched rows and buckets
with the old one, so that it costs its own size; so does finding what differs between
two trees, since equal hashes are not looked into.

A tree keeps octets. With a `Reader` what they say is read each time it is asked for, so
that a large cell costs little more memory than it has octets; and a row may lie in a file's
octets and be looked into only where it is asked (`Row`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from dns_frontend.plan.row import (
    EMPTY_ROW,
    Bucket,
    Leaf,
    MemoryRow,
    PatchedRow,
    Published,
    Reader,
    Row,
    bucket_hash,
    differing,
    leaf_hash,
    paired,
    repaired,
)

__all__ = ["ROWS", "Difference", "EntryTree", "Published", "Totals", "TreeBuilder"]

ROWS = 256


class Totals(NamedTuple):
    """How much a tree holds."""

    services: int = 0
    endpoints: int = 0
    octets: int = 0
    live: int = 0
    """Services without a tombstone."""
    senseless: int = 0
    """Entries that cannot be read."""


class Difference(NamedTuple):
    """What turns one tree into another."""

    changed: Mapping[str, Published]
    removed: tuple[str, ...]


def nobody_waits() -> None:
    """What is called between parts of work that nobody waits for."""


_NOTHING = Totals()
_NOBODY: frozenset[str] = frozenset()


class EntryTree:
    """All entries of one generation of one cell. Immutable."""

    __slots__ = ("_pairs", "_read", "digest", "diverted", "faulty", "namespaces", "rows", "totals")

    digest: bytes
    """32 octets over all entries, as the contract describes."""
    totals: Totals
    namespaces: Mapping[str, int]
    """How many services without a tombstone there are in each namespace that has any."""
    diverted: frozenset[str]
    """The entries in which an operator diverts clients for a while."""
    faulty: frozenset[str]
    """The entries in which the guard finds a fault."""

    def __init__(
        self,
        rows: tuple[Row, ...] | None = None,
        totals: Totals = _NOTHING,
        namespaces: Mapping[str, int] | None = None,
        diverted: frozenset[str] = _NOBODY,
        faulty: frozenset[str] = _NOBODY,
        read: Reader | None = None,
        pairs: bytes | None = None,
    ) -> None:
        """With `read`, what is put in later is kept as octets; `pairs` are what `paired` makes
        of the rows' hashes, for who knows them already."""
        self.rows = rows if rows is not None else (EMPTY_ROW,) * ROWS
        self.totals = totals
        self.namespaces = namespaces if namespaces is not None else {}
        self.diverted = diverted
        self.faulty = faulty
        self._read = read
        if pairs is None:
            pairs = paired({i: row.hash for i, row in enumerate(self.rows) if row.hash})
        self._pairs = pairs
        self.digest = sha256(b"\x03" + pairs).digest()

    def __repr__(self) -> str:
        return f"<EntryTree {self.digest.hex()[:12]} services={self.totals.services}>"

    def __len__(self) -> int:
        return self.totals.services

    def __iter__(self) -> Iterator[tuple[str, Published]]:
        for leaf in self.leaves():
            yield leaf.key, leaf.published

    def leaves(self) -> Iterator[Leaf]:
        """All entries, unread."""
        for row in self.rows:
            for index in row.hashes():
                bucket = row.bucket(index)
                if bucket is not None:
                    yield from bucket.leaves

    def get(self, key: str) -> Published | None:
        """The entry of that key, if there is one."""
        place = sha256(key.encode()).digest()
        leaf = self.rows[place[0]].find(place[1], key)
        return leaf.published if leaf is not None else None

    def replace(
        self,
        changed: Mapping[str, Published],
        removed: Collection[str],
        between: Callable[[], None] = nobody_waits,
    ) -> EntryTree:
        """A tree with some entries put or taken away; removing what is not there is no change.

        `between` is called between its parts.
        """
        touched: dict[int, dict[int, dict[str, Leaf | None]]] = {}
        tally = Tally(self.totals, self.namespaces, self.diverted, self.faulty)
        for key, published in changed.items():
            leaf, place = _leaf(key, published, self._read)
            touched.setdefault(place[0], {}).setdefault(place[1], {})[key] = leaf
        for key in removed:
            place = sha256(key.encode()).digest()
            touched.setdefault(place[0], {}).setdefault(place[1], {})[key] = None
        rows, pairs = list(self.rows), self._pairs
        for row_index, bucket_changes in touched.items():
            between()
            row = rows[row_index]
            over: dict[int, Bucket | None] = {}
            for index, leaves in bucket_changes.items():
                old = row.bucket(index)
                kept = {leaf.key: leaf for leaf in old.leaves} if old else {}
                for key, new in leaves.items():
                    before = kept.pop(key, None)
                    if before is not None:
                        tally.take(key, before.published)
                    if new is not None:
                        tally.add(key, changed[key])
                        kept[key] = new
                over[index] = _bucket(kept) if kept else None
            between()
            rows[row_index] = patched = _patched(row, over)
            pairs = repaired(pairs, row_index, patched.hash)
        between()
        return EntryTree(
            tuple(rows),
            tally.totals,
            tally.namespaces,
            tally.diverted,
            tally.faulty,
            self._read,
            pairs,
        )

    def difference(self, newer: EntryTree) -> Difference:
        """What `newer` has otherwise than this tree."""
        changed, removed = self.altered(newer)
        return Difference({leaf.key: leaf.published for leaf in changed}, removed)

    def altered(self, newer: EntryTree) -> tuple[list[Leaf], tuple[str, ...]]:
        """The same, with the entries unread: those that changed or came, and those that left."""
        changed: list[Leaf] = []
        removed: list[str] = []
        for old_row, new_row in zip(self.rows, newer.rows, strict=True):
            if old_row is new_row or old_row.hash == new_row.hash:
                continue
            for index in differing(old_row, new_row):
                old, new = old_row.bucket(index), new_row.bucket(index)
                before = {leaf.key: leaf.hash for leaf in old.leaves} if old else {}
                leaves = new.leaves if new else ()
                changed += [leaf for leaf in leaves if before.pop(leaf.key, None) != leaf.hash]
                removed.extend(before)
        return changed, tuple(sorted(removed))

    def moved(self, elsewhere: EntryTree) -> EntryTree:
        """The same content, lying in another tree as far as it is the same there."""
        tree = elsewhere
        if elsewhere.digest != self.digest:
            changed, removed = elsewhere.difference(self)
            tree = elsewhere.replace(changed, removed)
        return tree if tree.digest == self.digest else self


class TreeBuilder:
    """Makes the tree of a whole generation in small steps, so that queries can go between."""

    def __init__(self, read: Reader | None = None) -> None:
        """With `read`, entries are kept as octets."""
        self._read = read
        self._rows: list[dict[int, dict[str, Leaf]]] = [{} for _ in range(ROWS)]
        self._tally = Tally(_NOTHING, {}, _NOBODY, _NOBODY)

    def __len__(self) -> int:
        return self._tally.totals.services

    def add(self, key: str, published: Published) -> None:
        """Take in one entry. Raises ValueError when the key is there already."""
        leaf, place = _leaf(key, published, self._read)
        bucket = self._rows[place[0]].setdefault(place[1], {})
        if key in bucket:
            raise ValueError(f"{key} is there twice")
        bucket[key] = leaf
        self._tally.add(key, published)

    def build(self) -> Iterator[EntryTree | None]:
        """The tree, as the last thing yielded; None after each of the small steps before it."""
        rows: list[Row] = []
        for half_built in self._rows:
            rows.append(MemoryRow({index: _bucket(each) for index, each in half_built.items()}))
            yield None
        tally = self._tally
        yield EntryTree(
            tuple(rows), tally.totals, tally.namespaces, tally.diverted, tally.faulty, self._read
        )


class Tally:
    """Counts what comes into a tree and what leaves it."""

    __slots__ = ("_diverted", "_faulty", "_namespaces", "_owned", "_sums")

    def __init__(
        self,
        totals: Totals,
        namespaces: Mapping[str, int],
        diverted: frozenset[str],
        faulty: frozenset[str],
    ) -> None:
        self._sums = list(totals)
        self._namespaces = namespaces
        self._owned = False
        self._diverted = diverted
        self._faulty = faulty

    @property
    def totals(self) -> Totals:
        """How much there is now."""
        return Totals(*self._sums)

    @property
    def namespaces(self) -> Mapping[str, int]:
        """As `EntryTree.namespaces`."""
        return self._namespaces

    @property
    def diverted(self) -> frozenset[str]:
        """As `EntryTree.diverted`."""
        return self._diverted

    @property
    def faulty(self) -> frozenset[str]:
        """As `EntryTree.faulty`."""
        return self._faulty

    def add(self, key: str, published: Published) -> None:
        """An entry comes."""
        self._count(key, published, 1)

    def take(self, key: str, published: Published) -> None:
        """An entry leaves."""
        self._count(key, published, -1)

    def _count(self, key: str, published: Published, sign: int) -> None:
        sums = self._sums
        sums[0] += sign
        sums[2] += sign * len(published.body)
        if published.fault:
            self._faulty = self._faulty | {key} if sign > 0 else self._faulty - {key}
        entry = published.entry
        if entry is None:
            sums[4] += sign
            return
        sums[1] += sign * len(entry.endpoints)
        if entry.diversion is not None:
            self._diverted = self._diverted | {key} if sign > 0 else self._diverted - {key}
        if entry.tombstoned:
            return
        sums[3] += sign
        namespace = key.partition("/")[0]
        counts = dict(self._namespaces) if not self._owned else self._namespaces
        self._namespaces, self._owned = counts, True
        assert isinstance(counts, dict)
        counts[namespace] = counts.get(namespace, 0) + sign
        if not counts[namespace]:
            del counts[namespace]


def _leaf(key: str, published: Published, read: Reader | None) -> tuple[Leaf, bytes]:
    """An entry as it is kept, and the hash that says where."""
    name = key.encode()
    content = published if read is None else published.body
    return Leaf(key, leaf_hash(name, published.body), content, read), sha256(name).digest()


def _bucket(leaves: Mapping[str, Leaf]) -> Bucket:
    # code points and UTF-8 octets sort alike, so the keys' own order is the contract's
    in_order = tuple(leaves[key] for key in sorted(leaves))
    return Bucket(bucket_hash(in_order), in_order)


def _patched(row: Row, over: Mapping[int, Bucket | None]) -> Row:
    """The row with other buckets; one that lies elsewhere stays there."""
    if isinstance(row, PatchedRow):
        return row.patched(over)
    if isinstance(row, MemoryRow):
        changed = {**row.buckets, **over}
        return MemoryRow({i: bucket for i, bucket in changed.items() if bucket is not None})
    return PatchedRow(row, over)
