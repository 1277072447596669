"""RFC 6891 (with 3225, 8906, 8914, 9715): EDNS(0)."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE
from dns_server_thread import DnsServerThread

FORMERR = 1
both = pytest.mark.parametrize("transport", ["udp", "tcp"])
NAMES = [API_NAME, f"nope.{ZONE}", f"svc.{ZONE}", "example.com.", f"many.payments.svc.{ZONE}"]


def opt(
    payload: int = 1232,
    *,
    version: int = 0,
    flags: int = 0,
    rdata: bytes = b"",
    owner: bytes = b"\0",
    rcode: int = 0,
) -> bytes:
    fixed = struct.pack("!HHBBHH", 41, payload, rcode, version, flags, len(rdata))
    return owner + fixed + rdata


def query(name: str, *records: bytes, kind: int = 1, sections: str = "additional") -> bytes:
    counts = {"answer": 6, "authority": 8, "additional": 10}
    head = bytearray(struct.pack("!6H", 0x1234, 0, 1, 0, 0, 0))
    struct.pack_into("!H", head, counts[sections], len(records))
    question = dns.name.from_text(name).to_wire() + struct.pack("!HH", kind, 1)
    return bytes(head) + question + b"".join(records)


def ask(server: DnsServerThread, packet: bytes, transport: str) -> bytes:
    reply = server.udp(packet) if transport == "udp" else server.tcp(packet)
    assert reply is not None
    return reply


def opt_of(reply: bytes) -> tuple[int, int, int, int, bytes]:
    """Payload, extended rcode, version, flags and data of the last record, an OPT."""
    assert dns.message.from_wire(reply).edns == 0
    start = reply.rindex(b"\0\0\x29")
    payload, rcode, version, flags, length = struct.unpack("!HBBHH", reply[start + 3 : start + 11])
    assert start + 11 + length == len(reply), "OPT is the last record"
    return payload, rcode, version, flags, reply[start + 11 :]


@both
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.row("36")
def test_7_without_opt_in_the_query_there_is_none_in_the_reply(
    served: DnsServerThread, transport: str, name: str
) -> None:
    message = dns.message.from_wire(ask(served, query(name), transport))
    assert message.edns == -1


@both
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.row("37")
def test_6_1_1_every_reply_to_a_query_with_opt_has_one(
    served: DnsServerThread, transport: str, name: str
) -> None:
    """NOERROR, NXDOMAIN, NODATA, REFUSED and truncated ones alike; 1232 octets is what we take."""
    payload, rcode, version, flags, _ = opt_of(ask(served, query(name, opt()), transport))
    assert (payload, rcode, version, flags) == (1232, 0, 0, 0)


@both
@pytest.mark.parametrize("version", [1, 2, 100, 255])
@pytest.mark.parametrize("rdata", [b"", b"\0\x64\0\1x", b"\xff"])
@pytest.mark.row("38")
def test_6_1_3_another_version_is_badvers_with_our_own(
    served: DnsServerThread, transport: str, version: int, rdata: bytes
) -> None:
    reply = ask(served, query(API_NAME, opt(version=version, rdata=rdata)), transport)
    identifier, flags, *counts = struct.unpack("!6H", reply[:12])
    assert identifier == 0x1234
    assert flags == 0x8000, "no AA, and the low bits of BADVERS are 0"
    assert counts == [1, 0, 0, 1]
    assert opt_of(reply) == (1232, 1, 0, 0, b"")


@both
@pytest.mark.row("39")
def test_6_1_2_an_unknown_option_is_ignored_and_not_echoed(
    served: DnsServerThread, transport: str
) -> None:
    plain = ask(served, query(API_NAME, opt()), transport)
    for rdata in (b"\0\x64\0\0", b"\xff\xfe\0\4abcd" * 3, b"\0\0\0\0"):
        assert ask(served, query(API_NAME, opt(rdata=rdata)), transport) == plain


@both
@pytest.mark.parametrize("option", [3, 12], ids=["NSID", "padding"])
@pytest.mark.row("39", "59")
def test_6_1_2_options_without_use_here_are_ignored(
    served: DnsServerThread, transport: str, option: int
) -> None:
    rdata = struct.pack("!HH", option, 0)
    reply = ask(served, query(API_NAME, opt(rdata=rdata)), transport)
    assert reply == ask(served, query(API_NAME, opt()), transport)


@both
@pytest.mark.parametrize("flags", [0x4000, 0x0001, 0x7FFF])
@pytest.mark.row("40")
def test_6_1_4_unknown_flags_are_ignored_and_not_echoed(
    served: DnsServerThread, transport: str, flags: int
) -> None:
    reply = ask(served, query(API_NAME, opt(flags=flags)), transport)
    assert opt_of(reply)[3] == 0
    assert reply == ask(served, query(API_NAME, opt()), transport)


@both
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.row("41")
def test_rfc3225_3_do_is_copied(served: DnsServerThread, transport: str, name: str) -> None:
    for flags in (0x8000, 0xFFFF):
        assert opt_of(ask(served, query(name, opt(flags=flags)), transport))[3] == 0x8000


@both
def test_6_1_3_an_extended_rcode_in_a_query_is_ignored(
    served: DnsServerThread, transport: str
) -> None:
    reply = ask(served, query(API_NAME, opt(rcode=7)), transport)
    assert opt_of(reply)[1] == 0


@both
@pytest.mark.parametrize(
    "packet",
    [
        query(API_NAME, opt(), opt()),
        query(API_NAME, opt(), opt(version=1)),
        query(API_NAME, opt(rdata=b"\0")),
        query(API_NAME, opt(rdata=b"\0\x0a")),
        query(API_NAME, opt(rdata=b"\0\x0a\0")),
        query(API_NAME, opt(rdata=b"\0\x0a\0\5abcd")),
        query(API_NAME, opt(rdata=b"\0\x64\0\0\0\x64\xff\xff")),
        query(API_NAME, opt(owner=b"\1a\0")),
        query(API_NAME, opt(owner=b"\xc0\x0c")),
    ],
    ids=[
        "two",
        "two of two versions",
        "1 octet",
        "2 octets",
        "3 octets",
        "option overruns",
        "second option overruns",
        "owner is not the root",
        "owner is a pointer",
    ],
)
@pytest.mark.row("43", "44", "h7", "h8")
def test_6_1_1_a_malformed_opt_is_formerr_and_says_that_edns_is_known(
    served: DnsServerThread, transport: str, packet: bytes
) -> None:
    """FORMERR without OPT would mean a server without EDNS (RFC 6891, section 7)."""
    reply = ask(served, packet, transport)
    _, flags, *counts = struct.unpack("!6H", reply[:12])
    assert flags == 0x8000 | FORMERR
    assert counts == [1, 0, 0, 1]
    assert opt_of(reply) == (1232, 0, 0, 0, b"")


@both
@pytest.mark.parametrize("section", ["answer", "authority"])
@pytest.mark.row("44")
def test_6_1_1_opt_in_another_section_is_formerr(
    served: DnsServerThread, transport: str, section: str
) -> None:
    reply = ask(served, query(API_NAME, opt(), sections=section), transport)
    assert reply[3] & 0xF == FORMERR


@pytest.mark.parametrize(
    ("payload", "most"), [(0, 512), (100, 512), (511, 512), (512, 512), (700, 700), (1232, 1232),
                          (4096, 1232), (65535, 1232)],
)  # fmt: skip
@pytest.mark.row("42", "45")
def test_6_2_3_a_reply_keeps_to_the_clients_size_and_ours(
    served: DnsServerThread, payload: int, most: int
) -> None:
    """Less than 512 means 512; more than 1232 would be fragmented somewhere (RFC 9715)."""
    for name, kind in (
        (API_NAME, 33),
        (f"_why.{API_NAME}", 16),
        (f"many.payments.svc.{ZONE}", 1),
        (ZONE, 2),
    ):
        reply = ask(served, query(name, opt(payload), kind=kind), "udp")
        assert len(reply) <= most
        if reply[2] & 0x02:
            assert struct.unpack("!4H", reply[4:12]) == (1, 0, 0, 1)
            assert opt_of(reply)[0] == 1232
            whole = ask(served, query(name, opt(payload), kind=kind), "tcp")
            assert not whole[2] & 0x02
            assert len(whole) > most


@pytest.mark.row("45")
def test_7_a_reply_is_cut_only_where_it_does_not_fit(served: DnsServerThread) -> None:
    """At each size around the answer's own: whole, or without additional records."""
    name = f"seven.payments.svc.{ZONE}"
    whole = len(ask(served, query(name, opt(), kind=33), "tcp"))
    lean = len(ask(served, query(name, opt(512), kind=33), "udp"))
    assert lean <= 512 < whole <= 1232
    for payload in (whole - 1, whole, whole + 1):
        reply = ask(served, query(name, opt(payload), kind=33), "udp")
        assert len(reply) == (whole if payload >= whole else lean)


