"""The digest of a plan: a hash tree over its entries, so that a change costs its own size.

The tree is the one that the contract describes at message Plan:

    leaf    SHA-256(0x00 || key || 0x00 || body), in bucket h[0] h[1] of h = SHA-256(key)
    bucket  SHA-256(0x01 || its leaves, in order of their keys)
    row     SHA-256(0x02 || for each bucket, ascending: h[1] || bucket)
    digest  SHA-256(0x03 || for each row, ascending: h[0] || row)

With 10,000 entries a changed one costs a bucket of one leaf, a row of some 40 buckets and
the 256 rows: about 10 KB hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

_Place = tuple[int, int]
_OCTET = tuple(bytes((number,)) for number in range(256))


@dataclass(frozen=True, slots=True)
class Staged:
    """A digest worked out but not taken on, with the parts of the tree that differ."""

    value: bytes
    leaves: Mapping[_Place, dict[str, bytes]]
    rows: Mapping[int, dict[int, bytes]]
    row_hashes: Mapping[int, bytes]


class DigestTree:
    """The hash tree of one cell's entries. `stage` works a step out, `commit` takes it on."""

    def __init__(self, entries: Mapping[str, bytes] | None = None) -> None:
        self._leaves: dict[_Place, dict[str, bytes]] = {}
        self._rows: dict[int, dict[int, bytes]] = {}
        self._row_hashes: dict[int, bytes] = {}
        self.value = sha256(b"\x03").digest()
        if entries:
            self.commit(self.stage(entries, ()))

    def __repr__(self) -> str:
        return f"<DigestTree {self.value.hex()[:12]}>"

    def stage(self, changed: Mapping[str, bytes], removed: Iterable[str]) -> Staged:
        """The digest after a step; the tree stays as it is until `commit`.

        A key that is changed and removed is removed; one that is not there may be removed.
        """
        leaves: dict[_Place, dict[str, bytes]] = {}
        for key, body in changed.items():
            self._bucket(key, leaves)[key] = leaf_hash(key, body)
        for key in removed:
            self._bucket(key, leaves).pop(key, None)
        rows: dict[int, dict[int, bytes]] = {}
        for (first, second), bucket in leaves.items():
            row = rows.get(first)
            if row is None:
                row = rows[first] = dict(self._rows.get(first, {}))
            if bucket:
                row[second] = _bucket_hash(bucket)
            else:
                row.pop(second, None)
        row_hashes = dict(self._row_hashes)
        for first, row in rows.items():
            if row:
                row_hashes[first] = _joined_hash(b"\x02", row)
            else:
                row_hashes.pop(first, None)
        return Staged(_joined_hash(b"\x03", row_hashes), leaves, rows, row_hashes)

    def commit(self, staged: Staged) -> None:
        """Take on what `stage` worked out; nothing else may have been since."""
        self._leaves.update(staged.leaves)
        for place, bucket in staged.leaves.items():
            if not bucket:
                del self._leaves[place]
        self._rows.update(staged.rows)
        self._row_hashes = dict(staged.row_hashes)
        self.value = staged.value

    def _bucket(self, key: str, staged: dict[_Place, dict[str, bytes]]) -> dict[str, bytes]:
        hashed = sha256(key.encode()).digest()
        place = (hashed[0], hashed[1])
        bucket = staged.get(place)
        if bucket is None:
            bucket = staged[place] = dict(self._leaves.get(place, {}))
        return bucket


def leaf_hash(key: str, body: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + key.encode() + b"\x00" + body).digest()


def _bucket_hash(bucket: Mapping[str, bytes]) -> bytes:
    # Order of code points is order of UTF-8 octets.
    return sha256(b"\x01" + b"".join([bucket[key] for key in sorted(bucket)])).digest()


def _joined_hash(prefix: bytes, hashes: Mapping[int, bytes]) -> bytes:
    return sha256(
        prefix + b"".join([_OCTET[number] + hashes[number] for number in sorted(hashes)])
    ).digest()
