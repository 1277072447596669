"""RFC 8767 and 8914: answers from a plan that nobody has confirmed lately."""

from __future__ import annotations

import dns.edns
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, position, table
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import Policy

both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


@both
@pytest.mark.row("9", "68")
def test_4_answers_go_on_and_say_that_they_are_stale(tcp: bool) -> None:
    """RFC 8914, section 4.4, and TTLs of at most 30 s; the other region's stay as they were."""
    policy = Policy(record_ttl_seconds=60)
    cells = {
        "east": [entry(endpoint("a", "10.0.0.1"), policy=policy)],
        "west": [entry(endpoint("b", "10.2.0.1"), policy=policy)],
    }
    made = table(cells)
    pinned = f"api.payments.svc.west.region.{ZONE}"
    with DnsServerThread(made) as server:
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
def test_rfc8914_4_20_a_denial_from_an_old_plan_says_so(tcp: bool) -> None:
    made = table({"east": [entry(endpoint("a"))], "west": []})
    with DnsServerThread(made) as server:
        server.run(lambda: made.mark_stale(frozenset({"west"})))
        reply = server.ask(f"nope.{ZONE}", "A", tcp=tcp, use_edns=0)
        assert reply.rcode() == dns.rcode.NXDOMAIN
        (option,) = reply.options
        assert option.code == dns.edns.EDECode.STALE_NXDOMAIN_ANSWER
        assert option.text == "not confirmed lately: west"
