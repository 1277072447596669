"""RFC 1035 section 3.5, 2317, 3596: from an address to the names of its instances."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import dns.flags
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, position, table, tombstone
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import ServiceKey
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.settings import ServerSettings, UdpLoop

NETWORKS = ("10.0.0.0/8", "10.9.0.0/16", "192.0.2.64/26", "172.16.0.0/12", "2001:db8::/32")
both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
WEB = f"web.payments.svc.{ZONE}"


def cells() -> dict[str, list[object]]:
    return {
        "east": [
            entry(
                endpoint("api-1", "10.0.0.1", "2001:db8::1"),
                endpoint("api-2", "10.9.0.2", "172.20.1.2"),
                endpoint("both", "10.0.0.7"),
            ),
            entry(
                endpoint("web-1", "10.0.0.1", "192.0.2.70", "198.51.100.1"),
                key=ServiceKey("payments", "web"),
            ),
        ],
        "west": [entry(endpoint("both", "10.0.1.7"))],
    }


@pytest.fixture(scope="module")
def reverse(loop: UdpLoop) -> Iterator[DnsServerThread]:
    zone = ZoneSettings(ZONE, reverse_networks=NETWORKS)
    with DnsServerThread(
        table(cells(), zone=zone), settings=ServerSettings(udp_loop=loop)
    ) as server:  # type: ignore[arg-type]  # entries of one kind
        yield server


def targets(server: DnsServerThread, name: str, *, tcp: bool = False) -> list[str]:
    reply = server.ask(name, "PTR", tcp=tcp)
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.flags & dns.flags.AA
    return sorted(str(record.target) for rrset in reply.answer for record in rrset)


@both
@pytest.mark.row("15")
@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("10.0.0.1", [f"api-1.{API_NAME}", f"web-1.{WEB}"]),
        ("2001:db8::1", [f"api-1.{API_NAME}"]),
        ("10.9.0.2", [f"api-2.{API_NAME}"]),
        ("172.20.1.2", [f"api-2.{API_NAME}"]),
    ],
)
def test_3_3_12_an_address_leads_to_its_instances(
    reverse: DnsServerThread, tcp: bool, address: str, names: list[str]
) -> None:
    for _ in range(2):
        assert targets(reverse, ip_address(address).reverse_pointer, tcp=tcp) == names
    for name in names:
        kind = "AAAA" if ":" in address else "A"
        assert address in {str(record) for record in reverse.ask(name, kind).answer[0]}


@pytest.mark.row("15")
def test_a_name_that_two_regions_have_is_told_with_its_region(reverse: DnsServerThread) -> None:
    """The name must lead back to the address."""
    for address, region in (("10.0.0.7", "east"), ("10.0.1.7", "west")):
        (name,) = targets(reverse, ip_address(address).reverse_pointer)
        assert name == f"both.api.payments.svc.{region}.region.{ZONE}"
        assert [str(r) for r in reverse.ask(name, "A").answer[0]] == [address]


@both
@pytest.mark.row("15")
def test_rfc2317_4_a_part_of_an_octet_is_a_zone_of_its_own(
    reverse: DnsServerThread, tcp: bool
) -> None:
    zone = "64/26.2.0.192.in-addr.arpa."
    assert targets(reverse, f"70.{zone}", tcp=tcp) == [f"web-1.{WEB}"]
    assert reverse.ask(zone, "SOA", tcp=tcp).answer
    # the octet's own zone is another's
    assert reverse.ask("70.2.0.192.in-addr.arpa.", "PTR", tcp=tcp).rcode() == dns.rcode.REFUSED


@both
@pytest.mark.row("15", "4", "6")
def test_what_is_not_there_is_denied_by_the_zone_that_it_would_be_in(
    reverse: DnsServerThread, tcp: bool
) -> None:
    for name, kind, rcode, zone in (
        ("9.9.8.10.in-addr.arpa.", "PTR", dns.rcode.NXDOMAIN, "10.in-addr.arpa."),
        ("9.9.9.10.in-addr.arpa.", "PTR", dns.rcode.NXDOMAIN, "9.10.in-addr.arpa."),
        ("0.0.10.in-addr.arpa.", "PTR", dns.rcode.NOERROR, "10.in-addr.arpa."),
        ("1.0.0.10.in-addr.arpa.", "A", dns.rcode.NOERROR, "10.in-addr.arpa."),
        ("9.10.in-addr.arpa.", "PTR", dns.rcode.NOERROR, "9.10.in-addr.arpa."),
        ("0.8.b.d.0.1.0.0.2.ip6.arpa.", "A", dns.rcode.NOERROR, "8.b.d.0.1.0.0.2.ip6.arpa."),
    ):
        reply = reverse.ask(name, kind, tcp=tcp)
        assert reply.rcode() == rcode, name
        assert not reply.answer
        assert [str(rrset.name) for rrset in reply.authority] == [zone]
    for outside in ("1.100.51.198.in-addr.arpa.", "in-addr.arpa.", "11.in-addr.arpa."):
        assert reverse.ask(outside, "PTR", tcp=tcp).rcode() == dns.rcode.REFUSED


@pytest.mark.row("15")
def test_the_zones_name_server_is_that_of_the_forward_zone(reverse: DnsServerThread) -> None:
    reply = reverse.ask("10.in-addr.arpa.", "NS")
    assert [str(record.target) for record in reply.answer[0]] == [f"ns1.{ZONE}"]
    assert not reply.additional


@pytest.mark.row("15")
def test_a_change_is_seen_and_what_is_gone_is_denied() -> None:
    zone = ZoneSettings(ZONE, reverse_networks=NETWORKS)
    made = table(cells(), zone=zone)  # type: ignore[arg-type]  # entries of one kind
    with DnsServerThread(made) as server:
        web = ServiceKey("payments", "web")
        name = ip_address("10.0.0.1").reverse_pointer
        assert len(targets(server, name)) == 2
        server.run(lambda: made.update(position("east", 2), {web.entry: tombstone(web)}, (), 1.0))
        assert targets(server, name) == [f"api-1.{API_NAME}"]
        gone = server.ask("70.64/26.2.0.192.in-addr.arpa.", "PTR")
        assert gone.rcode() == dns.rcode.NXDOMAIN
