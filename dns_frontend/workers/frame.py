"""The frames between a frontend and its workers: what kind, which number, and checksums.

    header  magic (4) kind (1) placed (1) 0 (2) number (8) head octets (4) body octets (8)
            CRC-32 of the body (4) CRC-32 of the header so far and the head (4)
    head    JSON
    body    here, or, if `placed`, in sealed memory that came along (memory.py)

Numbers rise by one; where one is missing, something was lost, and is not guessed at.
Pure: octets in, frames out.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from mmap import mmap
from typing import Any
from zlib import crc32

from dns_frontend.workers.memory import Memory

_MAGIC = b"SAW1"
_HEADER = struct.Struct(">4sBB2xQIQI")
_CRC = struct.Struct(">I")
HEADER_OCTETS = _HEADER.size + _CRC.size
HEAD_OCTETS = 32 * 1024
BODY_OCTETS = 64 * 1024
"""The longest body that is sent along; a longer one is placed."""
MESSAGE_OCTETS = HEADER_OCTETS + HEAD_OCTETS + BODY_OCTETS
"""Less than what a socket takes at once by Linux's default."""


class FrameError(ValueError):
    """What came is no frame, or not the next one."""


class Kind(Enum):
    """What a frame is."""

    # to a worker
    TERMS = 1
    """What it is told once, as the first of all."""
    AFRESH = 2
    """Begin with a table that is empty."""
    BEGUN = 3
    STEPPED = 4
    FORGOTTEN = 5
    MOVED = 6
    RECALLED = 7
    MARKED = 8
    REVIEWED = 9
    SERVE = 10
    """Answer from the table that was begun afresh, from now on."""
    SECRETS = 11
    """The secrets of cookies."""
    STOP = 12
    # from a worker
    SERVED = 20
    """All up to a number is done, and answered from."""
    DOUBT = 21
    """It could not go on from here, and wants all."""
    COUNTED = 22
    LOGGED = 23


@dataclass(frozen=True, slots=True)
class Frame:
    """One that came."""

    kind: Kind
    number: int
    head: Mapping[str, Any]
    body: bytes | mmap


def pack(kind: Kind, number: int, head: bytes, body: bytes | Memory) -> bytes:
    """The octets of a frame; those of a body that is placed go another way."""
    if isinstance(body, Memory):
        placed, size, checksum, along = True, body.size, body.checksum, b""
    else:
        placed, size, checksum, along = False, len(body), crc32(body), body
    start = _HEADER.pack(_MAGIC, kind.value, placed, number, len(head), size, checksum)
    return start + _CRC.pack(crc32(head, crc32(start))) + head + along


def unpack(message: bytes, place: Callable[[int], mmap]) -> Frame:
    """The frame in a message; `place` gives the octets of a body that is placed.

    Raises FrameError for whatever is not as `pack` made it.
    """
    if not HEADER_OCTETS <= len(message) <= MESSAGE_OCTETS:
        raise FrameError(f"{len(message)} octets are no frame")
    start = message[: _HEADER.size]
    magic, number_of_kind, placed, number, head_size, size, checksum = _HEADER.unpack(start)
    (sum_of_start,) = _CRC.unpack_from(message, _HEADER.size)
    head = message[HEADER_OCTETS : HEADER_OCTETS + head_size]
    if magic != _MAGIC or sum_of_start != crc32(head, crc32(start)):
        raise FrameError("a frame has a wrong checksum")
    body = place(size) if placed else message[HEADER_OCTETS + head_size :]
    if len(body) != size or crc32(body) != checksum:
        raise FrameError("the body of a frame has a wrong checksum")
    try:
        return Frame(Kind(number_of_kind), number, json.loads(head), body)
    except ValueError as error:
        raise FrameError(f"a frame makes no sense: {error}") from error
