"""RFC 1034, sections 4.2.1 and 4.3.2 (with 2181, 2782, 7871, 9460, 9471): no aliases, no zone cuts.

The zone has neither, by design: names come from the registry, which has addresses. So the
steps of section 4.3.2 that follow an alias or a delegation have nothing to act on. What a
resolver relies on is shown for every kind of name: whatever is told is owned by the name that
was asked, nothing points at an alias, and there is authority everywhere below the apex.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import dns.message
import dns.name
import dns.rdatatype
import pytest
from answer_samples import API_NAME, HTTP, ZONE, Port, endpoint, entry, table
from dns_messages import SUBNET, message, opt, option
from dns_server_thread import DnsServerThread

from dns_frontend.plan.answer import RecordType
from dns_frontend.plan.entry import Protocol
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.settings import ServerSettings, UdpLoop

both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
CNAME, DNAME, NS, SOA = (
    dns.rdatatype.CNAME,
    dns.rdatatype.DNAME,
    dns.rdatatype.NS,
    dns.rdatatype.SOA,
)
WEST = f"api.payments.svc.west.region.{ZONE}"
REVERSE = "10.in-addr.arpa."
NAMES = [
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
    WEST,
    f"api-1.{WEST}",
    REVERSE,
    f"1.0.0.{REVERSE}",
    f"0.0.{REVERSE}",
]
KINDS = ["A", "AAAA", "CNAME", "DNAME", "NS", "SRV", "SVCB", "HTTPS", "TXT", "PTR", "SOA", "ANY"]


@pytest.fixture(scope="module")
def crossed(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """Two regions and a reverse zone, answers tailored to what a forwarder says of its clients."""
    ports = (HTTP, Port("https", 8443, Protocol.TCP))
    cells = {
        "east": [entry(endpoint("api-1", "10.0.0.1", "2001:db8::1", ports=ports))],
        "west": [entry(endpoint("api-1", "10.2.0.1", ports=ports))],
    }
    made = table(cells, zone=ZoneSettings(ZONE, reverse_networks=("10.0.0.0/8",)))
    settings = ServerSettings(trusted_forwarders=("127.0.0.1/32",), udp_loop=loop)
    regions = ClientRegions([("203.0.113.0/24", "west")])
    with DnsServerThread(made, regions=regions, settings=settings) as server:
        yield server


def replies(
    server: DnsServerThread, name: str, kind: str, tcp: bool
) -> Iterator[dns.message.Message]:
    """As anybody is answered, and as a client is whose network the resolver tells."""
    subnet = opt(option(SUBNET, b"\0\1\x18\0\xcb\0\x71"))
    for record in (opt(), subnet):
        packet = message(name, dns.rdatatype.from_text(kind), record)
        reply = server.tcp(packet) if tcp else server.udp(packet)
        assert reply is not None
        yield dns.message.from_wire(reply)


@both
@pytest.mark.row("12")
@pytest.mark.parametrize("name", NAMES)
def test_4_3_2_every_answer_is_owned_by_the_name_that_was_asked(
    crossed: DnsServerThread, tcp: bool, name: str
) -> None:
    """No CNAME stands before it, no chain follows; a tailored answer has none to begin with
    (RFC 7871, section 7.2.1). Who asks for an alias is told that there is none."""
    for kind in KINDS:
        for reply in replies(crossed, name, kind, tcp):
            assert reply.rcode() == 0
            assert {rrset.name for rrset in reply.answer} <= {dns.name.from_text(name)}
            for rrset in (*reply.answer, *reply.authority, *reply.additional):
                assert rrset.rdtype not in (CNAME, DNAME)
            if kind in ("CNAME", "DNAME"):
                assert not reply.answer
                assert [rrset.rdtype for rrset in reply.authority] == [SOA]
            elif kind != "ANY":
                assert {dns.rdatatype.to_text(rrset.rdtype) for rrset in reply.answer} <= {kind}


@both
@pytest.mark.row("12", "13")
def test_rfc2181_10_3_nothing_points_at_an_alias(crossed: DnsServerThread, tcp: bool) -> None:
    """NS, the primary of SOA, PTR, and the targets of SRV, SVCB and HTTPS (RFC 2782, "Target")."""
    found: set[dns.name.Name] = set()
    for name in NAMES:
        for kind in ("NS", "SOA", "PTR", "SRV", "SVCB", "HTTPS"):
            for reply in replies(crossed, name, kind, tcp):
                for rrset in reply.answer:
                    for record in rrset:
                        found.add(getattr(record, "mname" if kind == "SOA" else "target"))
    assert len(found) >= 4
    for target in found:
        reply = crossed.ask(str(target), "A", tcp=tcp)
        assert [(rrset.name, rrset.rdtype) for rrset in reply.answer] == [(target, 1)]


@pytest.mark.row("12", "16")
def test_4_3_2_no_alias_and_no_zone_cut_can_be_compiled() -> None:
    """The types that have content here, of which NS is told at the apex alone (below)."""
    assert {kind.name for kind in RecordType} == {
        "A", "AAAA", "NS", "SOA", "PTR", "TXT", "SRV", "SVCB", "HTTPS",
    }  # fmt: skip


@both
@pytest.mark.row("16")
@pytest.mark.parametrize("name", NAMES)
def test_4_2_1_there_is_authority_everywhere_below_the_apex(
    crossed: DnsServerThread, tcp: bool, name: str
) -> None:
    """Never a referral: AA in each reply, and no NS beside a denial, for names there and not."""
    for asked in (name, f"below.{name}", f"deep.below.{name}"):
        for kind in ("NS", "A", "DS", "ANY"):
            for reply in replies(crossed, asked, kind, tcp):
                assert reply.flags & 0x0400
                assert reply.rcode() in (0, 3)
                assert [rrset.rdtype for rrset in reply.authority] == (
                    [] if reply.answer else [SOA]
                )
                if kind == "NS":
                    assert bool(reply.answer) == (asked in (ZONE, REVERSE))


@both
@pytest.mark.row("16")
def test_rfc9471_3_the_apex_has_what_a_parent_needs_for_its_glue(
    crossed: DnsServerThread, tcp: bool
) -> None:
    """The name server's addresses stand beside NS, in the smallest reply too; those of a name
    outside, which the reverse zone's is, do not."""
    for record in ((), (opt(payload=512),), (opt(),)):
        packet = message(ZONE, NS, *record)
        raw = crossed.tcp(packet) if tcp else crossed.udp(packet)
        assert raw is not None
        assert struct.unpack_from("!4H", raw, 4) == (1, 1, 0, 1 + len(record))
        reply = dns.message.from_wire(raw)
        assert not reply.flags & 0x0200
        (server,) = reply.answer[0]
        (glue,) = reply.additional
        assert glue.name == server.target
        assert glue == crossed.ask(str(server.target), "A", tcp=tcp).answer[0]
        assert glue.name.is_subdomain(dns.name.from_text(ZONE))
    outside = crossed.ask(REVERSE, "NS", tcp=tcp)
    assert outside.answer
    assert not outside.additional
