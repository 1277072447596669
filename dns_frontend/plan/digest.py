"""The entries of one cell as a hash tree: a persistent map that knows its digest.

The tree's shape is the contract's (message Plan). This is the frontend's own code,
sharing none with the registry, so that one mistake cannot be made on both sides (I6).

Trees never change. A step makes a new tree that shares all untouched rows and buckets
with the old one, so that it costs its own size; so does finding what differs between
two trees, since equal hashes are not looked into.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from dns_frontend.plan.entry import ServiceEntry


class Published(NamedTuple):
    """An entry as it came, and what it says."""

    body: bytes
    """The octets that are hashed."""
    entry: ServiceEntry | None
    """None when the octets make no sense; `fault` says why."""
    fault: str = ""
    """What is wrong with this entry by itself, empty when nothing is."""


class Totals(NamedTuple):
    """How much a tree holds."""

    services: int = 0
    endpoints: int = 0
    octets: int = 0
    live: int = 0
    """Services without a tombstone."""


class Difference(NamedTuple):
    """What turns one tree into another."""

    changed: Mapping[str, Published]
    removed: tuple[str, ...]


class _Leaf(NamedTuple):
    key: str
    hash: bytes
    published: Published


@dataclass(frozen=True, slots=True)
class _Bucket:
    hash: bytes
    leaves: tuple[_Leaf, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    hash: bytes
    buckets: Mapping[int, _Bucket]


_EMPTY_ROW = _Row(b"", {})
_NOTHING = Totals()


class EntryTree:
    """All entries of one generation of one cell. Immutable."""

    __slots__ = ("_rows", "digest", "totals")

    digest: bytes
    """32 octets over all entries, as the contract describes."""
    totals: Totals

    def __init__(self, rows: tuple[_Row, ...] | None = None, totals: Totals = _NOTHING) -> None:
        self._rows = rows if rows is not None else (_EMPTY_ROW,) * 256
        self.totals = totals
        self.digest = sha256(
            b"\x03"
            + b"".join(
                bytes((index,)) + row.hash for index, row in enumerate(self._rows) if row.buckets
            )
        ).digest()

    def __repr__(self) -> str:
        return f"<EntryTree {self.digest.hex()[:12]} services={self.totals.services}>"

    def __len__(self) -> int:
        return self.totals.services

    def __iter__(self) -> Iterator[tuple[str, Published]]:
        for row in self._rows:
            for bucket in row.buckets.values():
                for leaf in bucket.leaves:
                    yield leaf.key, leaf.published

    def get(self, key: str) -> Published | None:
        """The entry of that key, if there is one."""
        place = sha256(key.encode()).digest()
        bucket = self._rows[place[0]].buckets.get(place[1])
        for leaf in bucket.leaves if bucket else ():
            if leaf.key == key:
                return leaf.published
        return None

    def replace(self, changed: Mapping[str, Published], removed: Collection[str]) -> EntryTree:
        """A tree with some entries put or taken away; removing what is not there is no change."""
        touched: dict[int, dict[int, dict[str, _Leaf | None]]] = {}
        for key, published in changed.items():
            name = key.encode()
            place = sha256(name).digest()
            leaf = _Leaf(key, _leaf_hash(name, published.body), published)
            touched.setdefault(place[0], {}).setdefault(place[1], {})[key] = leaf
        for key in removed:
            place = sha256(key.encode()).digest()
            touched.setdefault(place[0], {}).setdefault(place[1], {})[key] = None
        rows = list(self._rows)
        sums = list(self.totals)
        for row_index, bucket_changes in touched.items():
            buckets = dict(rows[row_index].buckets)
            for bucket_index, leaves in bucket_changes.items():
                old = buckets.get(bucket_index)
                kept = {leaf.key: leaf for leaf in old.leaves} if old else {}
                for key, new in leaves.items():
                    before = kept.pop(key, None)
                    _count(sums, before, -1)
                    _count(sums, new, 1)
                    if new is not None:
                        kept[key] = new
                if kept:
                    buckets[bucket_index] = _bucket(kept)
                else:
                    buckets.pop(bucket_index, None)
            rows[row_index] = _row(buckets)
        return EntryTree(tuple(rows), Totals(*sums))

    def difference(self, newer: EntryTree) -> Difference:
        """What `newer` has otherwise than this tree."""
        changed: dict[str, Published] = {}
        removed: list[str] = []
        for old_row, new_row in zip(self._rows, newer._rows, strict=True):
            if old_row.hash == new_row.hash:
                continue
            for index in old_row.buckets.keys() | new_row.buckets.keys():
                old, new = old_row.buckets.get(index), new_row.buckets.get(index)
                if old is not None and new is not None and old.hash == new.hash:
                    continue
                before = {leaf.key: leaf.hash for leaf in old.leaves} if old else {}
                for leaf in new.leaves if new else ():
                    if before.pop(leaf.key, None) != leaf.hash:
                        changed[leaf.key] = leaf.published
                removed.extend(before)
        return Difference(changed, tuple(sorted(removed)))


class TreeBuilder:
    """Makes the tree of a whole generation in small steps, so that queries can go between."""

    def __init__(self) -> None:
        self._rows: list[dict[int, dict[str, _Leaf]]] = [{} for _ in range(256)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, key: str, published: Published) -> None:
        """Take in one entry. Raises ValueError when the key is there already."""
        name = key.encode()
        place = sha256(name).digest()
        bucket = self._rows[place[0]].setdefault(place[1], {})
        if key in bucket:
            raise ValueError(f"{key} is there twice")
        bucket[key] = _Leaf(key, _leaf_hash(name, published.body), published)
        self._count += 1

    def build(self) -> Iterator[EntryTree | None]:
        """The tree, as the last thing yielded; None after each of the small steps before it."""
        rows: list[_Row] = []
        sums = [0, 0, 0, 0]
        for half_built in self._rows:
            for leaves in half_built.values():
                for leaf in leaves.values():
                    _count(sums, leaf, 1)
            rows.append(_row({index: _bucket(leaves) for index, leaves in half_built.items()}))
            yield None
        yield EntryTree(tuple(rows), Totals(*sums))


def _leaf_hash(key: bytes, body: bytes) -> bytes:
    return sha256(b"\x00" + key + b"\x00" + body).digest()


def _bucket(leaves: Mapping[str, _Leaf]) -> _Bucket:
    # code points and UTF-8 octets sort alike, so the keys' own order is the contract's
    in_order = tuple(leaves[key] for key in sorted(leaves))
    return _Bucket(sha256(b"\x01" + b"".join(leaf.hash for leaf in in_order)).digest(), in_order)


def _row(buckets: Mapping[int, _Bucket]) -> _Row:
    if not buckets:
        return _EMPTY_ROW
    in_order = {index: buckets[index] for index in sorted(buckets)}
    hashed = b"".join(bytes((index,)) + bucket.hash for index, bucket in in_order.items())
    return _Row(sha256(b"\x02" + hashed).digest(), in_order)


def _count(sums: list[int], leaf: _Leaf | None, sign: int) -> None:
    if leaf is None:
        return
    body, entry, _ = leaf.published
    sums[0] += sign
    sums[2] += sign * len(body)
    if entry is not None:
        sums[1] += sign * len(entry.endpoints)
        sums[3] += sign * (not entry.tombstoned)
