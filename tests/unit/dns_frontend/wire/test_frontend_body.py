"""Compiled bodies, read back by an independent parser."""

from __future__ import annotations

import dns.message
import dns.name
import dns.rrset
import pytest

from dns_frontend.plan.answer import RecordSet, RecordType, strings
from dns_frontend.plan.target import Target
from dns_frontend.wire.body import Body, Encoder, wire_name

ZONE = ("anchor", "internal")
NAME = ("api", "payments", "svc")


def read(body: Body | None, owner: tuple[str, ...] = NAME, kind: int = 1) -> dns.message.Message:
    assert body is not None
    question = wire_name((*owner, *ZONE)) + kind.to_bytes(2, "big") + b"\0\1"
    return dns.message.from_wire(b"\0\1" + body.full_heads[0] + question + body.full)


def encode(kind: RecordType, *data: object, ttl: int = 10) -> Body | None:
    records = RecordSet(NAME, kind, ttl, data)  # type: ignore[arg-type]  # data of any type of record
    return Encoder(ZONE).positive(NAME, records)


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (RecordType.A, "192.0.2.7", "192.0.2.7"),
        (RecordType.AAAA, "2001:db8::7", "2001:db8::7"),
        (RecordType.AAAA, "::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        (RecordType.TXT, (b"a=1", b"b=2"), '"a=1" "b=2"'),
        (
            RecordType.SRV,
            Target(0, 65535, 8080, ("api-1", *NAME)),
            "0 65535 8080 api-1.api.payments.svc.anchor.internal.",
        ),
    ],
)
def test_each_type_of_record(kind: RecordType, data: object, text: str) -> None:
    (rrset,) = read(encode(kind, data), kind=kind).answer
    assert str(rrset) == f"api.payments.svc.anchor.internal. 10 IN {kind.name} {text}"


@pytest.mark.parametrize("bad", ["", "192.0.2", "192.0.2.256", "2001:db8::1", "localhost", "::1%0"])
def test_data_without_a_wire_form_is_left_out_and_harms_no_other(bad: str) -> None:
    (rrset,) = read(encode(RecordType.A, bad, "192.0.2.7")).answer
    assert [str(record) for record in rrset] == ["192.0.2.7"]
    assert encode(RecordType.A, bad) is None


@pytest.mark.parametrize("target", [Target(70000, 1, 1, NAME), Target(1, 1, -1, NAME)])
def test_numbers_that_do_not_fit_are_left_out(target: Target) -> None:
    assert encode(RecordType.SRV, target) is None


def test_additional_owners_compress_against_the_question() -> None:
    records = RecordSet(NAME, RecordType.SRV, 10, (Target(1, 1, 80, ("api-1", *NAME)),))
    additional = [
        RecordSet(("api-1", *NAME), RecordType.A, 10, ("192.0.2.1",)),
        RecordSet(("x", "region"), RecordType.A, 10, ("192.0.2.2",)),
        RecordSet(NAME, RecordType.A, 10, ("192.0.2.3",)),
    ]
    body = Encoder(ZONE).positive(NAME, records, additional)
    message = read(body, kind=33)
    assert [str(rrset.name) for rrset in message.additional] == [
        "api-1.api.payments.svc.anchor.internal.",
        "x.region.anchor.internal.",
        "api.payments.svc.anchor.internal.",
    ]
    assert body is not None
    assert b"\5api-1\xc0\x0c" in body.full
    assert body.full.startswith(body.lean)


def test_a_set_that_no_message_holds_is_cut_to_its_first_records() -> None:
    targets = [Target(1, 1, 80, (f"instance-number-{n:04d}", *NAME)) for n in range(2000)]
    body = encode(RecordType.SRV, *targets)
    message = read(body, kind=33)
    (rrset,) = message.answer
    assert 500 < len(rrset) < 2000
    assert body is not None
    assert len(body.full) < 65_535 - 512 - 50
    names = sorted(str(record.target) for record in rrset)
    assert names[0].startswith("instance-number-0000.")
    assert names[-1].startswith(f"instance-number-{len(rrset) - 1:04d}.")


def test_the_soa_of_a_denial_points_into_the_question() -> None:
    owner = ("nope", "svc")
    offset = 12 + sum(len(label) + 1 for label in owner)
    tail = Encoder(ZONE).authority(offset, 77, 5)
    message = read(Body(3, authority=tail, authorities=1), owner)
    assert str(message.authority[0]) == (
        "anchor.internal. 5 IN SOA ns1.anchor.internal. hostmaster.anchor.internal."
        " 77 3600 600 86400 5"
    )


def test_names_that_are_none_are_refused() -> None:
    for labels in [("",), ("x" * 64,), ("x" * 60,) * 5, ("ä",)]:
        with pytest.raises(ValueError):
            wire_name(labels)


def test_long_text_is_split_between_characters() -> None:
    text = "key=" + "ä" * 300
    parts = strings(text)
    assert b"".join(parts).decode() == text
    assert all(0 < len(part) <= 255 and part.decode() for part in parts)
    assert strings("") == (b"",)
    assert strings("x" * 255) == (b"x" * 255,)
    assert strings("x" * 256) == (b"x" * 255, b"x")
