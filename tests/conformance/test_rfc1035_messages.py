"""RFC 1035 (with 2181, 4343, 9267, 9619): headers, questions, and what is no query."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE
from dns_server_thread import DnsServerThread

FORMERR, NXDOMAIN, NOTIMP, REFUSED = 1, 3, 4, 5


def query(
    name: str = API_NAME,
    kind: int = 1,
    class_: int = 1,
    *,
    flags: int = 0,
    counts: tuple[int, int, int, int] = (1, 0, 0, 0),
    identifier: int = 0x1234,
    rest: bytes = b"",
) -> bytes:
    head = struct.pack("!HHHHHH", identifier, flags, *counts)
    return head + dns.name.from_text(name).to_wire() + struct.pack("!HH", kind, class_) + rest


def header(reply: bytes | None) -> tuple[int, int, tuple[int, ...]]:
    assert reply is not None
    identifier, flags, *counts = struct.unpack("!6H", reply[:12])
    return identifier, flags, tuple(counts)


def question_of(packet: bytes, name: str = API_NAME) -> bytes:
    return packet[12 : 12 + len(dns.name.from_text(name).to_wire()) + 4]


def ask(server: DnsServerThread, packet: bytes, transport: str) -> bytes | None:
    return server.udp(packet) if transport == "udp" else server.tcp(packet)


both = pytest.mark.parametrize("transport", ["udp", "tcp"])


@both
@pytest.mark.parametrize("rd", [0, 1])
@pytest.mark.row("20")
def test_4_1_1_the_reply_has_the_queries_identifier_and_rd_and_is_authoritative(
    served: DnsServerThread, transport: str, rd: int
) -> None:
    packet = query(flags=rd << 8)
    reply = ask(served, packet, transport)
    identifier, flags, counts = header(reply)
    assert identifier == 0x1234
    # QR and AA set, RD as asked; RA, Z, AD, CD, TC clear
    assert flags == 0x8400 | rd << 8
    assert counts == (1, 2, 0, 0)
    assert reply is not None
    assert reply[12:].startswith(question_of(packet))


@both
@pytest.mark.parametrize("bit", [0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010])
@pytest.mark.row("21", "h20")
def test_4_1_1_a_bit_that_has_no_meaning_in_a_query_is_ignored_and_not_echoed(
    served: DnsServerThread, transport: str, bit: int
) -> None:
    """AA, TC, RA, Z, AD and CD, each set."""
    reply = ask(served, query(flags=bit), transport)
    assert header(reply) == (0x1234, 0x8400, (1, 2, 0, 0))


@both
@pytest.mark.parametrize("rcode", [1, 3, 9, 15])
@pytest.mark.row("22", "h20")
def test_4_1_1_an_rcode_in_a_query_is_ignored_and_not_echoed(
    served: DnsServerThread, transport: str, rcode: int
) -> None:
    assert header(ask(served, query(flags=rcode), transport)) == (0x1234, 0x8400, (1, 2, 0, 0))


@both
@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.row("23", "24", "h13", "h14")
def test_4_1_1_other_opcodes_are_not_implemented(
    served: DnsServerThread, transport: str, opcode: int, bare: bool
) -> None:
    """NOTIFY (RFC 1996) and UPDATE (RFC 2136, section 3.1) among them; a bare header will do."""
    flags = opcode << 11 | 0x0130
    packet = struct.pack("!6H", 7, flags, 0, 0, 0, 0) if bare else query(flags=flags)
    reply = ask(served, packet, transport)
    _, got, counts = header(reply)
    assert got == 0x8000 | opcode << 11 | NOTIMP
    assert counts == (0 if bare else 1, 0, 0, 0)


@both
@pytest.mark.parametrize("class_", [0, 3, 4, 254, 255, 999])
@pytest.mark.row("25", "h15")
def test_3_2_4_another_class_is_refused(
    served: DnsServerThread, transport: str, class_: int
) -> None:
    reply = ask(served, query(class_=class_), transport)
    assert header(reply) == (0x1234, 0x8000 | REFUSED, (1, 0, 0, 0))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        query()[:11],
        query(flags=0x8000),
        query(flags=0x8400, counts=(1, 0, 0, 1)),
        struct.pack("!6H", 1, 0xFFFF, 0, 0, 0, 0),
    ],
    ids=["empty", "one octet", "11 octets", "QR", "QR and OPT promised", "all flags"],
)
@pytest.mark.row("26", "27", "h1")
def test_4_1_1_what_is_no_query_gets_no_reply(served: DnsServerThread, packet: bytes) -> None:
    """A reply to a reply would let two servers talk for ever."""
    assert served.udp(packet) is None
    assert served.tcp(packet) is None


@both
@pytest.mark.parametrize("questions", [2, 3, 65535])
@pytest.mark.row("28", "h4")
def test_rfc9619_4_more_than_one_question_is_malformed(
    served: DnsServerThread, transport: str, questions: int
) -> None:
    packet = query(counts=(questions, 0, 0, 0), rest=query()[12:])
    assert header(ask(served, packet, transport)) == (0x1234, 0x8000 | FORMERR, (0, 0, 0, 0))


@both
@pytest.mark.row("29", "h3")
def test_rfc9619_4_no_question_is_malformed(served: DnsServerThread, transport: str) -> None:
    packet = struct.pack("!6H", 0x1234, 0, 0, 0, 0, 0)
    assert header(ask(served, packet, transport)) == (0x1234, 0x8000 | FORMERR, (0, 0, 0, 0))


HEAD = struct.pack("!6H", 0x1234, 0x0100, 1, 0, 0, 0)


@both
@pytest.mark.parametrize(
    "question",
    [
        b"",
        b"\3api",
        b"\3api\0",
        b"\3api\0\0\1\0",
        b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
        b"\x80abc\0\0\1\0\1",
        b"\x7fabc\0\0\1\0\1",
        b"\xc0\x0c\0\1\0\1",
        b"\xc0\x10\0\1\0\1",
        b"\xc0\xff\0\1\0\1",
        b"\3api\xc0\x0c\0\1\0\1",
        (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
        b"\1a" * 127 + b"\1a\0\0\1\0\1",
        b"\x3f" + b"a" * 10,
    ],
    ids=[
        "none",
        "name cut",
        "type and class missing",
        "class cut",
        "label of 64",
        "label type 10",
        "label type 01",
        "pointer to itself",
        "pointer forward",
        "pointer outside",
        "pointer after a label",
        "name of 257",
        "name of 257 in short labels",
        "label cut",
    ],
)
@pytest.mark.row("31", "h2")
def test_4_1_4_a_question_that_is_none_is_malformed_and_not_echoed(
    served: DnsServerThread, transport: str, question: bytes
) -> None:
    """Also RFC 9267, sections 2 to 4: no pointer is followed, no length is trusted."""
    reply = ask(served, HEAD + question, transport)
    assert reply == struct.pack("!6H", 0x1234, 0x8100 | FORMERR, 0, 0, 0, 0)


def name_of(octets: int) -> bytes:
    """A name below the zone that is so long in wire form."""
    zone = dns.name.from_text(ZONE).to_wire()
    room = octets - len(zone)
    labels = b""
    while room:
        length = min(63, room - 1) if room - 1 != 64 else 62
        labels += bytes((length,)) + b"x" * length
        room -= length + 1
    assert len(labels + zone) == octets
    return labels + zone


@both
@pytest.mark.row("32")
def test_2_3_4_a_name_of_exactly_255_octets_is_answered_and_one_of_256_is_none(
    served: DnsServerThread, transport: str
) -> None:
    name = name_of(255)
    reply = ask(served, HEAD + name + b"\0\1\0\1", transport)
    assert reply is not None
    assert reply[12 : 12 + 255] == name
    assert header(reply)[1] & 0xF == NXDOMAIN
    assert dns.message.from_wire(reply).rcode() == dns.rcode.NXDOMAIN
    longer = ask(served, HEAD + name_of(256) + b"\0\1\0\1", transport)
    assert longer == struct.pack("!6H", 0x1234, 0x8100 | FORMERR, 0, 0, 0, 0)


@both
@pytest.mark.parametrize(
    "label", [b"\0", b"\0.\xff", b"a.b", b"\xff" * 63, b"api\0", b"*", b" ", b"\\"]
)
@pytest.mark.row("33", "h21")
def test_rfc2181_11_any_octets_make_a_label(
    served: DnsServerThread, transport: str, label: bytes
) -> None:
    name = bytes((len(label),)) + label + dns.name.from_text(f"payments.svc.{ZONE}").to_wire()
    reply = ask(served, HEAD + name + b"\0\1\0\1", transport)
    assert reply is not None
    assert reply[12 : 12 + len(name)] == name
    assert header(reply)[1] & 0xF == NXDOMAIN


@both
@pytest.mark.row("33", "10")
def test_rfc2181_11_a_zone_inside_a_label_is_not_our_zone(
    served: DnsServerThread, transport: str
) -> None:
    """The octets of the zone's name end this one, but not at the edge of a label."""
    zone = dns.name.from_text(ZONE).to_wire()
    name = bytes((len(zone) - 1 + 3,)) + b"xyz" + zone[:-1] + b"\0"
    reply = ask(served, HEAD + name + b"\0\1\0\1", transport)
    assert header(reply)[1] & 0xF == REFUSED


