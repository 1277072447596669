"""Replies that hold no records, and the OPT and TSIG records at the end of replies."""

from __future__ import annotations

from struct import pack

from dns_frontend.server.settings import UDP_OCTETS
from dns_frontend.wire.body import EDE_NOT_AUTHORITATIVE, NOTIMP, REFUSED, Body
from dns_frontend.wire.option import extended_error
from dns_frontend.wire.request import (
    OPCODE_QUERY,
    OPTION_COOKIE,
    TYPE_OPT,
    TYPE_TSIG,
    Request,
    Signature,
)

CLASS_ANY = 255
BADKEY = 17
COOKIE_OPTION_OCTETS = 28


def opt_record(dnssec_ok: bool, extended_rcode: int = 0, options: bytes = b"") -> bytes:
    """Our OPT record (RFC 6891, section 6.1.3): version 0, DO copied (RFC 3225, section 3)."""
    flags = extended_rcode << 24 | (0x8000 if dnssec_ok else 0)
    return pack("!BHHIH", 0, TYPE_OPT, UDP_OCTETS, flags, len(options)) + options


WHOLE_COOKIE = pack("!HHH", COOKIE_OPTION_OCTETS, OPTION_COOKIE, COOKIE_OPTION_OCTETS - 4)
"""The start of an OPT record's data that is one cookie of client and server, 24 octets."""
OPT = (opt_record(dnssec_ok=False), opt_record(dnssec_ok=True))
"""Without options, by DO."""
OPT_COOKIE = tuple(opt[:-2] + WHOLE_COOKIE for opt in OPT)
"""Up to the octets of the cookie, by DO."""


REFUSED_BODY = Body(REFUSED, authoritative=False)
REFUSED_CLASS = Body(
    REFUSED,
    authoritative=False,
    option=extended_error(EDE_NOT_AUTHORITATIVE, "class IN only"),
)
NOT_IMPLEMENTED_BODY = Body(NOTIMP, authoritative=False)


def bare(packet: bytes, request: Request, rcode: int, options: bytes = b"") -> bytes:
    """A reply without records: the question as far as it could be read, and OPT if asked."""
    # RD is copied for queries only (RFC 1035, section 4.1.1); other opcodes have other flags
    rd = packet[2] & 1 if request.opcode == OPCODE_QUERY else 0
    edns = request.edns
    opt = b"" if edns is None else opt_record(edns.dnssec_ok, rcode >> 4, options)
    return b"%b%b%b%b" % (
        packet[:2],
        pack(
            "!BBHHHH",
            0x80 | request.opcode << 3 | rd,
            rcode & 0xF,
            1 if request.question else 0,
            0,
            0,
            1 if opt else 0,
        ),
        request.question,
        opt,
    )


def with_bad_key(reply: bytes, signature: Signature) -> bytes:
    """The reply with a TSIG record that says BADKEY and signs nothing (RFC 8945, section 5.3.2)."""
    # no MAC, the error, no other data
    end = b"\0\0" + signature.original_id + pack("!HH", BADKEY, 0)
    data = signature.algorithm + signature.time_signed + signature.fudge + end
    # class ANY, TTL 0 (section 4.2)
    record = signature.key + pack("!HHIH", TYPE_TSIG, CLASS_ANY, 0, len(data)) + data
    return reply[:11] + bytes((reply[11] + 1,)) + reply[12:] + record
