"""RFC 8767 and 8914: answers from a plan that nobody has confirmed lately."""

from __future__ import annotations

import dns.edns
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, position, table
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import AllDown, Health, Policy
from dns_frontend.server.settings import ServerSettings, UdpLoop

both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


@both
@pytest.mark.row("9", "68")
def test_4_answers_go_on_and_say_that_they_are_stale(loop: UdpLoop, tcp: bool) -> None:
    """RFC 8914, section 4.4, and TTLs of at most 30 s; the other region's stay as they were."""
    policy = Policy(record_ttl_seconds=60)
    cells = {
        "east": [entry(endpoint("a", "10.0.0.1"), policy=policy)],
        "west": [entry(endpoint("b", "10.2.0.1"), policy=policy)],
    }
    made = table(cells)
    pinned = f"api.payments.svc.west.region.{ZONE}"
    with DnsServerThread(made, settings=ServerSettings(udp_loop=loop)) as server:
        for name, kind in ((API_NAME, "A"), (API_NAME, "SRV"), (f"a.{API_NAME}", "A")):
            fresh = server.ask(name, kind, tcp=tcp, use_edns=0)
            assert fresh.answer[0].ttl == 60
            assert not fresh.options
            server.run(lambda: made.mark_stale(frozenset({"east"})))
            stale = server.ask(name, kind, tcp=tcp, use_edns=0)
            assert stale.rcode() == dns.rcode.NOERROR
            assert list(stale.answer[0]) == list(fresh.answer[0])
            assert stale.answer[0].ttl == 30
            (option,) = stale.options
            assert option.code == dns.edns.EDECode.STALE_ANSWER
            assert option.text == "plan of east not confirmed lately"
            assert not server.ask(name, kind, tcp=tcp).options, "no EDNS, no error"
            other = server.ask(pinned, "A", tcp=tcp, use_edns=0)
            assert (other.answer[0].ttl, other.options) == (60, ())
            # a generation arrives, and the mark goes
            server.run(lambda: made.update(position("east", 2), {}, (), 1.0))
            server.run(lambda: made.mark_stale(frozenset()))
            again = server.ask(name, kind, tcp=tcp, use_edns=0)
            assert (again.answer, again.options) == (fresh.answer, ())


@both
@pytest.mark.row("68")
def test_rfc8914_4_20_a_denial_from_an_old_plan_says_so(loop: UdpLoop, tcp: bool) -> None:
    made = table({"east": [entry(endpoint("a"))], "west": []})
    with DnsServerThread(made, settings=ServerSettings(udp_loop=loop)) as server:
        fresh = server.ask(f"nope.{ZONE}", "A", tcp=tcp, use_edns=0)
        assert (fresh.rcode(), fresh.options) == (dns.rcode.NXDOMAIN, ())
        server.run(lambda: made.mark_stale(frozenset({"west"})))
        reply = server.ask(f"nope.{ZONE}", "A", tcp=tcp, use_edns=0)
        assert reply.rcode() == dns.rcode.NXDOMAIN
        (option,) = reply.options
        assert option.code == dns.edns.EDECode.STALE_NXDOMAIN_ANSWER
        assert option.text == "not confirmed lately: west"


DOWN = endpoint("a", "10.0.0.1", health=Health.UNHEALTHY)
ELSEWHERE = endpoint("b", "10.2.0.1", health=Health.UNHEALTHY)
HOME_SET, ALL_SETS, STATIC = ["10.0.0.1"], ["10.0.0.1", "10.2.0.1"], ["10.9.9.9"]


@both
@pytest.mark.row("7")
@pytest.mark.parametrize(
    ("all_down", "rcode", "addresses"),
    [
        (AllDown.FAIL_OPEN_HOME, dns.rcode.NOERROR, HOME_SET),
        (AllDown.FAIL_OPEN_ALL, dns.rcode.NOERROR, ALL_SETS),
        (AllDown.LAST_KNOWN_GOOD, dns.rcode.NOERROR, HOME_SET),
        (AllDown.STATIC, dns.rcode.NOERROR, STATIC),
        (AllDown.SERVFAIL, dns.rcode.SERVFAIL, []),
        (AllDown.NODATA, dns.rcode.NOERROR, []),
    ],
    ids=lambda value: value.name if isinstance(value, AllDown) else "",
)
def test_a_service_without_a_valid_endpoint_is_answered_as_its_policy_wants(
    loop: UdpLoop, tcp: bool, all_down: AllDown, rcode: int, addresses: list[str]
) -> None:
    """Never NXDOMAIN (I30): the name is there, whatever became of what stood behind it."""
    policy = Policy(all_down=all_down, static_addresses=tuple(STATIC), scale_to_zero=True)
    made = table({"east": [entry(DOWN, policy=policy)], "west": [entry(ELSEWHERE, policy=policy)]})
    with DnsServerThread(made, settings=ServerSettings(udp_loop=loop)) as server:
        for _ in range(2):  # compiled, and from the table
            reply = server.ask(API_NAME, "A", tcp=tcp, use_edns=0)
            assert reply.rcode() == rcode
            assert sorted(str(r) for rrset in reply.answer for r in rrset) == addresses
            if addresses:
                assert reply.answer[0].ttl <= 30
                (option,) = reply.options
                assert option.code == dns.edns.EDECode.STALE_ANSWER
            assert server.ask(API_NAME, "TYPE666", tcp=tcp).rcode() == dns.rcode.NOERROR
            assert server.ask(f"_tcp.{API_NAME}", "A", tcp=tcp).rcode() == dns.rcode.NOERROR


@both
@pytest.mark.row("7")
def test_a_service_whose_last_instance_left_keeps_its_last_set(loop: UdpLoop, tcp: bool) -> None:
    """The plan has it without endpoints: what was the last to have an address is remembered."""
    made = table({"east": [entry(endpoint("a", "10.0.0.1"))], "west": []})
    with DnsServerThread(made, settings=ServerSettings(udp_loop=loop)) as server:
        assert [str(r) for r in server.ask(API_NAME, "A", tcp=tcp).answer[0]] == HOME_SET
        empty = entry(held=True)
        server.run(lambda: made.update(position("east", 2), {empty.key.entry: empty}, (), 1.0))
        reply = server.ask(API_NAME, "A", tcp=tcp, use_edns=0)
        assert reply.rcode() == dns.rcode.NOERROR
        assert [str(r) for r in reply.answer[0]] == HOME_SET
        (option,) = reply.options
        assert option.code == dns.edns.EDECode.STALE_ANSWER