@both
@pytest.mark.row("67")
def test_rfc8906_8_no_client_gets_anothers_reply(served: DnsServerThread, transport: str) -> None:
    """The same question with and without EDNS, DO, options and RD, in turn and back again."""
    shapes = [
        query(API_NAME),
        query(API_NAME, opt()),
        query(API_NAME, opt(flags=0x8000)),
        query(API_NAME, opt(version=1)),
        query(API_NAME, opt(rdata=b"\0\x64\0\0")),
        query(API_NAME, opt(512)),
        query(API_NAME, opt(), opt()),
    ]
    first = [ask(served, shape, transport) for shape in shapes]
    for order in (range(len(shapes)), reversed(range(len(shapes)))):
        for index in order:
            assert ask(served, shapes[index], transport) == first[index]
    assert len({bytes(reply) for reply in first}) == 5


@pytest.mark.parametrize(
    ("name", "code"), [("example.com.", dns.edns.EDECode.NOT_AUTHORITATIVE), (".", 20)]
)
@pytest.mark.row("10")
def test_rfc8914_4_21_a_refusal_says_that_we_are_not_authoritative(
    served: DnsServerThread, name: str, code: int
) -> None:
    reply = served.ask(name, "A", use_edns=0)
    assert reply.rcode() == dns.rcode.REFUSED
    assert [(o.otype, o.code) for o in reply.options] == [(dns.edns.OptionType.EDE, code)]


