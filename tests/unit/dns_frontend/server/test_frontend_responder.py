"""The responder: its two ways agree, and a mistake of ours stops nothing."""

from __future__ import annotations

import struct

import dns.edns
import dns.message
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend import telemetry
from dns_frontend.plan.view import ClientRegions
from dns_frontend.server import clients
from dns_frontend.server.counters import Counters
from dns_frontend.server.responder import Responder
from dns_frontend.wire.table import AnswerTable

LOCAL = "127.0.0.1"
NAMES = [API_NAME, API_NAME.upper(), f"_http._tcp.{API_NAME}", f"many.payments.svc.{ZONE}"]


def warm() -> Responder:
    """A responder that has answered everything once, so that it is compiled."""
    many = [endpoint(f"n-{n}", f"10.3.0.{n + 1}") for n in range(90)]
    big = entry(*many, key=type(entry().key)("payments", "many"))
    answers = table({"east": [entry(endpoint("a"), endpoint("b")), big], "west": []})
    responder = Responder(answers)
    for name in NAMES:
        for kind in ("A", "SRV", "TXT"):
            responder.respond(dns.message.make_query(name, kind).to_wire(), LOCAL)
    return responder


WARM = warm()
HERE = WARM.clients.meet(LOCAL)
COOKIE = WARM.cookies.verify(LOCAL, b"12345678").reply
WARM.cookies.verify(LOCAL, COOKIE)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.sampled_from([1, 16, 33, 28, 255]),
    st.integers(0, 0xFFFF),
    st.sampled_from([1, 1, 1, 3, 255]),
    st.none()
    | st.tuples(
        st.sampled_from([0, 511, 512, 600, 1232, 4096, 65535]),
        st.integers(0, 0xFFFFFFFF) | st.sampled_from([0, 0x8000]),
        st.sampled_from(
            [
                b"",
                b"",
                b"\0\x64\0\0",
                b"\0",
                b"\0\x0a\0\x18" + COOKIE,
                b"\0\x0a\0\x18" + COOKIE,
                b"\0\x0a\0\x18" + COOKIE[:8] + bytes(16),
                b"\0\x0a\0\x08" + COOKIE[:8],
                b"\0\x0b\0\x18" + COOKIE,
                b"\0\x08\0\x07\0\1\x18\0\x0a\1\2",
            ]
        ),
    ),
    st.sampled_from([b"", b"", b"\0", b"trailing"]),
    st.booleans(),
)
def test_the_quick_way_gives_what_the_strict_way_gives(
    name: str,
    kind: int,
    flags: int,
    class_: int,
    opt: tuple[int, int, bytes] | None,
    rest: bytes,
    stream: bool,
) -> None:
    packet = struct.pack("!6H", 77, flags, 1, 0, 0, 1 if opt else 0)
    packet += dns.name.from_text(name).to_wire() + struct.pack("!HH", kind, class_)
    if opt:
        packet += struct.pack("!BHHIH", 0, 41, opt[0], opt[1], len(opt[2])) + opt[2]
    packet += rest
    quick = WARM.respond(packet, LOCAL, stream=stream)
    assert quick == WARM._strict(packet, HERE, stream)
    assert WARM.counters.faults == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 90))
def test_the_two_ways_agree_on_damaged_queries_as_well(noise: bytes, at: int) -> None:
    packet = dns.message.make_query(API_NAME, "A", id=5, use_edns=0, payload=1232).to_wire()
    packet = packet[:at] + noise + packet[at + len(noise) :]
    assert WARM.respond(packet, LOCAL) == WARM._strict(packet, HERE, False)
    assert WARM.counters.faults == 0


def test_the_usual_query_takes_the_quick_way() -> None:
    """Otherwise the two tests above would compare the strict way with itself."""
    for options in ({}, {"use_edns": 0, "payload": 1232}, {"use_edns": 0, "want_dnssec": True}):
        packet = dns.message.make_query(API_NAME, "A", **options).to_wire()  # type: ignore[arg-type]  # passed on as they are
        assert WARM._quick(packet, HERE, False) is not None
    known = dns.edns.GenericOption(10, COOKIE)
    packet = dns.message.make_query(API_NAME, "A", use_edns=0, options=[known]).to_wire()
    assert WARM._quick(packet, HERE, False) is not None


def test_a_mistake_of_ours_is_answered_servfail_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    responder = Responder(table({"east": [], "west": []}))

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AnswerTable, "find", fail)
    for _ in range(50):
        reply = responder.respond(dns.message.make_query(API_NAME, "A").to_wire(), LOCAL)
        assert reply is not None
        assert dns.message.from_wire(reply).rcode() == dns.rcode.SERVFAIL
    assert responder.counters.faults == 50


def test_everything_is_counted_once() -> None:
    responder = Responder(table({"east": [entry(endpoint("a"))], "west": []}))

    def send(name: str, kind: str = "A", *, stream: bool = False, opcode: int = 0) -> None:
        packet = bytearray(dns.message.make_query(name, kind).to_wire())
        packet[2] |= opcode << 3
        responder.respond(bytes(packet), LOCAL, stream=stream)

    for _ in range(2):
        send(API_NAME)
        send(API_NAME, stream=True)
        send(f"nope.{ZONE}")
        send("example.com.")
        send(API_NAME, opcode=2)
        responder.respond(b"\0" * 5, LOCAL)
    counters = responder.counters
    assert (counters.queries_udp, counters.queries_tcp, counters.dropped_reply) == (10, 2, 2)
    assert {row["rcode"]: count for count, row in counters.replies() if count} == {
        "noerror": 4,
        "nxdomain": 2,
        "refused": 2,
        "notimp": 2,
    }
    assert [count for count, row in counters.served() if row["mode"] == "normal"] == [4]
    assert "queries_udp=10" in repr(counters)


def test_the_counts_of_each_frontend_are_shown_as_its_own() -> None:
    one, other = Counters(), Counters()
    one.queries_udp, other.queries_udp = 3, 4
    withdrawals = one.show("dns-1"), other.show("dns-2")

    def shown() -> dict[str, float]:
        return {
            row["frontend"]: value
            for reading in telemetry._readings[telemetry.QUERIES]
            for value, row in reading()
            if row["transport"] == "udp" and row["frontend"] in ("dns-1", "dns-2")
        }

    assert shown() == {"dns-1": 3, "dns-2": 4}
    for withdraw in withdrawals:
        withdraw()
    assert shown() == {}


def test_the_regions_of_clients_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "CLIENTS_KEPT", 10)
    responder = Responder(
        table({"east": [entry(endpoint("a"))], "west": []}), ClientRegions([("10.0.0.0/8", "west")])
    )
    packet = dns.message.make_query(API_NAME, "A").to_wire()
    for n in range(100):
        assert responder.respond(packet, f"10.0.0.{n}") is not None
    assert len(responder.clients._known) <= 10
