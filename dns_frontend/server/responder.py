"""From one message to its reply: look up, splice, count. No sockets here.

The quick way is for the usual query: one question, at most an OPT record that holds
nothing or a cookie just seen, an answer that is compiled. Everything else goes through
the strict parser. Both give the same octets; nothing is kept here of a whole message, so
that no header bit, EDNS field or transport of one client reaches another one's reply
(RFC 8906, section 8).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.clients import Client, Clients
from dns_frontend.server.commons import Commons
from dns_frontend.server.cookies import Cookies, Proof
from dns_frontend.server.counters import Counters
from dns_frontend.server.identity import CLASS_CH, Identity
from dns_frontend.server.reply import (
    NOT_IMPLEMENTED_BODY,
    OPT,
    OPT_COOKIE,
    REFUSED_BODY,
    REFUSED_CLASS,
    WHOLE_COOKIE,
    bare,
    opt_record,
    with_bad_key,
)
from dns_frontend.server.settings import UDP_OCTETS, UDP_OCTETS_PLAIN, ServerSettings
from dns_frontend.wire.body import (
    BADCOOKIE,
    BADVERS,
    CLASS_IN,
    FORMERR,
    MESSAGE_OCTETS,
    NOERROR,
    NOTAUTH,
    NOTIMP,
    REFUSED,
    SERVFAIL,
    Body,
)
from dns_frontend.wire.option import (
    COOKIE,
    NONE,
    NSID,
    Wishes,
    keepalive_option,
    option,
    read,
    subnet_option,
)
from dns_frontend.wire.request import (
    OPCODE_QUERY,
    TRANSFERS,
    TYPE_AXFR,
    Request,
    Signature,
    Verdict,
    parse,
    sound_type,
)
from dns_frontend.wire.table import AnswerTable

log = logging.getLogger(__name__)

_ONE_QUESTION = b"\0\1\0\0\0\0\0\0"
_ONE_QUESTION_AND_RECORD = b"\0\1\0\0\0\0\0\1"
_OPT_START = b"\0\0\x29"
_NO_OPTIONS = b"\0\0"
_OPT_OCTETS = 11
_COOKIE_OCTETS = 24
_OPT_COOKIE_OCTETS = _OPT_OCTETS + 4 + _COOKIE_OCTETS
_FAULTS_LOGGED = 20


class _Granted(NamedTuple):
    """What a request's options come to."""

    wishes: Wishes = NONE
    options: bytes = b""
    """The options of the reply but for client subnet and extended error."""
    proof: Proof = Proof.NONE


_NOTHING_GRANTED = _Granted()


