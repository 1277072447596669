"""The parser of requests: strict, bounded, without recursion and without exceptions.

It reads what a query may hold and says what is wrong with the rest; it decides no
answer. Work is linear in the packet's length: a name is a chain of at most 127
labels, and pointers, which no query needs, are not followed but refused.
"""

from __future__ import annotations

from enum import Enum
from struct import Struct
from typing import NamedTuple

HEADER_OCTETS = 12
NAME_OCTETS = 255
"""The longest name with its length octets and its root (RFC 1035, section 2.3.4)."""
LABEL_OCTETS = 63

TYPE_OPT = 41
TYPE_TSIG = 250
TYPE_IXFR = 251
TYPE_AXFR = 252
TRANSFERS = (TYPE_IXFR, TYPE_AXFR)
OPCODE_QUERY = 0
OPTION_COOKIE = 10

_COUNTS = Struct("!HHHH")
_ONE = Struct("!H")
_TWO = Struct("!HH")
_RECORD = Struct("!HHIH")


class Verdict(Enum):
    """What the parser thinks of a message that deserves a reply."""

    WELL_FORMED = "well_formed"
    MALFORMED = "malformed"
    OTHER_OPCODE = "other_opcode"
    OTHER_EDNS = "other_edns"
    """An EDNS version that is not ours (RFC 6891, section 6.1.3)."""
    COOKIE_ONLY = "cookie_only"
    """No question but a cookie: somebody wants to learn or confirm one (RFC 7873, section 5.4)."""


class Edns(NamedTuple):
    """The OPT record of a request (RFC 6891, section 6.1)."""

    payload: int
    """What the client can take over UDP, in octets, as it says."""
    version: int
    dnssec_ok: bool
    options: tuple[tuple[int, bytes], ...] = ()
    """(code, data), in the order sent."""


class Signature(NamedTuple):
    """The TSIG record of a request, as far as a refusal repeats it (RFC 8945, section 4.2)."""

    key: bytes
    """Names, in uncompressed wire form."""
    algorithm: bytes
    time_signed: bytes
    fudge: bytes
    original_id: bytes


class Request(NamedTuple):
    """A message that is to be replied to.

    What could not be parsed is empty, and is then not echoed.
    """

    verdict: Verdict
    opcode: int
    question: bytes = b""
    """Name, type and class as they came, the client's capitals kept (RFC 4343)."""
    name: bytes = b""
    """The name in wire form and lower case."""
    type: int = 0
    class_: int = 0
    edns: Edns | None = None
    signature: Signature | None = None


def parse(packet: bytes) -> Request | None:
    """What the message asks; None for one that must not be replied to.

    Not replied to: fewer octets than a header has, and replies (QR=1), which two
    servers could otherwise send each other for ever.
    """
    if len(packet) < HEADER_OCTETS or packet[2] & 0x80:
        return None
    opcode = packet[2] >> 3 & 0xF
    questions, answers, authorities, additionals = _COUNTS.unpack_from(packet, 4)
    question = name = b""
    asked = class_ = 0
    position = HEADER_OCTETS
    if questions == 1:
        end = _name_end(packet, position)
        if end < 0 or end + 4 > len(packet):
            return _refused(opcode)
        question = packet[position : end + 4]
        # RFC 1035, section 2.3.3 and RFC 4343: ASCII only; a length octet is below any letter
        name = packet[position:end].lower()
        asked, class_ = _TWO.unpack_from(packet, end)
        position = end + 4
    elif questions:
        # RFC 9619, section 4
        return _refused(opcode)

    sound = True
    if opcode == OPCODE_QUERY:
        # a query has no use for these; IXFR's own SOA is the exception (RFC 1995, section 3)
        incremental = asked == TYPE_IXFR and authorities == 1
        sound = answers == 0 and (authorities == 0 or incremental)
    records = _records(packet, position, answers + authorities, additionals)
    edns = records.edns
    if opcode != OPCODE_QUERY:
        verdict = Verdict.OTHER_OPCODE
    elif not sound or records.misplaced or records.end < 0:
        verdict = Verdict.MALFORMED
    elif edns is not None and edns.version != 0:
        verdict = Verdict.OTHER_EDNS
    elif questions == 0:
        cookie = edns is not None and any(code == OPTION_COOKIE for code, _ in edns.options)
        verdict = Verdict.COOKIE_ONLY if cookie else Verdict.MALFORMED
    else:
        verdict = Verdict.WELL_FORMED
    return Request(verdict, opcode, question, name, asked, class_, edns, records.signature)


