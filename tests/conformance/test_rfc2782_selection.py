"""RFC 2782, 2181, 9460: which of many are told, in which order, and to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from answer_samples import API_NAME, HTTP, ZONE, endpoint, entry, table
from dns_messages import message, opt, parsed
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import Health, ServiceKey
from dns_frontend.server.settings import ServerSettings, UdpLoop

both = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
WEST = f"api.payments.svc.west.region.{ZONE}"


def key(service: str) -> ServiceKey:
    return ServiceKey("payments", service)


@pytest.fixture(scope="module")
def weighted(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """Services with weights, with priorities in two regions, and with 300 instances."""
    crowd = tuple(endpoint(f"n-{n}", f"10.5.{n // 250}.{n % 250 + 1}") for n in range(300))
    cells = {
        "east": [
            entry(
                endpoint("a", "10.0.0.1", ports=(HTTP,), priority=5, weight=300),
                endpoint("b", "10.0.0.2", ports=(HTTP,), priority=20, weight=100),
                endpoint("c", "10.0.0.3", ports=(HTTP,), priority=5, weight=0),
            ),
            entry(*crowd, key=key("crowd")),
            entry(
                endpoint("d", "10.0.0.4", ports=(HTTP,), health=Health.UNHEALTHY), key=key("sick")
            ),
        ],
        "west": [
            entry(
                endpoint("x", "10.2.0.1", ports=(HTTP,), priority=7, weight=10),
                endpoint("y", "10.2.0.2", ports=(HTTP,), priority=9, weight=10),
                endpoint("z", "10.2.0.3", ports=(HTTP,), health=Health.UNHEALTHY),
            ),
            entry(
                endpoint("e", "10.2.0.4", ports=(HTTP,), health=Health.UNHEALTHY), key=key("sick")
            ),
        ],
    }
    with DnsServerThread(table(cells), settings=ServerSettings(udp_loop=loop)) as server:
        yield server


def addresses(server: DnsServerThread, name: str, ident: int, *, source: str = "") -> list[str]:
    """The addresses in the order of the message, which dnspython would not keep."""
    reply = server.udp(message(name, 1, opt(), ident=ident), source)
    assert reply is not None
    count = int.from_bytes(reply[6:8], "big")
    start = 12 + len(message(name)) - 12
    records = [reply[start + 16 * n : start + 16 * (n + 1)] for n in range(count)]
    return [".".join(map(str, record[-4:])) for record in records]


def test_rotation_gives_first_place_by_weight(weighted: DnsServerThread) -> None:
    """All are told each time (RFC 2181, section 5), and a weight of 0 is never first."""
    first: Counter[str] = Counter()
    for ident in range(256):
        told = addresses(weighted, API_NAME, ident)
        assert sorted(told) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        first[told[0]] += 1
    assert first == {"10.0.0.1": 192, "10.0.0.2": 64}


def test_the_same_query_has_the_same_reply(weighted: DnsServerThread) -> None:
    for ident in (0, 1, 77):
        replies = {tuple(addresses(weighted, API_NAME, ident)) for _ in range(3)}
        assert len(replies) == 1


def test_of_a_crowd_each_client_is_told_a_part_that_stays_its_own(
    weighted: DnsServerThread,
) -> None:
    """At most 768 octets, over TCP as well, so that nothing is cut; SRV tells all."""
    name = f"crowd.payments.svc.{ZONE}"
    seen: set[str] = set()
    parts = set()
    for client in range(1, 60):
        part = addresses(weighted, name, client, source=f"127.0.1.{client}")
        assert part == addresses(weighted, name, 9999, source=f"127.0.1.{client}")
        assert 40 <= len(part) == len(set(part))
        seen.update(part)
        parts.add(tuple(part))
    assert len(parts) > 40
    assert len(seen) > 280, "sixty clients reach nearly all"
    query = message(name, 1, opt(), ident=5)
    assert weighted.tcp(query) == weighted.udp(query)
    assert len(weighted.tcp(query) or b"") <= 768
    assert len(weighted.ask(name, "SRV", tcp=True).answer[0]) == 600


@pytest.mark.row("13")
def test_srv_tells_of_the_next_region_behind_the_first(weighted: DnsServerThread) -> None:
    """A client that minds priorities fails over by itself; what is not healthy is not told."""
    for name in (API_NAME, f"_http._tcp.{API_NAME}"):
        reply = weighted.ask(name, "SRV", use_edns=0, payload=1232)
        found = sorted(
            (r.priority, r.weight, str(r.target).partition(".")[0]) for r in reply.answer[0]
        )
        assert found == [(5, 0, "c"), (5, 300, "a"), (20, 100, "b"), (21, 10, "x"), (23, 10, "y")]
        for record in reply.answer[0]:
            assert weighted.ask(str(record.target), "A").answer
    pinned = weighted.ask(WEST, "SRV", use_edns=0, payload=1232)
    assert sorted(r.priority for r in pinned.answer[0]) == [7, 9], "one region alone"


def told(server: DnsServerThread, kind: str, *, tcp: bool) -> list[tuple[int, str]]:
    """Priorities and instances, in order, each once for all its ports."""
    reply = server.ask(API_NAME, kind, tcp=tcp, use_edns=0, payload=1232)
    return sorted({(r.priority, str(r.target).partition(".")[0]) for r in reply.answer[0]})


@both
@pytest.mark.row("13", "14")
@pytest.mark.parametrize(("kind", "more"), [("SRV", 0), ("SVCB", 1)])
def test_regions_follow_in_the_order_in_which_they_are_wanted(
    loop: UdpLoop, tcp: bool, kind: str, more: int
) -> None:
    """Each behind all of the one before, whatever numbers its own instances have. One that is
    not fit to stand in is not told of: its last instances are no help to who comes over."""
    cells = {
        "east": [entry(endpoint("a", "10.0.0.1", priority=7))],
        "west": [entry(endpoint("b", "10.2.0.1", priority=900), endpoint("c", priority=902))],
        "north": [
            entry(
                endpoint("d", "10.3.0.1"),
                endpoint("e", "10.3.0.2", health=Health.UNHEALTHY),
                endpoint("f", "10.3.0.3", health=Health.UNHEALTHY),
            )
        ],
        "south": [entry(endpoint("g", "10.4.0.1", priority=0))],
    }
    made = table(cells, regions=("east", "south", "north", "west"))
    with DnsServerThread(made, settings=ServerSettings(udp_loop=loop)) as server:
        expected = [(7, "a"), (8, "g"), (9, "b"), (11, "c")]
        assert told(server, kind, tcp=tcp) == [(number + more, name) for number, name in expected]


@both
@pytest.mark.row("13", "14")
@pytest.mark.parametrize("kind", ["SRV", "SVCB"])
@pytest.mark.parametrize("last", [65_533, 65_535])
def test_where_no_number_is_left_no_region_stands_beside_the_first(
    loop: UdpLoop, tcp: bool, kind: str, last: int
) -> None:
    """A priority has 16 bits, and SVCB's begin at 1: clients share what has the same one."""
    cells = {
        "east": [entry(endpoint("a", "10.0.0.1", priority=last))],
        "west": [entry(endpoint("b", "10.2.0.1"), endpoint("c", "10.2.0.2", priority=11))],
    }
    with DnsServerThread(table(cells), settings=ServerSettings(udp_loop=loop)) as server:
        found = told(server, kind, tcp=tcp)
        assert [name for _, name in found] == ["a"]


@pytest.mark.row("14")
def test_svcb_has_the_same_order(weighted: DnsServerThread) -> None:
    reply = weighted.ask(API_NAME, "SVCB", use_edns=0, payload=1232)
    assert sorted(r.priority for r in reply.answer[0]) == [6, 6, 21, 22, 24]


def test_where_nothing_is_healthy_no_other_region_is_mixed_in(weighted: DnsServerThread) -> None:
    reply = weighted.ask(f"sick.payments.svc.{ZONE}", "SRV", use_edns=0)
    assert [str(r.target).partition(".")[0] for r in reply.answer[0]] == ["d"]


def test_further_regions_never_make_an_answer_too_long(weighted: DnsServerThread) -> None:
    """They are told whole or not at all."""
    many = tuple(endpoint(f"instance-{n}", f"10.6.0.{n + 1}", ports=(HTTP,)) for n in range(8))
    made = table({"east": [entry(*many)], "west": [entry(*many)], "south": [entry(*many)]},
                 regions=("east", "west", "south"))  # fmt: skip
    with DnsServerThread(made) as server:
        reply = parsed(server.udp(message(API_NAME, 33, opt())))
        assert not reply.flags & 0x0200
        assert len(reply.answer[0]) == 8
