"""Answers compiled to octets: all but the identifier, the question and the OPT record.

A body is compiled once for a question and sent for every client that asks it, with the
client's own question in front. Its compression pointers lead into that question, whose
length is that of the compiled name, whatever its capitals. What is more than octets in a row is
encoded by dnslib.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from struct import Struct, pack

from dnslib import NS, SOA, TXT, DNSLabel
from dnslib.label import DNSBuffer

from dns_frontend.plan.answer import Pointer, RecordSet, RecordType
from dns_frontend.plan.failover import ServingMode
from dns_frontend.plan.target import Binding, Target
from dns_frontend.plan.zone import HOSTMASTER_LABEL, NAMESERVER_LABEL
from dns_frontend.wire.request import HEADER_OCTETS

CLASS_IN = 1
MESSAGE_OCTETS = 65535
"""The largest message over TCP (RFC 1035, section 4.2.2)."""
ADDRESSES_OCTETS = 768
"""The largest answer of addresses, over TCP as well: resolvers of small systems (musl) read no
more of it. Services with more addresses tell each client a part."""
OPT_OCTETS = 11
OPT_ROOM = 512
"""Kept free in the largest message for the OPT record and its options."""

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
NOTAUTH, BADVERS, BADCOOKIE = 9, 16, 23

EDE_OTHER = 0
EDE_STALE = 3
EDE_NOT_READY = 14
EDE_STALE_NXDOMAIN = 19
EDE_NOT_AUTHORITATIVE = 20

MODES = tuple(ServingMode)
_POINTER_TO_QUESTION = b"\xc0\x0c"
_FIXED = Struct("!HHIH")
_FEW_TURNS = 64
"""With so many turns at most, where answers begin is kept once for all names that have the same."""
_ALPN_PARAMETER = 1
_PORT_PARAMETER = 3
"""Keys of parameters (RFC 9460, section 14.3.2)."""


@lru_cache(maxsize=4096)
def heads(
    rcode: int, authoritative: bool, answers: int, authorities: int, additionals: int
) -> tuple[bytes, bytes, bytes, bytes]:
    """Octets 2 to 11 of the header, by RD (1) plus OPT follows (2).

    QR is set; RA, Z, TC, AD and CD are not (RFC 1035, section 4.1.1).
    """
    found = []
    for opt in (0, 1):
        for rd in (0, 1):
            first = 0x80 | (0x04 if authoritative else 0) | rd
            found.append(
                pack("!BBHHHH", first, rcode & 0xF, 1, answers, authorities, additionals + opt)
            )
    return (found[0], found[1], found[2], found[3])


class Body:
    """A compiled answer.

    `full` is everything, `lean` the same without what may be left out when it does not
    fit (RFC 2181, section 9: leaving out additional records is no truncation).
    """

    __slots__ = (
        "full",
        "full_heads",
        "lean",
        "lean_heads",
        "mode",
        "mode_number",
        "option",
        "partial",
        "plate",
        "rcode",
        "ring",
        "starts",
        "tailored",
    )

    def __init__(
        self,
        rcode: int,
        *,
        authoritative: bool = True,
        answer: bytes = b"",
        answers: int = 0,
        authority: bytes = b"",
        authorities: int = 0,
        additional: bytes = b"",
        additionals: int = 0,
        option: bytes = b"",
        mode: ServingMode | None = None,
        tailored: bool = False,
        ring: bytes = b"",
        starts: tuple[int, ...] = (),
    ) -> None:
        self.rcode = rcode
        self.ring = ring
        """The records twice over, so that any turn round them is one slice."""
        self.starts = starts
        """Where in the ring answers begin, one after another; empty: all are alike."""
        self.partial = len(ring) > 2 * len(answer)
        """Whether an answer is a part of the ring, which is then each client's own."""
        self.tailored = tailored
        """Whether clients of another region may be answered otherwise (RFC 7871)."""
        self.lean = answer + authority
        self.lean_heads = heads(rcode, authoritative, answers, authorities, 0)
        if additionals:
            self.full = self.lean + additional
            self.full_heads = heads(rcode, authoritative, answers, authorities, additionals)
        else:
            self.full = self.lean
            self.full_heads = self.lean_heads
        self.option = option
        self.mode = mode
        self.mode_number = MODES.index(mode) if mode is not None else len(MODES)
        """For counters: an enumeration's hash costs more than a look-up."""
        self.plate: object = None
        """The same for a loop in C, which makes it from this when it first needs it."""

    def __repr__(self) -> str:
        return f"Body(rcode={self.rcode}, mode={self.mode}, {len(self.full)} octets)"


