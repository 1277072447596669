"""The octets of the last known good: headers, frames, entries and steps.

A file is a header and frames. A frame is its length, a CRC over length and payload, and
the payload. A *journal* holds one step a frame; for a *base* see base.py. CRCs find what
the disk did; that content is what it should be is for the digest to say, at load.

A base of schema 1, which earlier releases wrote, holds a position, then entries in frames
of some 64 KiB, then an empty frame that says it is complete; then, where names are held,
these in the same way. How many stands beside the position. It is read, and not written.

    header   magic (8) kind (1) 0 (1) version (2) CRC-32 of these (4)
    frame    length (4) CRC-32 of length and payload (4) payload
    entries  each: key length (2) body length (4) key body
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from mmap import mmap
from typing import Any, NamedTuple
from zlib import crc32

from dns_frontend.plan.entry import CellPosition

SCHEMA_VERSION = 2
"""The newest of any kind of file; journals and standings are of 1. A reader refuses what is
above it."""

_MAGIC = b"SHTANCHR"
_HEADER = struct.Struct(">8sBxH")
_FRAME = struct.Struct(">II")
ENTRY = struct.Struct(">HI")
_CRC = struct.Struct(">I")
HEADER_OCTETS = _HEADER.size + _CRC.size
Octets = bytes | mmap
"""Of a whole file; they may lie in memory that several processes share."""
# infinity is JSON to Python, and no integer; nesting without end is JSON to everybody
SENSELESS = (
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    AttributeError,
)


class Kind(Enum):
    """What a file is."""

    BASE = 1
    JOURNAL = 2
    STANDINGS = 3
    PROBATION = 4


class Damage(Enum):
    """What is wrong with a file; the word is a metric's attribute."""

    HEADER = "header"
    """It does not begin as it should, or is empty."""
    NEWER = "newer"
    """A newer release wrote it."""
    FRAME = "frame"
    """A checksum is wrong."""
    TORN = "torn"
    """It ends in the middle of a frame."""
    CONTENT = "content"
    """Its checksums are right, its content makes no sense or lacks its digest."""
    CHAIN = "chain"
    """Steps are missing between it and what it should continue."""
    UNREADABLE = "unreadable"
    """The system gave an error."""


class DamagedError(Exception):
    """A file of the last known good cannot be used."""

    def __init__(self, damage: Damage, reason: str) -> None:
        super().__init__(f"{damage.value}: {reason}")
        self.damage = damage
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Step:
    """From one generation to another, as kept in a journal."""

    position: CellPosition
    parent: tuple[int, int]
    """(epoch, generation) that it applies to."""
    changed: tuple[tuple[str, bytes], ...]
    removed: tuple[str, ...]
    held: tuple[tuple[str, bytes], ...] = ()
    """Names held from this step on, or otherwise than before."""
    released: tuple[str, ...] = ()
    """Names held until this step."""


def header(kind: Kind, schema: int = 1) -> bytes:
    """The first octets of a file."""
    packed = _HEADER.pack(_MAGIC, kind.value, schema)
    return packed + _CRC.pack(crc32(packed))


def check_header(data: bytes, kind: Kind) -> int:
    """The schema of a file. Raises DamagedError unless it begins as one of `kind` we can read."""
    packed = data[: _HEADER.size]
    if len(data) < HEADER_OCTETS or data[_HEADER.size : HEADER_OCTETS] != _CRC.pack(crc32(packed)):
        raise DamagedError(
            Damage.HEADER, f"it begins with {data[:HEADER_OCTETS].hex() or 'nothing'}"
        )
    magic, number, version = _HEADER.unpack(packed)
    if magic != _MAGIC or number != kind.value:
        raise DamagedError(Damage.HEADER, f"it is no {kind.name.lower()}")
    if version > SCHEMA_VERSION:
        raise DamagedError(Damage.NEWER, f"schema {version} is newer than {SCHEMA_VERSION}")
    return int(version)


def frame(payload: bytes) -> bytes:
    """A payload with its length and checksum."""
    size = len(payload)
    return _FRAME.pack(size, crc32(payload, crc32(_CRC.pack(size)))) + payload


def frames(data: bytes, at: int = HEADER_OCTETS) -> Iterator[tuple[bytes, int]]:
    """The payloads of a file, or from `at` on, each with the offset after it.

    Raises DamagedError where a frame is torn or wrong, after yielding those before.
    """
    for begin, end in spans(data, at):
        yield data[begin:end], end


