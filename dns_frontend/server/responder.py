"""From one message to its reply: look up, splice, count. No sockets here.

The quick way is for the usual query: one question, at most an OPT record without
options, an answer that is compiled. Everything else goes through the strict parser.
Both give the same octets; nothing is kept of a whole message, so that no header bit,
EDNS field or transport of one client reaches another one's reply (RFC 8906, section 8).
"""

from __future__ import annotations

import logging
from struct import pack

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.counters import Counters
from dns_frontend.wire.body import (
    BADVERS,
    CLASS_IN,
    EDE_NOT_AUTHORITATIVE,
    FORMERR,
    MESSAGE_OCTETS,
    NOTIMP,
    REFUSED,
    SERVFAIL,
    Body,
    extended_error,
)
from dns_frontend.wire.request import OPCODE_QUERY, TYPE_IXFR, Edns, Request, Verdict, parse
from dns_frontend.wire.table import AnswerTable

log = logging.getLogger(__name__)

UDP_OCTETS_PLAIN = 512
"""The largest reply over UDP to a client without EDNS (RFC 1035, section 4.2.1)."""
UDP_OCTETS = 1232
"""The largest reply over UDP at all: no fragments on any link (RFC 9715)."""
TYPE_AXFR = 252
REGIONS_KEPT = 65_536
"""Client addresses whose region is kept at hand."""

_ONE_QUESTION = b"\0\1\0\0\0\0\0\0"
_ONE_QUESTION_AND_RECORD = b"\0\1\0\0\0\0\0\1"
_OPT_START = b"\0\0\x29"
_NO_OPTIONS = b"\0\0"
_OPT_OCTETS = 11
_FAULTS_LOGGED = 20

_EDE_REFUSED = extended_error(EDE_NOT_AUTHORITATIVE)


def _opt(dnssec_ok: bool, extended_rcode: int = 0, options: bytes = b"") -> bytes:
    """Our OPT record (RFC 6891, section 6.1.3): version 0, DO copied (RFC 3225, section 3)."""
    flags = extended_rcode << 24 | (0x8000 if dnssec_ok else 0)
    return pack("!BHHIH", 0, 41, UDP_OCTETS, flags, len(options)) + options


_OPT = (_opt(dnssec_ok=False), _opt(dnssec_ok=True))


