"""RFC 2308, 4592, 8020, 8482, 8906, 2782: what exists, what has data, and what is said else."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from answer_samples import API_NAME, ZONE
from dns_server_thread import DnsServerThread

NOERROR, NXDOMAIN = dns.rcode.NOERROR, dns.rcode.NXDOMAIN

WEST = f"api.payments.svc.west.region.{ZONE}"
SOA_TEXT = f"{ZONE} 5 IN SOA ns1.{ZONE} hostmaster.{ZONE} 2 3600 600 86400 5"
both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


def lines(section: list[object]) -> list[str]:
    return sorted(line for rrset in section for line in str(rrset).splitlines())


@both
@pytest.mark.parametrize(
    ("name", "kind", "answer", "additional"),
    [
        (ZONE, "SOA", [SOA_TEXT], []),
        (ZONE, "NS", [f"{ZONE} 60 IN NS ns1.{ZONE}"], [f"ns1.{ZONE} 60 IN A 127.0.0.1"]),
        (f"ns1.{ZONE}", "A", [f"ns1.{ZONE} 60 IN A 127.0.0.1"], []),
        (API_NAME, "A", [f"{API_NAME} 10 IN A 10.0.0.1", f"{API_NAME} 10 IN A 10.0.0.2"], []),
        (API_NAME, "AAAA", [f"{API_NAME} 10 IN AAAA 2001:db8::1"], []),
        (
            API_NAME,
            "TXT",
            [
                f'{API_NAME} 10 IN TXT "instance=api-1" "version=1.2"',
                f'{API_NAME} 10 IN TXT "instance=api-2"',
            ],
            [],
        ),
        (
            f"_grpc._tcp.{API_NAME}",
            "SRV",
            [
                f"_grpc._tcp.{API_NAME} 10 IN SRV 10 100 9090 api-1.{API_NAME}",
                f"_grpc._tcp.{API_NAME} 10 IN SRV 10 100 9090 api-2.{API_NAME}",
                f"_grpc._tcp.{API_NAME} 10 IN SRV 11 100 9090 api-1.{WEST}",
                f"_grpc._tcp.{API_NAME} 10 IN SRV 11 100 9090 api-9.{API_NAME}",
            ],
            [
                f"api-1.{API_NAME} 10 IN A 10.0.0.1",
                f"api-1.{API_NAME} 10 IN AAAA 2001:db8::1",
                f"api-2.{API_NAME} 10 IN A 10.0.0.2",
                f"api-1.{WEST} 10 IN A 10.2.0.1",
                f"api-9.{API_NAME} 10 IN A 10.2.0.9",
            ],
        ),
        (
            f"_gossip._udp.{API_NAME}",
            "SRV",
            [f"_gossip._udp.{API_NAME} 10 IN SRV 10 100 7946 api-2.{API_NAME}"],
            [f"api-2.{API_NAME} 10 IN A 10.0.0.2"],
        ),
        (f"api-1.{API_NAME}", "A", [f"api-1.{API_NAME} 10 IN A 10.0.0.1"], []),
        (f"api-1.{API_NAME}", "AAAA", [f"api-1.{API_NAME} 10 IN AAAA 2001:db8::1"], []),
        (
            f"api.payments.svc.west.region.{ZONE}",
            "A",
            [
                f"api.payments.svc.west.region.{ZONE} 10 IN A 10.2.0.1",
                f"api.payments.svc.west.region.{ZONE} 10 IN A 10.2.0.9",
            ],
            [],
        ),
        (
            f"_http._tcp.api.payments.svc.west.region.{ZONE}",
            "SRV",
            [
                f"_http._tcp.api.payments.svc.west.region.{ZONE} 10 IN SRV 10 100 8080 "
                f"api-{n}.api.payments.svc.west.region.{ZONE}"
                for n in (1, 9)
            ],
            [f"api-{n}.api.payments.svc.west.region.{ZONE} 10 IN A 10.2.0.{n}" for n in (1, 9)],
        ),
        (
            f"sick.payments.svc.{ZONE}",
            "A",
            [f"sick.payments.svc.{ZONE} 5 IN A 10.0.9.2"],
            [],
        ),
    ],
)
@pytest.mark.row("1", "2", "13")
def test_rfc8906_4_the_names_of_the_zone_answer(
    served: DnsServerThread,
    tcp: bool,
    name: str,
    kind: str,
    answer: list[str],
    additional: list[str],
) -> None:
    for _ in range(2):  # compiled, and from the table
        reply = served.ask(name, kind, tcp=tcp, use_edns=0, payload=1232)
        assert reply.rcode() == NOERROR
        assert reply.flags & dns.flags.AA
        assert lines(reply.answer) == sorted(answer)
        assert not reply.authority
        assert lines(reply.additional) == sorted(additional)


@both
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        # no data of the type (RFC 2308, section 2.2)
        (API_NAME, "TYPE666"),
        (API_NAME, "HTTPS"),
        (API_NAME, "TYPE65280"),
        (API_NAME, "MX"),
        (API_NAME, "CNAME"),
        (API_NAME, "SOA"),
        (API_NAME, "NS"),
        (API_NAME, "MAILB"),
        (API_NAME, "TKEY"),
        (f"v4.payments.svc.{ZONE}", "AAAA"),
        (f"v4.payments.svc.{ZONE}", "SRV"),
        (f"api-2.{API_NAME}", "AAAA"),
        (f"_grpc._tcp.{API_NAME}", "A"),
        (f"_why.{API_NAME}", "A"),
        (ZONE, "A"),
        (ZONE, "MX"),
        (f"ns1.{ZONE}", "AAAA"),
        # no data of DNSSEC in a zone without it (RFC 4035, section 3.1.4.1 for DS)
        (ZONE, "DS"),
        (ZONE, "DNSKEY"),
        (ZONE, "NSEC"),
        (API_NAME, "RRSIG"),
        # nothing validated yet: the name exists
        (f"new.payments.svc.{ZONE}", "A"),
        (f"new.payments.svc.{ZONE}", "TXT"),
        (f"api-4.{API_NAME}", "A"),
        # empty non-terminals (RFC 4592, section 2.2.2; RFC 8020, section 2)
        (f"svc.{ZONE}", "A"),
        (f"payments.svc.{ZONE}", "A"),
        (f"_tcp.{API_NAME}", "SRV"),
        (f"_udp.{API_NAME}", "A"),
        (f"region.{ZONE}", "A"),
        (f"west.region.{ZONE}", "A"),
        (f"svc.west.region.{ZONE}", "A"),
        (f"payments.svc.west.region.{ZONE}", "TXT"),
        (f"_tcp.api.payments.svc.west.region.{ZONE}", "A"),
    ],
)
@pytest.mark.row("3", "18", "h17")
def test_2_2_no_data_is_noerror_with_soa(
    served: DnsServerThread, tcp: bool, name: str, kind: str
) -> None:
    for _ in range(2):
        reply = served.ask(name, kind, tcp=tcp)
        assert reply.rcode() == NOERROR
        assert reply.flags & dns.flags.AA
        assert not reply.answer
        assert lines(reply.authority) == [SOA_TEXT]
        assert not reply.additional


@both
@pytest.mark.parametrize(
    "name",
    [
        f"nope.{ZONE}",
        f"ns2.{ZONE}",
        f"x.ns1.{ZONE}",
        f"api.nope.svc.{ZONE}",
        f"nope.svc.{ZONE}",
        f"nope.payments.svc.{ZONE}",
        f"gone.payments.svc.{ZONE}",
        f"_why.gone.payments.svc.{ZONE}",
        f"nope.{API_NAME}",
        f"_nope._tcp.{API_NAME}",
        f"_http._udp.{API_NAME}",
        f"_udp.v4.payments.svc.{ZONE}",
        f"x.api-1.{API_NAME}",
        f"nope.region.{ZONE}",
        f"api.payments.svc.nope.region.{ZONE}",
        f"v4.payments.svc.west.region.{ZONE}",
        f"api-2.api.payments.svc.west.region.{ZONE}",
        f"*.payments.svc.{ZONE}",
    ],
)
@pytest.mark.parametrize("kind", ["A", "TYPE666", "ANY"])
@pytest.mark.row("4")
def test_2_1_an_absent_name_is_nxdomain_with_soa_for_every_type(
    served: DnsServerThread, tcp: bool, name: str, kind: str
) -> None:
    reply = served.ask(name, kind, tcp=tcp)
    assert reply.rcode() == NXDOMAIN
    assert reply.flags & dns.flags.AA
    assert not reply.answer
    assert lines(reply.authority) == [SOA_TEXT]


@pytest.mark.row("5")
def test_5_the_soa_of_a_negative_answer_has_its_minimum_as_ttl(served: DnsServerThread) -> None:
    """RFC 2308, sections 3 and 5; and it is at most 5 s here (I30)."""
    for name in (f"nope.{ZONE}", f"svc.{ZONE}"):
        (soa,) = served.ask(name, "A").authority
        assert soa.ttl == soa[0].minimum == 5
    (soa,) = served.ask(ZONE, "SOA").answer
    assert soa.ttl == soa[0].minimum


@pytest.mark.row("6")
def test_rfc8020_2_nothing_exists_below_what_does_not(served: DnsServerThread) -> None:
    for name in ("payments.svc", "nope.svc", "west.region", "nope.region", "x.y.z.svc"):
        exists = served.ask(f"{name}.{ZONE}", "A").rcode() == NOERROR
        below = served.ask(f"zzz.{name}.{ZONE}", "A").rcode() == NOERROR
        assert exists or not below


@both
@pytest.mark.parametrize(
    ("name", "kind"),
    [(API_NAME, "A"), (ZONE, "SOA"), (f"_http._tcp.{API_NAME}", "SRV"), (f"svc.{ZONE}", None)],
)
@pytest.mark.row("17")
def test_rfc8482_4_1_any_is_answered_with_one_set(
    served: DnsServerThread, tcp: bool, name: str, kind: str | None
) -> None:
    for _ in range(2):
        reply = served.ask(name, "ANY", tcp=tcp, use_edns=0, payload=1232)
        assert reply.rcode() == NOERROR
        assert [dns.rdatatype.to_text(rrset.rdtype) for rrset in reply.answer] == (
            [kind] if kind else []
        )


@pytest.mark.row("2")
def test_rfc2181_5_2_all_records_of_a_set_have_one_ttl_and_none_is_twice(
    served: DnsServerThread,
) -> None:
    for name, kind in ((API_NAME, "A"), (API_NAME, "SRV"), (API_NAME, "TXT")):
        reply = served.ask(name, kind, tcp=True)
        (rrset,) = reply.answer
        raw = served.tcp(reply_query(name, kind))
        assert raw is not None
        # dnspython drops duplicates and unequal TTLs: the count is that of the message
        assert struct.unpack("!H", raw[6:8])[0] == len(rrset)


def reply_query(name: str, kind: str) -> bytes:
    return dns.message.make_query(name, kind).to_wire()


@pytest.mark.row("13")
def test_rfc2782_the_targets_have_addresses_and_are_no_aliases(served: DnsServerThread) -> None:
    reply = served.ask(API_NAME, "SRV", use_edns=0, payload=1232)
    targets = {record.target for record in reply.answer[0]}
    for target in targets:
        direct = served.ask(str(target), "A")
        assert direct.rcode() == NOERROR
        assert [rrset.rdtype for rrset in direct.answer] == [dns.rdatatype.A]
        beside = reply.get_rrset(reply.additional, target, 1, dns.rdatatype.A)
        assert beside == direct.answer[0]


@pytest.mark.row("13")
def test_rfc2782_additional_addresses_are_left_out_where_they_do_not_fit(
    served: DnsServerThread,
) -> None:
    """RFC 2181, section 9: that is no truncation."""
    name = f"seven.payments.svc.{ZONE}"
    full = served.ask(name, "SRV", use_edns=0, payload=1232)
    small = served.ask(name, "SRV", use_edns=0, payload=512)
    assert full.additional
    assert small.answer == full.answer
    assert not small.additional
    assert not small.flags & dns.flags.TC


@pytest.mark.row("62")
def test_a_set_too_large_for_any_message_is_cut_to_what_fits(served: DnsServerThread) -> None:
    """600 records of SRV with their names fit a TCP message; the answer stays whole."""
    reply = served.ask(f"many.payments.svc.{ZONE}", "SRV", tcp=True)
    assert len(reply.answer[0]) == 600


def test_why_tells_generation_mode_and_each_endpoint(served: DnsServerThread) -> None:
    reply = served.ask(f"_why.{API_NAME}", "TXT", tcp=True)
    told = "\n".join(b"".join(record.strings).decode() for record in reply.answer[0])
    assert "service=payments/api view=east mode=normal region=east rule=stands_in ttl=10" in told
    assert "cell=east region=east generation=1" in told
    assert "endpoint=api-1 region=east answer=in health=healthy" in told
    assert "endpoint=api-3 region=east answer=out health=unhealthy" in told
    assert "endpoint=api-4 region=east answer=out health=unknown" in told
    assert "endpoint=api-9 region=west answer=out health=healthy" in told
    assert all(len(string) <= 255 for record in reply.answer[0] for string in record.strings)


EVERY_KIND_OF_NAME = [
    ZONE,
    f"ns1.{ZONE}",
    f"svc.{ZONE}",
    f"payments.svc.{ZONE}",
    API_NAME,
    f"_tcp.{API_NAME}",
    f"_http._tcp.{API_NAME}",
    f"api-1.{API_NAME}",
    f"_why.{API_NAME}",
    f"west.region.{ZONE}",
    f"api.payments.svc.west.region.{ZONE}",
]


@both
@pytest.mark.row("12")
@pytest.mark.parametrize("name", EVERY_KIND_OF_NAME)
def test_rfc1034_4_3_2_the_zone_has_no_aliases(
    served: DnsServerThread, tcp: bool, name: str
) -> None:
    """So no chain has to be followed, and none is tailored (RFC 7871, section 7.2.1)."""
    for kind in ("CNAME", "DNAME", "A", "ANY", "SRV"):
        reply = served.ask(name, kind, tcp=tcp, use_edns=0, payload=1232)
        assert reply.rcode() == NOERROR
        for rrset in [*reply.answer, *reply.additional]:
            assert rrset.rdtype not in (dns.rdatatype.CNAME, dns.rdatatype.DNAME)
        if kind in ("CNAME", "DNAME"):
            assert not reply.answer
            assert lines(reply.authority) == [SOA_TEXT]


@both
@pytest.mark.row("16")
@pytest.mark.parametrize("name", EVERY_KIND_OF_NAME)
def test_rfc1034_4_2_1_the_zone_has_no_delegations(
    served: DnsServerThread, tcp: bool, name: str
) -> None:
    """All below the apex is answered with authority; NS is nowhere but at the apex."""
    for asked in (name, f"deep.below.{name}"):
        for kind in ("NS", "A", "DS"):
            reply = served.ask(asked, kind, tcp=tcp)
            assert reply.flags & dns.flags.AA
            assert [r.rdtype for r in reply.authority] in ([], [dns.rdatatype.SOA])
            if kind == "NS":
                assert bool(reply.answer) == (asked == ZONE)