@pytest.mark.parametrize("name", [API_NAME, f"nope.{ZONE}", ZONE, f"svc.{ZONE}", f"ns1.{ZONE}"])
@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.row("8")
def test_rfc8914_4_15_before_the_first_snapshot_nothing_is_said_but_not_ready(
    cold: DnsServerThread, name: str, tcp: bool
) -> None:
    """Never NXDOMAIN, never NODATA (I17)."""
    for kind in ("A", "SOA", "ANY", "TYPE666"):
        reply = cold.ask(name, kind, tcp=tcp, use_edns=0)
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert not reply.flags & dns.flags.AA
        assert not reply.answer
        assert not reply.authority
        assert [(o.otype, o.code) for o in reply.options] == [(15, 14)]
    assert cold.ask(name, "A", tcp=tcp).rcode() == dns.rcode.SERVFAIL


def test_rfc8914_4_15_what_is_not_ours_is_refused_before_the_first_snapshot_too(
    cold: DnsServerThread,
) -> None:
    assert cold.ask("example.com.", "A").rcode() == dns.rcode.REFUSED


@pytest.mark.row("7", "9")
def test_rfc8914_4_4_an_answer_that_is_not_validated_says_so(served: DnsServerThread) -> None:
    reply = served.ask(f"sick.payments.svc.{ZONE}", "A", use_edns=0)
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.answer[0].ttl <= 30
    (option,) = reply.options
    assert option.code == dns.edns.EDECode.STALE_ANSWER
    assert option.text == "fail-open: no endpoint is healthy"
    assert not served.ask(f"sick.payments.svc.{ZONE}", "A").options