class Responder:
    """Answers messages from one table."""

    __slots__ = ("_faults_logged", "_plain", "_regions", "_regions_of", "counters", "table")

    def __init__(
        self,
        table: AnswerTable,
        regions: ClientRegions | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.table = table
        self.counters = counters if counters is not None else Counters()
        self._regions = regions if regions else None
        self._regions_of: dict[str, str] = {}
        self._plain = table.answers(table.home)
        self._faults_logged = 0

    def __repr__(self) -> str:
        return f"Responder({self.table!r}, {self.counters!r})"

    def respond(self, packet: bytes, client: str, *, stream: bool = False) -> bytes | None:
        """The reply to a message from the address `client`; None: send nothing.

        `stream` is for TCP. Never raises: a mistake of ours is answered SERVFAIL.
        """
        counters = self.counters
        if stream:
            counters.queries_tcp += 1
        else:
            counters.queries_udp += 1
        try:
            if self._regions is None:
                view, answers = self.table.home, self._plain
            else:
                view = self._view(client)
                answers = self.table.answers(view)
            reply = self._quick(packet, answers, stream)
            if reply is None:
                reply = self._strict(packet, view, stream)
        except Exception:  # one message must not stop the loop that serves all others
            return self._fault(packet)
        return reply

    # --- the quick way -----------------------------------------------------------------

    def _quick(self, packet: bytes, answers: dict[bytes, Body], stream: bool) -> bytes | None:
        """The reply to a usual query; None when it is not one, or not compiled."""
        counts = packet[4:12]
        # A name without a zero octet before its root can only be found if it is one of
        # ours, which were well formed when they were compiled: no need to walk it.
        end = packet.find(0, 12) + 1
        question = packet[12 : end + 4]
        body = answers.get(question[:-4].lower() + question[-4:])
        # QR and opcode must be 0; AA, TC and everything in the fourth octet are ignored
        if body is None or packet[2] & 0xF8:
            return None
        rd = packet[2] & 1
        if counts == _ONE_QUESTION_AND_RECORD:
            record = packet[end + 4 :]
            if (
                len(record) != _OPT_OCTETS
                or record[:3] != _OPT_START
                or record[6]
                or record[9:] != _NO_OPTIONS
            ):
                return None
            dnssec_ok = record[7] >> 7
            opt = _opt(bool(dnssec_ok), 0, body.option) if body.option else _OPT[dnssec_ok]
            form = rd + 2
            if stream:
                room = MESSAGE_OCTETS
            else:
                room = record[3] << 8 | record[4]
                if room > UDP_OCTETS:
                    room = UDP_OCTETS
                elif room < UDP_OCTETS_PLAIN:
                    room = UDP_OCTETS_PLAIN
        elif counts == _ONE_QUESTION:
            opt = b""
            form = rd
            room = MESSAGE_OCTETS if stream else UDP_OCTETS_PLAIN
        else:
            return None
        return self._splice(packet[:2], question, body, opt, form, room)

    def _splice(
        self, identifier: bytes, question: bytes, body: Body, opt: bytes, form: int, room: int
    ) -> bytes:
        counters = self.counters
        counters.rcodes[body.rcode] += 1
        if body.mode is not None:
            counters.modes[body.mode] += 1
        room -= 12 + len(question) + len(opt)
        if len(body.full) <= room:
            return identifier + body.full_heads[form] + question + body.full + opt
        if len(body.lean) <= room:
            return identifier + body.lean_heads[form] + question + body.lean + opt
        # RFC 2181, section 9 and RFC 6891, section 7: no part of a set, only that it is cut
        counters.truncated += 1
        head = body.lean_heads[form]
        flags = bytes((head[0] | 0x02, head[1]))
        return b"%b%b\0\1\0\0\0\0\0%b%b%b" % (
            identifier,
            flags,
            b"\1" if opt else b"\0",
            question,
            opt,
        )

    # --- the strict way ----------------------------------------------------------------

    def _strict(self, packet: bytes, view: str, stream: bool) -> bytes | None:
        request = parse(packet)
        if request is None:
            self.counters.dropped_reply += 1
            return None
        match request.verdict:
            case Verdict.WELL_FORMED:
                return self._answer(packet, request, view, stream)
            case Verdict.MALFORMED:
                return self._error(packet, request, FORMERR)
            case Verdict.OTHER_OPCODE:
                return self._error(packet, request, NOTIMP)
            case Verdict.OTHER_EDNS:
                return self._error(packet, request, BADVERS)

    def _answer(self, packet: bytes, request: Request, view: str, stream: bool) -> bytes:
        if request.class_ != CLASS_IN:
            return self._error(packet, request, REFUSED, _EDE_REFUSED)
        if request.type == TYPE_AXFR and not stream:
            # RFC 5936, section 4.2: not over UDP
            return self._error(packet, request, NOTIMP)
        if request.type in (TYPE_AXFR, TYPE_IXFR):
            return self._error(packet, request, REFUSED)
        body = self.table.find(request.name, request.type, view)
        edns = request.edns
        form = packet[2] & 1
        opt = b""
        room = MESSAGE_OCTETS if stream else UDP_OCTETS_PLAIN
        if edns is not None:
            form += 2
            opt = _opt(edns.dnssec_ok, 0, body.option) if body.option else _OPT[edns.dnssec_ok]
            if not stream:
                # RFC 6891, section 6.2.3: less than 512 means 512
                room = min(max(edns.payload, UDP_OCTETS_PLAIN), UDP_OCTETS)
        return self._splice(packet[:2], request.question, body, opt, form, room)

    def _error(self, packet: bytes, request: Request, rcode: int, option: bytes = b"") -> bytes:
        """A reply without records: the question as far as it could be read, and OPT if asked."""
        self.counters.rcodes[rcode] += 1
        return _bare(packet, request.opcode, request.question, request.edns, rcode, option)

    def _fault(self, packet: bytes) -> bytes | None:
        self.counters.faults += 1
        if self._faults_logged < _FAULTS_LOGGED:
            self._faults_logged += 1
            log.exception("a query could not be answered", extra={"query": packet[:300].hex()})
        if len(packet) < 12 or packet[2] & 0x80:
            return None
        self.counters.rcodes[SERVFAIL] += 1
        return _bare(packet, packet[2] >> 3 & 0xF, b"", None, SERVFAIL)

    def _view(self, client: str) -> str:
        view = self._regions_of.get(client)
        if view is None:
            found = self._regions.region_of(client) if self._regions is not None else None
            view = found or self.table.home
            if len(self._regions_of) >= REGIONS_KEPT:
                self._regions_of.clear()
            self._regions_of[client] = view
        return view


def _bare(
    packet: bytes,
    opcode: int,
    question: bytes,
    edns: Edns | None,
    rcode: int,
    option: bytes = b"",
) -> bytes:
    # RD is copied for queries only (RFC 1035, section 4.1.1); other opcodes have other flags
    rd = packet[2] & 1 if opcode == OPCODE_QUERY else 0
    opt = b"" if edns is None else _opt(edns.dnssec_ok, rcode >> 4, option)
    return b"%b%b%b%b" % (
        packet[:2],
        pack(
            "!BBHHHH",
            0x80 | opcode << 3 | rd,
            rcode & 0xF,
            1 if question else 0,
            0,
            0,
            1 if opt else 0,
        ),
        question,
        opt,
    )