def wire_name(labels: Iterable[str]) -> bytes:
    """A name in uncompressed wire form, root included.

    Raises ValueError when a label, or the name, is too long or not ASCII.
    """
    octets = b"".join(_wire_label(label) for label in labels) + b"\0"
    if len(octets) > 255:
        raise ValueError(f"a name of {len(octets)} octets")
    return octets


def labels_of(name: bytes, end: int) -> list[str] | None:
    """The labels of a name in wire form up to `end`; None when no label begins there.

    Latin-1 keeps every octet apart (RFC 2181, section 11); ids are ASCII, so that
    other octets match nothing.
    """
    labels: list[str] = []
    position = 0
    while position < end:
        length = name[position]
        position += length + 1
        labels.append(name[position - length : position].decode("latin-1"))
    return labels if position == end else None


@lru_cache(maxsize=4096)
def _wire_label(label: str) -> bytes:
    octets = label.encode("ascii")
    if not 0 < len(octets) <= 63:
        raise ValueError(f"a label of {len(octets)} octets")
    return bytes((len(octets),)) + octets


def _label(labels: Iterable[str]) -> DNSLabel:
    return DNSLabel(tuple(label.encode("ascii") for label in labels))


class Encoder:
    """Encodes the records of one zone."""

    __slots__ = ("_names", "_zone", "zone_wire")

    def __init__(self, zone: Sequence[str], names: Sequence[str] | None = None) -> None:
        """`names` is the zone that targets and the name server are in, if it is another."""
        self._zone = tuple(zone)
        self._names = tuple(names) if names is not None else self._zone
        self.zone_wire = wire_name(zone)

    def positive(
        self,
        question: Sequence[str],
        records: RecordSet,
        additional: Sequence[RecordSet] = (),
        *,
        option: bytes = b"",
        mode: ServingMode | None = None,
        tailored: bool = False,
    ) -> Body | None:
        """The body of an answer to the question with these labels, relative to the zone.

        None when no record has a wire form. Raises ValueError for a name that has none.

        A set that no message can hold is cut to its first records, always the same ones:
        a large answer is of more use than none, and TC over TCP is of no use at all.
        """
        room = MESSAGE_OCTETS - OPT_ROOM - HEADER_OCTETS - 4
        room -= len(self.zone_wire) + sum(len(label) + 1 for label in question)
        kind = records.type
        fixed = pack("!HHI", kind, CLASS_IN, records.ttl_seconds)
        parts: list[bytes] = []
        for data in records.data:
            rdata = self._rdata(kind, data)
            if rdata is None:
                continue
            part = b"%b%b%b%b" % (_POINTER_TO_QUESTION, fixed, pack("!H", len(rdata)), rdata)
            room -= len(part)
            if room < 0:
                break
            parts.append(part)
        if not parts:
            return None
        ring = b""
        starts: tuple[int, ...] = ()
        told = parts
        if len(parts) == len(records.data):
            starts = tuple(index * len(parts[0]) for index in records.turns)
            if len(starts) <= _FEW_TURNS:
                starts = _shared(starts)
        if starts:
            ring = b"".join(parts) * 2
            told = parts[: self._told(question, len(parts[0]))]
        answer = b"".join(told)
        extra: list[bytes] = []
        for each in additional:
            owner = self._compressed(each.owner, question)
            for data in each.data:
                rdata = self._rdata(each.type, data)
                if rdata is not None:
                    head = _FIXED.pack(each.type, CLASS_IN, each.ttl_seconds, len(rdata))
                    extra.append(owner + head + rdata)
        if sum(map(len, extra)) > room:
            extra = []
        return Body(
            NOERROR,
            answer=answer,
            answers=len(told),
            additional=b"".join(extra),
            additionals=len(extra),
            option=option,
            mode=mode,
            tailored=tailored,
            ring=ring,
            starts=starts,
        )

    def _told(self, question: Sequence[str], record_octets: int) -> int:
        """How many records of a ring an answer tells."""
        room = ADDRESSES_OCTETS - HEADER_OCTETS - 4 - OPT_OCTETS - len(self.zone_wire)
        return (room - sum(len(label) + 1 for label in question)) // record_octets

    def authority(self, zone_offset: int, serial: int, ttl_seconds: int) -> bytes:
        """The zone's SOA record with its owner at `zone_offset` of the message.

        Its TTL and its MINIMUM are the same, which is how long a negative answer may be
        kept (RFC 2308, sections 3 and 5).
        """
        rdata = self._soa(zone_offset, serial, ttl_seconds)
        head = _FIXED.pack(RecordType.SOA, CLASS_IN, ttl_seconds, len(rdata))
        return pack("!H", 0xC000 | zone_offset) + head + rdata

    def start_of_authority(self, serial: int, ttl_seconds: int) -> Body:
        """The answer to SOA at the apex."""
        return Body(NOERROR, answer=self.authority(HEADER_OCTETS, serial, ttl_seconds), answers=1)

    def name_server(self, ttl_seconds: int, addresses: Sequence[str]) -> Body:
        """The answer to NS at the apex, with the server's addresses beside it."""
        buffer = self._buffer(HEADER_OCTETS)
        NS(_label((NAMESERVER_LABEL, *self._names))).pack(buffer)
        rdata = bytes(buffer.data)
        head = _FIXED.pack(RecordType.NS, CLASS_IN, ttl_seconds, len(rdata))
        glue: list[bytes] = []
        owner = self._compressed((NAMESERVER_LABEL,), ())
        # the addresses of a name in another zone are not ours to tell here
        for address in addresses if self._names == self._zone else ():
            kind = RecordType.AAAA if ":" in address else RecordType.A
            rdata_of = self._rdata(kind, address)
            if rdata_of is not None:
                glue.append(owner + _FIXED.pack(kind, CLASS_IN, ttl_seconds, len(rdata_of)))
                glue[-1] += rdata_of
        return Body(
            NOERROR,
            answer=_POINTER_TO_QUESTION + head + rdata,
            answers=1,
            additional=b"".join(glue),
            additionals=len(glue),
        )

    def _soa(self, zone_offset: int, serial: int, ttl_seconds: int) -> bytes:
        buffer = self._buffer(zone_offset)
        SOA(
            _label((NAMESERVER_LABEL, *self._names)),
            _label((HOSTMASTER_LABEL, *self._names)),
            (serial, 3600, 600, 86400, ttl_seconds),
        ).pack(buffer)
        return bytes(buffer.data)

    def _buffer(self, zone_offset: int) -> DNSBuffer:
        """An empty buffer whose names compress against the zone at `zone_offset`."""
        buffer = DNSBuffer()
        buffer.names[tuple(label.encode("ascii") for label in self._zone)] = zone_offset
        return buffer

    def _rdata(self, kind: RecordType, data: object) -> bytes | None:
        """RDATA by dnslib; None for data that has no wire form, which harms no other (I11)."""
        match data:
            case str():
                return _address(data, kind)
            case Target(priority, weight, port, target):
                if not all(0 <= number <= 0xFFFF for number in (priority, weight, port)):
                    return None
                # RFC 2782: the target is not compressed
                name = wire_name((*target, *self._zone))
                return pack("!HHH", priority, weight, port) + name
            case Binding():
                return self._binding(data)
            case Pointer(target):
                return wire_name((*target, *self._names))
            case tuple():
                buffer = DNSBuffer()
                TXT([bytes(string) for string in data]).pack(buffer)
                return bytes(buffer.data) if len(buffer.data) <= MESSAGE_OCTETS else None
        return None

    def _binding(self, binding: Binding) -> bytes | None:
        """RDATA of SVCB and HTTPS (RFC 9460, section 2.2); None for numbers that have none.

        The target is not compressed, and the keys stand in ascending order, each once.
        """
        if not (0 < binding.priority <= 0xFFFF and 0 <= binding.port <= 0xFFFF):
            return None
        parameters = b""
        if binding.alpn:
            octets = [word.encode("utf-8", "replace") for word in binding.alpn]
            value = b"".join(bytes((len(word),)) + word for word in octets)
            parameters += pack("!HH", _ALPN_PARAMETER, len(value)) + value
        parameters += pack("!HHH", _PORT_PARAMETER, 2, binding.port)
        name = wire_name((*binding.target, *self._zone))
        return pack("!H", binding.priority) + name + parameters

    def _compressed(self, owner: Sequence[str], question: Sequence[str]) -> bytes:
        """An owner relative to the zone, as labels and a pointer into the question."""
        shared = 0
        longest = min(len(owner), len(question))
        while shared < longest and owner[-1 - shared] == question[-1 - shared]:
            shared += 1
        offset = HEADER_OCTETS + sum(len(label) + 1 for label in question[: len(question) - shared])
        head = b"".join(_wire_label(label) for label in owner[: len(owner) - shared])
        return head + pack("!H", 0xC000 | offset)


@lru_cache(maxsize=1024)
def _shared(starts: tuple[int, ...]) -> tuple[int, ...]:
    """The same, as the one object that all names with these have."""
    return starts


@lru_cache(maxsize=4096)
def _address(text: str, kind: RecordType) -> bytes | None:
    if kind is not RecordType.A and kind is not RecordType.AAAA:
        return None
    try:
        return inet_pton(AF_INET if kind is RecordType.A else AF_INET6, text)
    except (OSError, ValueError):
        return None