def sound_type(question: bytes, name_octets: int) -> int | None:
    """The type of a sound question of class IN whose name has so many octets.

    None for one that is not, and for a transfer; `parse` says what is wrong.
    """
    if not 0 < name_octets <= NAME_OCTETS or len(question) != name_octets + 4:
        return None
    position = 0
    while position < name_octets - 1:
        length = question[position]
        if length > LABEL_OCTETS:
            return None
        position += length + 1
    record_type, class_ = _TWO.unpack_from(question, name_octets)
    if position != name_octets - 1 or class_ != 1 or record_type in TRANSFERS:
        return None
    return int(record_type)


def _refused(opcode: int) -> Request:
    malformed = opcode == OPCODE_QUERY
    return Request(Verdict.MALFORMED if malformed else Verdict.OTHER_OPCODE, opcode)


def _name_end(packet: bytes, start: int) -> int:
    """Where the uncompressed name at `start` ends; -1 when there is none."""
    position = start
    size = len(packet)
    while True:
        if position >= size:
            return -1
        length = packet[position]
        position += length + 1
        if length == 0:
            break
        # pointers and the label types 01 and 10 are above 63 (RFC 1035, section 4.1.4)
        if length > LABEL_OCTETS:
            return -1
    return position if position - start <= NAME_OCTETS else -1


def _owner_end(packet: bytes, start: int) -> int:
    """Where a record's owner ends, which may end in a pointer backwards; -1 when malformed."""
    position = start
    size = len(packet)
    while position < size and position - start < NAME_OCTETS:
        length = packet[position]
        if length == 0:
            return position + 1
        if length >= 0xC0:
            if position + 2 > size:
                return -1
            target = (length & 0x3F) << 8 | packet[position + 1]
            return position + 2 if HEADER_OCTETS <= target < position else -1
        if length > LABEL_OCTETS:
            return -1
        position += length + 1
    return -1


class _Records(NamedTuple):
    """What stands behind the question."""

    misplaced: bool = False
    """Whether an OPT or TSIG record is where, or as, it must not be."""
    edns: Edns | None = None
    """The first OPT record of the additional section."""
    signature: Signature | None = None
    end: int = -1
    """Where the last record ends; -1: not all are there."""


def _records(packet: bytes, position: int, ignored: int, additionals: int) -> _Records:
    """Walk the records after the question, of which the first `ignored` may hold nothing."""
    misplaced = False
    edns: Edns | None = None
    signature: Signature | None = None
    size = len(packet)
    count = ignored + additionals
    for index in range(count):
        owner = position
        position = _owner_end(packet, position)
        if position < 0 or position + 10 > size:
            return _Records(misplaced, edns)
        kind, class_, ttl, length = _RECORD.unpack_from(packet, position)
        data = position + 10
        if data + length > size:
            return _Records(misplaced, edns)
        if kind == TYPE_OPT:
            # RFC 6891, section 6.1.1: one, in the additional section, owned by the root
            if index < ignored or edns is not None or packet[owner] != 0:
                misplaced = True
            if edns is None:
                version = ttl >> 16 & 0xFF
                options = () if version else _options(packet, data, data + length)
                if options is None:
                    misplaced = True
                edns = Edns(class_, version, bool(ttl & 0x8000), options or ())
        elif kind == TYPE_TSIG:
            # RFC 8945, section 5.1: one, and the last record of all
            signature = _signature(packet, owner, position, data, data + length)
            if index != count - 1 or index < ignored or signature is None:
                misplaced = True
        position = data + length
    return _Records(misplaced, edns, signature, position)


def _signature(
    packet: bytes, owner: int, owner_end: int, position: int, end: int
) -> Signature | None:
    """The TSIG record between these positions (RFC 8945, section 4.2); None when malformed."""
    # its names are not compressed: they are signed as they stand
    if _name_end(packet, owner) != owner_end:
        return None
    algorithm_end = _name_end(packet, position)
    if algorithm_end < 0 or algorithm_end + 10 > end:
        return None
    time_signed = packet[algorithm_end : algorithm_end + 6]
    fudge = packet[algorithm_end + 6 : algorithm_end + 8]
    (size,) = _ONE.unpack_from(packet, algorithm_end + 8)
    after = algorithm_end + 10 + size
    if after + 6 > end:
        return None
    original_id = packet[after : after + 2]
    (other,) = _ONE.unpack_from(packet, after + 4)
    if after + 6 + other != end:
        return None
    return Signature(
        packet[owner:owner_end], packet[position:algorithm_end], time_signed, fudge, original_id
    )


def _options(packet: bytes, position: int, end: int) -> tuple[tuple[int, bytes], ...] | None:
    """The options of an OPT record (RFC 6891, section 6.1.2); None when they overrun it."""
    found: list[tuple[int, bytes]] = []
    while position < end:
        if position + 4 > end:
            return None
        code, length = _TWO.unpack_from(packet, position)
        position += 4
        if position + length > end:
            return None
        found.append((code, packet[position : position + length]))
        position += length
    return tuple(found)
