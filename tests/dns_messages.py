"""DNS messages in octets, made and read without the code under test."""

from __future__ import annotations

import struct

import dns.message
import dns.name

NSID, SUBNET, COOKIE, KEEPALIVE, PADDING, ERROR = 3, 8, 10, 11, 12, 15


def option(code: int, data: bytes = b"") -> bytes:
    """An EDNS option."""
    return struct.pack("!HH", code, len(data)) + data


def opt(*options: bytes, payload: int = 1232, version: int = 0, flags: int = 0) -> bytes:
    """An OPT record."""
    rdata = b"".join(options)
    return b"\0" + struct.pack("!HHBBHH", 41, payload, 0, version, flags, len(rdata)) + rdata


def message(
    name: str, kind: int = 1, *records: bytes, class_: int = 1, flags: int = 0, ident: int = 0x1234
) -> bytes:
    """A query with additional records."""
    head = struct.pack("!6H", ident, flags, 1, 0, 0, len(records))
    question = dns.name.from_text(name).to_wire() + struct.pack("!HH", kind, class_)
    return head + question + b"".join(records)


def parsed(reply: bytes | None) -> dns.message.Message:
    """The reply as dnspython reads it, which checks it."""
    assert reply is not None
    return dns.message.from_wire(reply)


def options_of(reply: bytes | None) -> dict[int, bytes]:
    """The options of a reply; each is there at most once."""
    found: dict[int, bytes] = {}
    for each in parsed(reply).options:
        assert each.otype not in found
        found[each.otype] = each.to_wire()
    return found


def answers(reply: bytes | None) -> list[str]:
    """The data of the answer section, sorted."""
    return sorted(str(record) for rrset in parsed(reply).answer for record in rrset)
