"""The parts of a hash tree: entries in buckets, buckets in rows.

A row may be of objects, or lie in a file's octets and be looked into only where it is
asked; a tree does not see the difference.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple, Protocol

from dns_frontend.plan.entry import ServiceEntry

OCTETS = tuple(bytes((each,)) for each in range(256))
"""Each octet as a string of one."""
PAIR = 33
"""Octets of an index and a hash."""


class Published(NamedTuple):
    """An entry as it came, and what it says."""

    body: bytes
    """The octets that are hashed."""
    entry: ServiceEntry | None
    """None when the octets make no sense; `fault` says why."""
    fault: str = ""
    """What is wrong with this entry by itself, empty when nothing is."""


Reader = Callable[[str, bytes], Published]
"""Reads what the octets of the entry with a key say. Never raises."""


class Leaf:
    """One entry in its place."""

    __slots__ = ("_content", "_read", "hash", "key")

    def __init__(self, key: str, hash_: bytes, content: Published | bytes, read: Reader | None):
        """`content` is octets where there is a reader."""
        self.key = key
        self.hash = hash_
        self._content = content
        self._read = read

    def __repr__(self) -> str:
        return f"<Leaf {self.key} {len(self.body)} octets>"

    @property
    def published(self) -> Published:
        """The entry, and what it says."""
        content = self._content
        if isinstance(content, bytes):
            assert self._read is not None, "octets come with a reader"
            return self._read(self.key, content)
        return content

    @property
    def body(self) -> bytes:
        """The entry's octets."""
        content = self._content
        return content if isinstance(content, bytes) else content.body


class Bucket(NamedTuple):
    """The entries whose keys' hashes begin with the same two octets, in the order of keys."""

    hash: bytes
    leaves: tuple[Leaf, ...]

    def find(self, key: str) -> Leaf | None:
        """The leaf of a key."""
        for leaf in self.leaves:
            if leaf.key == key:
                return leaf
        return None


class Row(Protocol):
    """The buckets whose first octet is the same. Immutable."""

    @property
    def hash(self) -> bytes:
        """Over all buckets; empty when there are none."""

    def hashes(self) -> Mapping[int, bytes]:
        """The hash of each bucket that there is, in order."""

    def bucket(self, index: int) -> Bucket | None:
        """The bucket of that second octet, if there is one."""

    def find(self, index: int, key: str) -> Leaf | None:
        """The leaf of a key whose second octet is `index`."""


class MemoryRow:
    """A row whose buckets are objects."""

    __slots__ = ("buckets", "hash")

    def __init__(self, buckets: Mapping[int, Bucket]) -> None:
        self.buckets = {index: buckets[index] for index in sorted(buckets)}
        self.hash = row_hash(paired(self.hashes()))

    def hashes(self) -> Mapping[int, bytes]:
        """As `Row.hashes`."""
        return {index: bucket.hash for index, bucket in self.buckets.items()}

    def bucket(self, index: int) -> Bucket | None:
        """As `Row.bucket`."""
        return self.buckets.get(index)

    def find(self, index: int, key: str) -> Leaf | None:
        """As `Row.find`."""
        bucket = self.buckets.get(index)
        return bucket.find(key) if bucket is not None else None


class PatchedRow:
    """A row that lies elsewhere, but for some buckets."""

    __slots__ = ("_pairs", "hash", "over", "under")

    def __init__(
        self, under: Row, over: Mapping[int, Bucket | None], pairs: bytes | None = None
    ) -> None:
        """`pairs` are what `paired` makes of the hashes, for who knows them already."""
        self.under = under
        self.over = over
        """Buckets instead of those below; None: there is none any more."""
        if pairs is None:
            pairs = _patched(paired(under.hashes()), over)
        self._pairs = pairs
        self.hash = row_hash(pairs)

    def patched(self, over: Mapping[int, Bucket | None]) -> PatchedRow:
        """The row with other buckets; costs what is changed."""
        return PatchedRow(self.under, {**self.over, **over}, _patched(self._pairs, over))

    def hashes(self) -> Mapping[int, bytes]:
        """As `Row.hashes`."""
        pairs = self._pairs
        return {pairs[at]: pairs[at + 1 : at + PAIR] for at in range(0, len(pairs), PAIR)}

    def bucket(self, index: int) -> Bucket | None:
        """As `Row.bucket`."""
        return self.over[index] if index in self.over else self.under.bucket(index)

    def find(self, index: int, key: str) -> Leaf | None:
        """As `Row.find`."""
        if index not in self.over:
            return self.under.find(index, key)
        bucket = self.over[index]
        return bucket.find(key) if bucket is not None else None


def differing(old: Row, new: Row) -> Iterable[int]:
    """The second octets under which two rows may differ, all others being surely the same.

    Costs what was changed, where both lie in the same place but for that.
    """
    below, before = _layers(old)
    other, after = _layers(new)
    if below is other:
        # the very bucket is the same one; a bucket that was never changed is in neither
        return [
            index
            for index in before.keys() | after.keys()
            if index not in before or index not in after or before[index] is not after[index]
        ]
    old_hashes, new_hashes = old.hashes(), new.hashes()
    return [
        index
        for index in old_hashes.keys() | new_hashes.keys()
        if old_hashes.get(index) != new_hashes.get(index)
    ]


def _layers(row: Row) -> tuple[Row, Mapping[int, Bucket | None]]:
    """A row, and the buckets instead of those in it."""
    return (row.under, row.over) if isinstance(row, PatchedRow) else (row, {})


def leaf_hash(key: bytes, body: bytes) -> bytes:
    """The contract's hash of an entry."""
    return sha256(b"\x00" + key + b"\x00" + body).digest()


def bucket_hash(leaves: Iterable[Leaf]) -> bytes:
    """The contract's hash of a bucket, whose leaves are in order."""
    return sha256(b"\x01" + b"".join(leaf.hash for leaf in leaves)).digest()


def paired(hashes: Mapping[int, bytes]) -> bytes:
    """An index and its hash, one such pair after another, as they go into the hash above.

    `hashes` are in the order of their indexes.
    """
    return b"".join([OCTETS[index] + each for index, each in hashes.items()])


def repaired(pairs: bytes, index: int, hash_: bytes) -> bytes:
    """The same pairs, but for this one, which is left out when its hash is empty."""
    indexes = pairs[::PAIR]
    place = bisect_left(indexes, index)
    begin = end = place * PAIR
    if indexes[place : place + 1] == OCTETS[index]:
        end += PAIR
    return pairs[:begin] + (OCTETS[index] + hash_ if hash_ else b"") + pairs[end:]


def row_hash(pairs: bytes) -> bytes:
    """The contract's hash of a row, by the pairs of its buckets; empty when there are none."""
    return sha256(b"\x02" + pairs).digest() if pairs else b""


def _patched(pairs: bytes, over: Mapping[int, Bucket | None]) -> bytes:
    for index, bucket in over.items():
        pairs = repaired(pairs, index, bucket.hash if bucket is not None else b"")
    return pairs


EMPTY_ROW = MemoryRow({})
