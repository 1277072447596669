"""RFC 9460: SVCB and HTTPS from the same endpoints as A, AAAA and SRV."""

from __future__ import annotations

from collections.abc import Iterator

import dns.rdatatype
import pytest
from answer_samples import API_NAME, GRPC, HTTP, ZONE, endpoint, entry, table
from dns_messages import message, opt, parsed
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import Port, Protocol, ServiceKey
from dns_frontend.server.settings import ServerSettings, UdpLoop

HTTPS_PORT = Port("https", 8443, Protocol.TCP)
SVCB, HTTPS = 64, 65
WEB = f"web.payments.svc.{ZONE}"
both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


@pytest.fixture(scope="module")
def web(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """`web` speaks HTTPS at two endpoints, `api` does not."""
    key = ServiceKey("payments", "web")
    cells = {
        "east": [
            entry(
                endpoint(
                    "w-1",
                    "10.0.0.1",
                    "2001:db8::1",
                    ports=(HTTPS_PORT, HTTP),
                    metadata={"alpn": "h2,http/1.1, ,h2"},
                    priority=0,
                ),
                endpoint("w-2", "10.0.0.2", ports=(HTTPS_PORT,), priority=10),
                endpoint("w-3", "10.0.0.3", ports=(GRPC,), priority=65535),
                key=key,
            ),
            entry(endpoint("api-1", "10.0.0.9")),
        ],
        "west": [],
    }
    with DnsServerThread(table(cells), settings=ServerSettings(udp_loop=loop)) as server:
        yield server


def records(server: DnsServerThread, name: str, kind: str, *, tcp: bool) -> list[str]:
    """The answer as dnspython writes it, which refuses keys out of order and bad values."""
    reply = server.ask(name, kind, tcp=tcp, use_edns=0, payload=1232)
    return sorted(str(record) for rrset in reply.answer for record in rrset)


@both
@pytest.mark.row("14")
def test_2_4_3_https_names_each_endpoint_that_speaks_it(web: DnsServerThread, tcp: bool) -> None:
    """ServiceMode (section 2.4.3), keys in order (2.2), a priority of at least 1."""
    for _ in range(2):
        assert records(web, WEB, "HTTPS", tcp=tcp) == [
            f'1 w-1.{WEB} alpn="h2,http/1.1" port="8443"',
            f'11 w-2.{WEB} port="8443"',
        ]


@both
@pytest.mark.row("14", "3")
def test_9_5_who_does_not_speak_https_has_no_https_record(web: DnsServerThread, tcp: bool) -> None:
    """Web browsers would take it for a promise."""
    assert records(web, API_NAME, "HTTPS", tcp=tcp) == []
    assert records(web, API_NAME, "A", tcp=tcp)


@both
@pytest.mark.row("14")
def test_svcb_has_what_srv_has(web: DnsServerThread, tcp: bool) -> None:
    def served(kind: str, name: str) -> set[tuple[str, int]]:
        reply = web.ask(name, kind, tcp=tcp, use_edns=0, payload=1232)
        return {
            (str(r.target), r.port if kind == "SRV" else r.params[3].port) for r in reply.answer[0]
        }

    for name in (WEB, API_NAME, f"_http._tcp.{WEB}", f"_grpc._tcp.{WEB}"):
        assert served("SVCB", name) == served("SRV", name)
    (last,) = records(web, f"_grpc._tcp.{WEB}", "SVCB", tcp=tcp)
    assert last.startswith("65535 "), "no priority is beyond 16 bits"


@both
@pytest.mark.row("14")
@pytest.mark.parametrize("kind", ["SVCB", "HTTPS"])
def test_4_1_the_targets_addresses_stand_beside_the_answer(
    web: DnsServerThread, tcp: bool, kind: str
) -> None:
    reply = web.ask(WEB, kind, tcp=tcp, use_edns=0, payload=1232)
    for record in reply.answer[0]:
        direct = web.ask(str(record.target), "A")
        beside = reply.get_rrset(reply.additional, record.target, 1, dns.rdatatype.A)
        assert beside == direct.answer[0]
    assert reply.get_rrset(
        reply.additional, dns.name.from_text(f"w-1.{WEB}"), 1, dns.rdatatype.AAAA
    )


@pytest.mark.row("14", "11")
def test_the_low_octet_of_the_type_is_no_letter(web: DnsServerThread) -> None:
    """HTTPS is 0x0041, and 0x41 is `A`: a table that lowers its case would miss it."""
    for _ in range(2):
        reply = parsed(web.udp(message(WEB.upper(), HTTPS, opt())))
        assert [rrset.rdtype for rrset in reply.answer] == [HTTPS]
        assert not parsed(web.udp(message(WEB, 0x61, opt()))).answer
