"""The parser: agrees with an independent one on sound queries, survives everything else."""

from __future__ import annotations

import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.wire.request import Edns, Verdict, parse

labels = st.lists(st.binary(min_size=1, max_size=63), max_size=6).filter(
    lambda made: sum(len(label) + 1 for label in made) < 255
)


@given(
    labels,
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.none()
    | st.tuples(
        st.integers(0, 65535),
        st.booleans(),
        st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=40)), max_size=4),
    ),
)
def test_a_sound_query_is_read_as_it_was_made(
    name: list[bytes],
    kind: int,
    class_: int,
    edns: tuple[int, bool, list[tuple[int, bytes]]] | None,
) -> None:
    wire_name = dns.name.Name([*name, b""]).to_wire()
    packet = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 1 if edns else 0)
    packet += wire_name + struct.pack("!HH", kind, class_)
    if edns:
        payload, dnssec_ok, options = edns
        rdata = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in options)
        flags = 0x8000 if dnssec_ok else 0
        packet += struct.pack("!BHHIH", 0, 41, payload, flags, len(rdata)) + rdata
    request = parse(packet)
    assert request is not None
    assert request.verdict is Verdict.WELL_FORMED
    assert request.question == wire_name + struct.pack("!HH", kind, class_)
    assert request.name == wire_name.lower()
    assert (request.type, request.class_) == (kind, class_)
    expected = Edns(edns[0], 0, edns[1], tuple(edns[2])) if edns else None
    assert request.edns == expected


def test_what_dnspython_makes_is_read() -> None:
    cookie = dns.edns.GenericOption(10, b"12345678")
    packet = dns.message.make_query(
        "Api.Payments.svc.anchor.internal.", "SRV", use_edns=0, payload=4096, options=[cookie],
        want_dnssec=True,
    ).to_wire()  # fmt: skip
    request = parse(packet)
    assert request is not None
    assert request.edns == Edns(4096, 0, True, ((10, b"12345678"),))
    assert request.name == dns.name.from_text("api.payments.svc.anchor.internal.").to_wire()


@settings(max_examples=400)
@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(packet: bytes) -> None:
    request = parse(packet)
    if len(packet) < 12 or packet[2] & 0x80:
        assert request is None
    else:
        assert request is not None


@settings(max_examples=400)
@given(
    st.tuples(*[st.integers(0, 3)] * 4),
    st.lists(
        st.sampled_from(
            [b"\0", b"\3api", b"\xc0\x0c", b"\xc0\xff", b"\0\x29", b"\0\1", b"\xff", b"\0\0\0\0"]
        ),
        max_size=30,
    ).map(b"".join),
)
def test_no_arrangement_of_plausible_parts_makes_it_raise(
    counts: tuple[int, int, int, int], rest: bytes
) -> None:
    request = parse(struct.pack("!6H", 1, 0, *counts) + rest)
    assert request is not None
    if request.verdict is Verdict.WELL_FORMED:
        # an independent parser finds a question there too
        dns.message.from_wire(
            struct.pack("!6H", 1, 0, 1, 0, 0, 0) + request.question, question_only=True
        )


@pytest.mark.parametrize(
    "rest",
    [
        b"\xc0\x0c" * 32_000,
        b"\0\0\x29" * 21_000,
        b"\0\0\1\0\1\0\0\0\0\0\0" * 5_900,
        b"\1a" * 32_000,
        b"\0\0\x29\4\xd0\0\0\0\0\xff\xf0" + b"\0\1\0\0" * 16_000,
    ],
)
def test_the_longest_message_costs_milliseconds(rest: bytes) -> None:
    packet = struct.pack("!6H", 1, 0, 1, 0, 0, 65535) + b"\0\0\1\0\1" + rest
    started = time.process_time()
    assert parse(packet[:65535]) is not None
    assert time.process_time() - started < 0.25
