"""RFC 5001, 7828, 4892, 8945: who the server is, how long it waits, and whose key it has not."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import dns.name
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import pytest
from answer_samples import API_NAME, ZONE, example
from dns_messages import KEEPALIVE, NSID, answers, message, opt, option, options_of, parsed
from dns_server_thread import DnsServerThread

from dns_frontend.server.limits import TcpLimits
from dns_frontend.server.settings import ServerSettings, UdpLoop

FORMERR, REFUSED, NOTAUTH = 1, 5, 9
both = pytest.mark.parametrize("transport", ["udp", "tcp"])


@pytest.fixture(scope="module")
def named(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """A server that tells its name."""
    settings = ServerSettings(
        server_name="dns-east-1", identity=True, udp_loop=loop, tcp=TcpLimits(idle_seconds=7.5)
    )
    with DnsServerThread(example(), settings=settings) as server:
        yield server


def send(server: DnsServerThread, transport: str, packet: bytes) -> bytes:
    reply = server.udp(packet) if transport == "udp" else server.tcp(packet)
    assert reply is not None
    return reply


@both
@pytest.mark.row("57")
@pytest.mark.parametrize("data", [b"", b"who are you"])
@pytest.mark.parametrize("name", [API_NAME, f"nope.{ZONE}", "example.com."])
def test_2_2_nsid_is_told_to_who_asks(
    named: DnsServerThread, served: DnsServerThread, transport: str, data: bytes, name: str
) -> None:
    """Whatever the option holds (section 2.1 wants it empty); a server without name has none."""
    packet = message(name, 1, opt(option(NSID, data)))
    assert options_of(send(named, transport, packet))[NSID] == b"dns-east-1"
    assert NSID not in options_of(send(named, transport, message(name, 1, opt())))
    assert NSID not in options_of(send(served, transport, packet))


@pytest.mark.row("58")
def test_rfc7828_3_3_2_keepalive_tells_the_timeout_over_tcp(named: DnsServerThread) -> None:
    """In units of 100 ms; a client that tells one itself is mistaken (section 3.2.1)."""
    packet = message(API_NAME, 1, opt(option(KEEPALIVE)))
    assert options_of(named.tcp(packet))[KEEPALIVE] == struct.pack("!H", 75)
    assert KEEPALIVE not in options_of(named.tcp(message(API_NAME, 1, opt())))
    wrong = message(API_NAME, 1, opt(option(KEEPALIVE, b"\0\x10")))
    assert parsed(named.tcp(wrong)).rcode() == FORMERR


@pytest.mark.row("58")
@pytest.mark.parametrize("data", [b"", b"\0\x10", b"x"])
def test_rfc7828_3_3_1_keepalive_over_udp_is_ignored(named: DnsServerThread, data: bytes) -> None:
    reply = named.udp(message(API_NAME, 1, opt(option(KEEPALIVE, data))))
    assert options_of(reply) == {}
    assert len(answers(reply)) == 2


@both
@pytest.mark.row("25", "h16")
@pytest.mark.parametrize("name", ["version.bind.", "id.server.", "hostname.bind.", "VERSION.bind."])
def test_rfc4892_3_the_server_says_who_it_is_only_where_that_is_wanted(
    named: DnsServerThread, served: DnsServerThread, transport: str, name: str
) -> None:
    packet = message(name, 16, class_=3)
    assert parsed(send(served, transport, packet)).rcode() == REFUSED
    (told,) = answers(send(named, transport, packet))
    assert told == '"dns-east-1"' or told.startswith('"sheetanchor ')
    other = parsed(send(named, transport, message("nope.bind.", 16, class_=3)))
    assert other.rcode() == REFUSED
    # in class IN these are names like any other
    assert parsed(send(named, transport, message(name, 16))).rcode() == REFUSED


def signed(name: str, *, edns: bool) -> bytes:
    query = dns.message.make_query(name, "A", use_edns=0 if edns else -1)
    keyring = dns.tsigkeyring.from_text({"their.key.": "c2VjcmV0c2VjcmV0"})
    query.use_tsig(keyring, "their.key.", original_id=0x4242)
    return query.to_wire()


@both
@pytest.mark.row("60")
@pytest.mark.parametrize("edns", [False, True])
@pytest.mark.parametrize("name", [API_NAME, f"nope.{ZONE}"])
def test_rfc8945_5_2_1_a_key_that_is_not_ours_is_badkey_and_nothing_is_signed(
    served: DnsServerThread, transport: str, edns: bool, name: str
) -> None:
    """Section 5.3.2: the reply has a TSIG record that holds the error and no MAC."""
    packet = signed(name, edns=edns)
    reply = send(served, transport, packet)
    head = struct.unpack("!6H", reply[:12])
    assert head[1] & 0x840F == 0x8000 | NOTAUTH, "no AA: nothing is answered"
    assert head[2:] == (1, 0, 0, 2 if edns else 1)
    key = dns.name.from_text("their.key.").to_wire()
    start = reply.index(key)
    kind, class_, ttl, length = struct.unpack_from("!HHIH", reply, start + len(key))
    assert (kind, class_, ttl) == (250, 255, 0)
    assert start + len(key) + 10 + length == len(reply), "TSIG is the last record"
    rdata = reply[-length:]
    algorithm = dns.tsig.default_algorithm.to_wire()
    asked = packet[packet.rindex(algorithm) :]
    assert rdata.startswith(asked[: len(algorithm) + 8]), "algorithm, time and fudge as asked"
    assert rdata[len(algorithm) + 8 :] == struct.pack("!HHHH", 0, 0x4242, 17, 0)


@both
@pytest.mark.row("60")
def test_rfc8945_5_1_a_malformed_signature_is_formerr(
    served: DnsServerThread, transport: str
) -> None:
    """Not the last record, two of them, cut, and with a compressed name."""
    whole = signed(API_NAME, edns=False)
    record = whole[whole.index(dns.name.from_text("their.key.").to_wire()) :]
    question = message(API_NAME, 1)
    for records in (
        (record, opt()),
        (record, record),
        (record[:11] + b"\0\xfa\0\xff\0\0\0\0\0\4abcd",),
        (b"\xc0\x0c" + record[11:],),
    ):
        packet = bytearray(question + b"".join(records))
        packet[11] = len(records)
        reply = parsed(send(served, transport, bytes(packet)))
        assert reply.rcode() == FORMERR
