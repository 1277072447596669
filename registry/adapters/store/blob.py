"""Plan entries and deltas to and from one octet string each.

Lengths before contents, big-endian, 4 octets a number; entries in order of their keys,
so that the same content always gives the same octets.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from registry.domain.plan import PlanDelta

_NUMBER = struct.Struct(">I")


class BlobCorrupt(ValueError):
    """The octets are not what `encode_*` made."""


def encode_entries(entries: Mapping[str, bytes]) -> bytes:
    """All entries of a plan."""
    parts = [_NUMBER.pack(len(entries))]
    for key in sorted(entries):
        name, body = key.encode(), entries[key]
        parts += (_NUMBER.pack(len(name)), name, _NUMBER.pack(len(body)), body)
    return b"".join(parts)


def decode_entries(blob: bytes) -> dict[str, bytes]:
    """The inverse of `encode_entries`. Raises BlobCorrupt."""
    entries, end = _read_entries(blob)
    if end != len(blob):
        raise BlobCorrupt(f"{len(blob) - end} octets after the last entry")
    return entries


def encode_delta(delta: PlanDelta) -> bytes:
    """The step from one plan to the next."""
    parts = [encode_entries(delta.changed), _NUMBER.pack(len(delta.removed))]
    for key in sorted(delta.removed):
        name = key.encode()
        parts += (_NUMBER.pack(len(name)), name)
    return b"".join(parts)


def decode_delta(blob: bytes) -> PlanDelta:
    """The inverse of `encode_delta`. Raises BlobCorrupt."""
    changed, at = _read_entries(blob)
    count, at = _read_number(blob, at)
    removed = []
    for _ in range(count):
        name, at = _read_octets(blob, at)
        removed.append(name.decode())
    if at != len(blob):
        raise BlobCorrupt(f"{len(blob) - at} octets after the last key")
    return PlanDelta(changed, tuple(removed))


def _read_entries(blob: bytes) -> tuple[dict[str, bytes], int]:
    count, at = _read_number(blob, 0)
    entries: dict[str, bytes] = {}
    for _ in range(count):
        name, at = _read_octets(blob, at)
        body, at = _read_octets(blob, at)
        entries[name.decode()] = body
    return entries, at


def _read_octets(blob: bytes, at: int) -> tuple[bytes, int]:
    length, at = _read_number(blob, at)
    if at + length > len(blob):
        raise BlobCorrupt(f"cut short at octet {len(blob)}")
    return blob[at : at + length], at + length


def _read_number(blob: bytes, at: int) -> tuple[int, int]:
    if at + _NUMBER.size > len(blob):
        raise BlobCorrupt(f"cut short at octet {len(blob)}")
    return _NUMBER.unpack_from(blob, at)[0], at + _NUMBER.size