@both
@pytest.mark.row("11")
def test_rfc4343_the_case_of_a_name_does_not_matter_and_is_kept(
    served: DnsServerThread, transport: str
) -> None:
    mixed = "aPi.PayMENTS.sVC.Anchor.INTERNAL."
    for _ in range(2):  # compiled, and from the table
        packet = query(mixed)
        reply = ask(served, packet, transport)
        assert reply is not None
        assert reply[12:].startswith(question_of(packet, mixed))
        assert header(reply)[2][1] == 2
        # the owner is a pointer to the client's own spelling
        assert str(dns.message.from_wire(reply).answer[0].name) == mixed


@both
@pytest.mark.parametrize(
    "packet",
    [
        query(counts=(1, 1, 0, 0)),
        query(counts=(1, 0, 1, 0)),
        query(counts=(1, 0, 0, 1)),
        query(counts=(1, 0, 0, 65535)),
        query(counts=(1, 0, 0, 1), rest=b"\0\0\x29\x04\xd0\0\0\0\0\0"),
        query(counts=(1, 0, 0, 1), rest=b"\0\0\x01\0\1\0\0\0\0\0\4\1\2\3"),
        query(counts=(1, 0, 0, 1), rest=b"\xc0"),
        query(counts=(1, 0, 0, 1), rest=b"\xff\xff\0\1\0\1\0\0\0\0\0\0"),
        query(counts=(1, 1, 0, 0), rest=b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4"),
        query(counts=(1, 0, 1, 0), rest=b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4"),
    ],
)
@pytest.mark.row("34", "h5")
def test_4_1_records_that_are_not_there_or_have_no_business_are_malformed(
    served: DnsServerThread, transport: str, packet: bytes
) -> None:
    reply = ask(served, packet, transport)
    _, flags, counts = header(reply)
    assert flags == 0x8000 | FORMERR
    assert counts == (1, 0, 0, 0)
    assert reply is not None
    assert reply[12:] == question_of(packet)


@both
@pytest.mark.row("35", "h6")
def test_4_1_octets_after_the_message_are_ignored_and_never_reflected(
    served: DnsServerThread, transport: str
) -> None:
    for packet in (query(), query("nope." + API_NAME)):
        clean = ask(served, packet, transport)
        assert ask(served, packet + b"\xde\xad\xbe\xef" * 10, transport) == clean


@both
@pytest.mark.row("45")
def test_4_2_1_a_cut_reply_has_tc_and_no_part_of_the_set(
    served: DnsServerThread, transport: str
) -> None:
    """RFC 2181, section 9."""
    name = f"many.payments.svc.{ZONE}"
    packet = query(name)
    reply = ask(served, packet, transport)
    _, flags, counts = header(reply)
    assert reply is not None
    if transport == "udp":
        assert flags == 0x8600
        assert counts == (1, 0, 0, 0)
        assert reply[12:] == question_of(packet, name)
    else:
        assert flags == 0x8400
        assert counts == (1, 44, 0, 0)


@pytest.mark.row("36")
def test_4_2_1_no_reply_over_udp_passes_512_octets_without_edns(served: DnsServerThread) -> None:
    for kind in (1, 2, 6, 16, 28, 33, 255):
        for name in (API_NAME, f"_why.{API_NAME}", f"many.payments.svc.{ZONE}", ZONE):
            reply = served.udp(query(name, kind))
            assert reply is not None
            assert len(reply) <= 512


@both
@pytest.mark.parametrize("name", [".", "internal.", "example.com.", "xanchor.internal.", "a.com."])
@pytest.mark.parametrize("kind", [1, 2, 6, 255])
@pytest.mark.row("10", "h19")
def test_rfc1034_4_3_1_what_is_not_ours_is_refused_without_a_referral(
    served: DnsServerThread, transport: str, name: str, kind: int
) -> None:
    reply = ask(served, query(name, kind), transport)
    assert header(reply) == (0x1234, 0x8000 | REFUSED, (1, 0, 0, 0))


@pytest.mark.row("19", "h5", "h18")
def test_rfc5936_4_2_a_transfer_is_not_implemented_over_udp_and_refused_over_tcp(
    served: DnsServerThread,
) -> None:
    assert header(served.udp(query(ZONE, 252)))[1] == 0x8000 | NOTIMP
    assert header(served.tcp(query(ZONE, 252))) == (0x1234, 0x8000 | REFUSED, (1, 0, 0, 0))
    soa = b"\xc0\x0c\0\6\0\1\0\0\0\5\0\x16\0\0" + b"\0" * 20
    for transport in ("udp", "tcp"):
        reply = ask(served, query(ZONE, 251, counts=(1, 0, 1, 0), rest=soa), transport)
        assert header(reply) == (0x1234, 0x8000 | REFUSED, (1, 0, 0, 0))
