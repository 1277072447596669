"""RFC 2308, 4592, 8020, 8482, 8906, 2782: what exists, what has data, and what is said else."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from answer_samples import API_NAME, ZONE, table
from dns_server_thread import DnsServerThread

from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.settings import ServerSettings, UdpLoop

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
        # nothing validated yet: the name exists
        (f"new.payments.svc.{ZONE}", "A"),
        (f"new.payments.svc.{ZONE}", "TXT"),
        (f"api-4.{API_NAME}", "A"),
    ],
)
@pytest.mark.row("3")
def test_2_2_no_data_is_noerror_with_soa(
    served: DnsServerThread, tcp: bool, name: str, kind: str
) -> None:
    assert_no_data(served, name, kind, tcp=tcp)


@both
@pytest.mark.parametrize("name", [ZONE, API_NAME, f"svc.{ZONE}", f"api-1.{API_NAME}"])
@pytest.mark.row("18")
def test_rfc4035_3_1_a_zone_without_dnssec_has_no_data_of_it(
    served: DnsServerThread, tcp: bool, name: str
) -> None:
    """DS at the apex too (section 3.1.4.1): the parent has it, and we are not the parent."""
    for kind in ("DS", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY"):
        assert_no_data(served, name, kind, tcp=tcp)
    reply = served.ask(API_NAME, "A", tcp=tcp, want_dnssec=True)
    assert {rrset.rdtype for rrset in reply.answer} == {dns.rdatatype.A}, "no RRSIG beside it"


@both
@pytest.mark.row("h17")
def test_rfc8906_3_1_2_no_type_is_answered_otherwise_for_being_strange(
    served: DnsServerThread, tcp: bool
) -> None:
    """OPT, TKEY, TSIG, MAILA, MAILB, those for queries alone, and what nobody has assigned."""
    for kind in (0, 41, *range(128, 249, 8), 249, 250, 253, 254, 256, 0x8000, 0xFF00, 0xFFFF):
        assert_no_data(served, API_NAME, f"TYPE{kind}", tcp=tcp)
        absent = served.ask(f"nope.{ZONE}", f"TYPE{kind}", tcp=tcp)
        assert absent.rcode() == NXDOMAIN


@both
@pytest.mark.parametrize(
    "name",
    [
        f"svc.{ZONE}",
        f"payments.svc.{ZONE}",
        f"_tcp.{API_NAME}",
        f"_udp.{API_NAME}",
        f"region.{ZONE}",
        f"west.region.{ZONE}",
        f"svc.west.region.{ZONE}",
        f"payments.svc.west.region.{ZONE}",
        f"_tcp.api.payments.svc.west.region.{ZONE}",
    ],
)
@pytest.mark.row("6")
def test_rfc4592_2_2_2_a_name_between_exists_and_holds_nothing(
    served: DnsServerThread, tcp: bool, name: str
) -> None:
    """For whatever type (RFC 8020, section 2): else all below it would be denied with it."""
    for kind in ("A", "SRV", "TXT", "NS", "TYPE666", "ANY"):
        assert_no_data(served, name, kind, tcp=tcp)


def assert_no_data(server: DnsServerThread, name: str, kind: str, *, tcp: bool) -> None:
    """Twice: compiled, and from the table."""
    for _ in range(2):
        reply = server.ask(name, kind, tcp=tcp)
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


@both
@pytest.mark.row("5")
def test_5_the_soa_of_a_negative_answer_has_its_minimum_as_ttl(
    served: DnsServerThread, tcp: bool
) -> None:
    """RFC 2308, sections 3 and 5; and it is at most 5 s here (I30)."""
    for name in (f"nope.{ZONE}", f"nope.{API_NAME}", f"svc.{ZONE}"):
        for _ in range(2):
            (soa,) = served.ask(name, "A", tcp=tcp).authority
            assert soa.ttl == soa[0].minimum == 5
    (soa,) = served.ask(ZONE, "SOA", tcp=tcp).answer
    assert soa.ttl == soa[0].minimum


@pytest.mark.row("5")
def test_5_a_zone_with_another_negative_ttl_has_it_in_both_places(loop: UdpLoop) -> None:
    zone = ZoneSettings(ZONE, negative_ttl_seconds=2)
    made = table({"east": [], "west": []}, zone=zone)
    with DnsServerThread(made, settings=ServerSettings(udp_loop=loop)) as server:
        for tcp in (False, True):
            (soa,) = server.ask(f"nope.{ZONE}", "A", tcp=tcp).authority
            assert soa.ttl == soa[0].minimum == 2


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