def spans(data: Octets, at: int = HEADER_OCTETS) -> Iterator[tuple[int, int]]:
    """Where the payloads of a file begin and end, as `frames`."""
    view = memoryview(data)
    while at < len(data):
        begin = at + _FRAME.size
        if begin > len(data):
            raise DamagedError(Damage.TORN, f"frame at {at} ends after {len(data) - at} octets")
        size, checksum = _FRAME.unpack_from(data, at)
        end = begin + size
        if end > len(data):
            present = len(data) - begin
            raise DamagedError(Damage.TORN, f"frame at {at} ends after {present} of {size}")
        if crc32(view[begin:end], crc32(_CRC.pack(size))) != checksum:
            # a file system may lengthen a file before it writes the octets
            if not any(data[at:]):
                raise DamagedError(Damage.TORN, f"nothing but zeros from {at}")
            raise DamagedError(Damage.FRAME, f"the frame at {at} has a wrong checksum")
        at = end
        yield begin, end


class Base(NamedTuple):
    """What a base holds; the iterators raise DamagedError, and are read in this order."""

    position: CellPosition
    entries: Iterator[tuple[str, bytes]]
    held: Iterator[tuple[str, bytes]]


def read_base(data: bytes) -> Base:
    """What a base of schema 1 holds. Raises DamagedError."""
    check_header(data, Kind.BASE)
    payloads = (payload for payload, _ in frames(data))
    first = next(payloads, None)
    if first is None:
        raise DamagedError(Damage.TORN, "it ends after its header")
    position, count = _position(first)
    return Base(position, _base_entries(payloads), _base_held(payloads, count))


def _base_entries(payloads: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    for payload in payloads:
        if not payload:
            return
        yield from entries(payload)
    raise DamagedError(Damage.TORN, "it lacks its end")


def _base_held(payloads: Iterator[bytes], count: int) -> Iterator[tuple[str, bytes]]:
    if not count:
        return
    for entry in _base_entries(payloads):
        count -= 1
        yield entry
    if count:
        raise DamagedError(Damage.CONTENT, "it does not hold as many names as it says")


def step_octets(step: Step) -> bytes:
    """The frame of one step."""
    position = step.position
    fields: dict[str, Any] = {
        "position": position_fields(position),
        "parent": step.parent,
        "removed": step.removed,
    }
    if step.held:
        # in the head, which a release that knows of none passes over; they are few
        fields["held"] = {key: b64encode(octets).decode() for key, octets in step.held}
    if step.released:
        fields["released"] = step.released
    head = json.dumps(fields, separators=(",", ":")).encode()
    body = b"".join(entry_octets(key, octets) for key, octets in step.changed)
    return frame(_CRC.pack(len(head)) + head + body)


def read_step(payload: bytes) -> Step:
    """The inverse, of a frame's payload. Raises DamagedError."""
    try:
        (size,) = _CRC.unpack_from(payload)
        begin = _CRC.size + size
        head = json.loads(payload[_CRC.size : begin])
        epoch, generation = head["parent"]
        return Step(
            position_of(head["position"]),
            (int(epoch), int(generation)),
            tuple(entries(payload, begin)),
            tuple(str(key) for key in head["removed"]),
            tuple(
                (str(key), b64decode(octets, validate=True))
                for key, octets in head.get("held", {}).items()
            ),
            tuple(str(key) for key in head.get("released", ())),
        )
    except SENSELESS as error:
        raise DamagedError(Damage.CONTENT, f"a step makes no sense: {error!r}") from error


def entry_octets(key: str, body: bytes) -> bytes:
    """An entry as `entries` reads it."""
    name = key.encode()
    return ENTRY.pack(len(name), len(body)) + name + body


def entries(payload: bytes, at: int = 0) -> Iterator[tuple[str, bytes]]:
    """The entries in octets, from `at` to the end. Raises DamagedError."""
    while at < len(payload):
        try:
            key_size, body_size = ENTRY.unpack_from(payload, at)
            middle = at + ENTRY.size + key_size
            key = payload[at + ENTRY.size : middle].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise DamagedError(Damage.CONTENT, f"an entry makes no sense: {error!r}") from error
        at = middle + body_size
        if at > len(payload):
            raise DamagedError(Damage.CONTENT, f"the entry {key[:140]!r} is cut")
        yield key, payload[middle:at]


def position_fields(position: CellPosition) -> dict[str, str | int]:
    """A position as JSON's types."""
    return {
        "cell": position.cell,
        "region": position.region,
        "epoch": position.epoch,
        "generation": position.generation,
        "digest": position.digest.hex(),
        "create_time_ms": position.create_time_ms,
    }


def _position(payload: bytes) -> tuple[CellPosition, int]:
    """The position of a base, and how many names are held in it."""
    try:
        fields = json.loads(payload)
        return position_of(fields), int(fields.get("held", 0))
    except SENSELESS as error:
        raise DamagedError(Damage.CONTENT, f"its position makes no sense: {error!r}") from error


def position_of(fields: dict[str, str | int]) -> CellPosition:
    """The inverse. Raises one of SENSELESS."""
    return CellPosition(
        str(fields["cell"]),
        str(fields["region"]),
        int(fields["epoch"]),
        int(fields["generation"]),
        bytes.fromhex(str(fields["digest"])),
        int(fields["create_time_ms"]),
    )