class Responder:
    """Answers messages from one table."""

    __slots__ = (
        "_clock",
        "_faults_logged",
        "_get_client",
        "_identity",
        "_keepalive",
        "_nsid",
        "_rates",
        "clients",
        "cookies",
        "counters",
        "settings",
        "table",
    )

    def __init__(
        self,
        table: AnswerTable,
        regions: ClientRegions | None = None,
        counters: Counters | None = None,
        settings: ServerSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        commons: Commons | None = None,
    ) -> None:
        """`commons` is what it shares with other responders. Raises OSError or ValueError when
        the cookie secrets cannot be used."""
        self.table = table
        self.counters = counters if counters is not None else Counters()
        self.settings = settings = settings if settings is not None else ServerSettings()
        self._clock = clock
        commons = commons or Commons.of(settings, clock, wall)
        self._rates = commons.rates
        self.cookies = Cookies(commons.secrets, clock, wall)
        self.clients = Clients(table, regions, settings, self._rates)
        self._get_client = self.clients.get
        self._identity = Identity(settings.server_name) if settings.identity else None
        name = settings.server_name.encode("utf-8")
        self._nsid = option(NSID, name) if name else b""
        self._keepalive = keepalive_option(settings.tcp.idle_seconds)
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
            known = self._get_client(client) or self.clients.meet(client)
            buckets = None if stream else known.buckets
            # what a proven address takes is no share of its network's: none else has its cookie
            if (
                buckets is not None
                and not self.cookies.known(client, packet[-_COOKIE_OCTETS:])
                and not self._rates.admits(buckets, self._clock())
            ):
                return self._over_rate(packet, known)
            reply = self._quick(packet, known, stream)
            if reply is None:
                reply = self._strict(packet, known, stream)
        except Exception:  # one message must not stop the loop that serves all others
            return self._fault(packet)
        return reply

    # --- the quick way -----------------------------------------------------------------

    def _quick(self, packet: bytes, known: Client, stream: bool) -> bytes | None:
        """The reply to a usual query; None when it is not one, or not compiled."""
        if len(packet) < 17:
            return None
        counts = packet[4:12]
        # A name without a zero octet before its root can only be found if it is one of
        # ours, which were well formed when they were compiled: no need to walk it.
        end = packet.find(0, 12) + 1
        question = packet[12 : end + 4]
        name, asked = question[:-4].lower(), question[-4:]
        body = known.answers.get(name + asked)
        # QR and opcode must be 0; AA, TC and everything in the fourth octet are ignored
        if packet[2] & 0xF8:
            return None
        if body is None:
            body = self.table.families.denied(name, asked)
        if body is None:
            record_type = sound_type(question, end - 12)
            if record_type is None:
                return None
            body = self.table.find(name, record_type, known.view)
        rd = packet[2] & 1
        if counts == _ONE_QUESTION_AND_RECORD:
            record = packet[end + 4 :]
            size = len(record)
            if size < _OPT_OCTETS or record[:3] != _OPT_START or record[6]:
                return None
            dnssec_ok = record[7] >> 7
            most = known.octets
            if size == _OPT_OCTETS and record[9:] == _NO_OPTIONS:
                opt = opt_record(bool(dnssec_ok), 0, body.option) if body.option else OPT[dnssec_ok]
            elif size == _OPT_COOKIE_OCTETS and record[9:15] == WHOLE_COOKIE and not body.option:
                cookie = record[15:]
                if not self.cookies.known(known.address, cookie):
                    return None
                most = UDP_OCTETS
                opt = OPT_COOKIE[dnssec_ok] + cookie
            else:
                return None
            form = rd + 2
            if stream:
                room = MESSAGE_OCTETS
            else:
                room = record[3] << 8 | record[4]
                if room > most:
                    room = most
                elif room < UDP_OCTETS_PLAIN:
                    room = UDP_OCTETS_PLAIN
        elif counts == _ONE_QUESTION:
            opt = b""
            form = rd
            room = MESSAGE_OCTETS if stream else UDP_OCTETS_PLAIN
        else:
            return None
        return self._splice(packet[:2], question, body, opt, form, room, known)

    def _splice(
        self,
        identifier: bytes,
        question: bytes,
        body: Body,
        opt: bytes,
        form: int,
        room: int,
        known: Client,
    ) -> bytes:
        counters = self.counters
        counters.rcodes[body.rcode] += 1
        counters.modes[body.mode_number] += 1
        room -= 12 + len(question) + len(opt)
        full = body.full
        if len(full) <= room:
            starts = body.starts
            if starts:
                # the client's identifier is as random as a number of ours, and needs no state;
                # what is told whole has fewer than 256 turns
                start = starts[(known.lot if body.partial else identifier[1]) % len(starts)]
                full = body.ring[start : start + len(full)]
            return identifier + body.full_heads[form] + question + full + opt
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

    def _strict(self, packet: bytes, known: Client, stream: bool) -> bytes | None:
        request = parse(packet)
        if request is None:
            self.counters.dropped_reply += 1
            return None
        granted = _NOTHING_GRANTED
        edns = request.edns
        if edns is not None and edns.options:
            wishes = read(edns.options, stream=stream)
            if wishes is None:
                if request.verdict is not Verdict.OTHER_OPCODE:
                    return self._error(packet, request, FORMERR)
            else:
                granted = self._grant(wishes, known)
        match request.verdict:
            case Verdict.WELL_FORMED:
                return self._answer(packet, request, known, granted, stream)
            case Verdict.COOKIE_ONLY:
                # RFC 7873, section 5.4: it is told whether its cookie is good
                rcode = BADCOOKIE if granted.proof is Proof.INVALID else NOERROR
                return self._error(packet, request, rcode, granted.options)
            case Verdict.MALFORMED:
                return self._error(packet, request, FORMERR, granted.options)
            case Verdict.OTHER_OPCODE:
                return self._error(packet, request, NOTIMP, granted.options)
            case Verdict.OTHER_EDNS:
                return self._error(packet, request, BADVERS)

    def _grant(self, wishes: Wishes, known: Client) -> _Granted:
        options = b""
        proof = Proof.NONE
        if wishes.cookie:
            verified = self.cookies.verify(known.address, wishes.cookie)
            proof = verified.proof
            options += option(COOKIE, verified.reply)
        if wishes.nsid:
            options += self._nsid
        if wishes.keepalive:
            options += self._keepalive
        return _Granted(wishes, options, proof)

    def _answer(
        self, packet: bytes, request: Request, known: Client, granted: _Granted, stream: bool
    ) -> bytes:
        view, scope = known.view, 0
        subnet = granted.wishes.subnet
        if subnet is not None:
            view, scope = self.clients.tailoring(known, subnet)
        body = self._body(request, view, stream)
        options = body.option + granted.options
        if subnet is not None:
            # RFC 7871, sections 7.2.1 and 7.4: 0 where the subnet made no difference
            options += subnet_option(subnet, scope if body.tailored else 0)
        if request.signature is not None and request.class_ == CLASS_IN:
            return self._unauthentic(packet, request, request.signature, options)
        if body.rcode in (NOTIMP, REFUSED):
            return self._error(packet, request, body.rcode, options)
        edns = request.edns
        form = packet[2] & 1
        opt = b""
        room = MESSAGE_OCTETS if stream else UDP_OCTETS_PLAIN
        if edns is not None:
            form += 2
            opt = opt_record(edns.dnssec_ok, 0, options) if options else OPT[edns.dnssec_ok]
            if not stream:
                # RFC 6891, section 6.2.3: less than 512 means 512
                most = UDP_OCTETS if granted.proof is Proof.VALID else known.octets
                room = min(max(edns.payload, UDP_OCTETS_PLAIN), most)
        return self._splice(packet[:2], request.question, body, opt, form, room, known)

    def _body(self, request: Request, view: str, stream: bool) -> Body:
        if request.class_ == CLASS_CH and self._identity is not None:
            return self._identity.find(request.name, request.type) or REFUSED_CLASS
        if request.class_ != CLASS_IN:
            return REFUSED_CLASS
        if request.type in TRANSFERS:
            # RFC 5936, section 4.2: not over UDP; IXFR (RFC 1995) may be asked there
            over_udp = request.type == TYPE_AXFR and not stream
            return NOT_IMPLEMENTED_BODY if over_udp else REFUSED_BODY
        return self.table.find(request.name, request.type, view)

    def _unauthentic(
        self, packet: bytes, request: Request, signature: Signature, options: bytes
    ) -> bytes:
        """The reply to a request signed with a key that is not ours: none is."""
        self.counters.rcodes[NOTAUTH] += 1
        reply = bare(packet, request, NOTAUTH, options)
        return with_bad_key(reply, signature)

    def _error(self, packet: bytes, request: Request, rcode: int, options: bytes = b"") -> bytes:
        """A reply without records: the question as far as it could be read, and OPT if asked."""
        self.counters.rcodes[rcode] += 1
        return bare(packet, request, rcode, options)

    # --- what is not answered ----------------------------------------------------------

    def _over_rate(self, packet: bytes, known: Client) -> bytes | None:
        """The reply to a client of a network that takes too much; most get none.

        Whoever shows a cookie has the address that it says, and is answered.
        """
        request = parse(packet)
        if request is None:
            self.counters.dropped_reply += 1
            return None
        slips = self._rates.slips()
        granted = _NOTHING_GRANTED
        edns = request.edns
        if edns is not None and edns.options:
            wishes = read(edns.options, stream=False)
            if wishes is not None and wishes.cookie:
                granted = self._grant(wishes, known)
        if granted.proof is Proof.VALID:
            return self._strict(packet, known, False)
        if not slips or request.opcode != OPCODE_QUERY or not request.question:
            self.counters.dropped_rate += 1
            return None
        self.counters.slipped += 1
        if granted.wishes.cookie:
            # RFC 7873, section 5.2.3: with this cookie it may ask again, over UDP
            return self._error(packet, request, BADCOOKIE, granted.options)
        reply = bytearray(self._error(packet, request, NOERROR))
        reply[2] |= 0x02
        return bytes(reply)

    def _fault(self, packet: bytes) -> bytes | None:
        self.counters.faults += 1
        if self._faults_logged < _FAULTS_LOGGED:
            self._faults_logged += 1
            log.exception("a query could not be answered", extra={"query": packet[:300].hex()})
        if len(packet) < 12 or packet[2] & 0x80:
            return None
        self.counters.rcodes[SERVFAIL] += 1
        return bare(packet, Request(Verdict.MALFORMED, packet[2] >> 3 & 0xF), SERVFAIL)
