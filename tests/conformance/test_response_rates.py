"""Rates of replies over UDP, and who is above them (RFC 7873, sections 5.2.3 to 5.2.5; RFC 9018).

Over real sockets, from addresses of the loopback network, none of which is exempt here. The
rates' clock stands still, so that how many are answered is known.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, table
from dns_messages import COOKIE, answers, message, opt, option, options_of, parsed
from dns_server_thread import WAYS, DnsServerThread, way_of

from dns_frontend.server.rates import RateLimits
from dns_frontend.server.settings import ServerSettings, UdpLoop

BADCOOKIE = 23
CLIENT = bytes.fromhex("2464c4abcf10c957")
RATE = 4
MANY = 44
"""Addresses in the service's answer, which has more than 512 octets."""


class Flooded:
    """A server that lets an address have four replies a second, and clients of it."""

    def __init__(self, server: DnsServerThread, loop: UdpLoop) -> None:
        self.server = server
        self._way = way_of(loop)

    def ask(self, source: str, packet: bytes, times: int = 1) -> list[bytes]:
        """The replies to datagrams sent in one go: as many as the server says it has sent."""
        WAYS.add(self._way)
        counters = self.server.counters
        asked, silent = counters.queries_udp, counters.dropped_rate
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((source, 0))
            client.connect(self.server.address)
            for _ in range(times):
                client.send(packet)
            deadline = time.monotonic() + 30.0
            while counters.queries_udp < asked + times:
                assert time.monotonic() < deadline, "all are read some time"
                time.sleep(0.001)
            self.server.read_all()
            client.settimeout(30.0)
            sent = times - (counters.dropped_rate - silent)
            replies = [client.recv(4096) for _ in range(sent)]
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(4096)
            return replies

    def cookie(self, source: str) -> bytes:
        """The whole cookie of an address, which the server has judged once."""
        given = self.ask(source, message(API_NAME, 28, opt(option(COOKIE, CLIENT))))[0]
        whole = options_of(given)[COOKIE]
        self.ask(source, message(API_NAME, 28, opt(option(COOKIE, whole))))
        return whole


@pytest.fixture
def limited(loop: UdpLoop) -> Iterator[Flooded]:
    many = entry(*(endpoint(f"n-{n}", f"10.3.0.{n + 1}") for n in range(60)))
    settings = ServerSettings(rates=RateLimits(per_second=RATE, slip=2, exempt=()), udp_loop=loop)
    made = table({"east": [many], "west": []})
    with DnsServerThread(made, settings=settings, clock=lambda: 5.0) as server:
        yield Flooded(server, loop)


@pytest.mark.row("66")
@pytest.mark.parametrize("name", [API_NAME, f"nope.{ZONE}", f"svc.{ZONE}", "example.com."])
def test_over_the_rate_each_second_reply_is_tc_and_the_others_are_dropped(
    limited: Flooded, name: str
) -> None:
    """TC has no record, and the question: it is no longer than what was asked. All names alike:
    denials and refusals are as good for a flood."""
    packet = message(name, 28)
    replies = limited.ask("127.20.0.1", packet, 60)
    told = [reply for reply in replies if not reply[2] & 0x02]
    assert len(told) == RATE
    cut = replies[RATE:]
    assert len(cut) == (60 - RATE) // 2
    for reply in cut:
        assert reply == packet[:2] + b"\x82\0" + packet[4:]
    counters = limited.server.counters
    assert (counters.slipped, counters.dropped_rate) == (28, 28)
    # over TCP all are answered: nobody can write another's address there
    for _ in range(2 * RATE):
        assert not (limited.server.tcp(packet) or b"\0\0\x02")[2] & 0x02


@pytest.mark.row("66", "48", "h10")
@pytest.mark.parametrize("server_cookie", [b"", b"z" * 16], ids=["none", "bad"])
def test_5_2_3_over_the_rate_a_client_cookie_gets_badcookie_and_a_good_one(
    limited: Flooded, server_cookie: bytes
) -> None:
    """Not TC: with the cookie it is answered, over UDP (section 5.2.4 as well)."""
    packet = message(API_NAME, 28, opt(option(COOKIE, CLIENT + server_cookie)))
    replies = limited.ask("127.20.0.1", packet, 60)[RATE:]
    assert len(replies) == (60 - RATE) // 2
    for reply in replies:
        assert parsed(reply).rcode() == BADCOOKIE
        assert not reply[2] & 0x02
    good = option(COOKIE, options_of(replies[-1])[COOKIE])
    (answered,) = limited.ask("127.20.0.1", message(API_NAME, 1, opt(good)))
    assert len(answers(answered)) == MANY
    over_tcp = parsed(limited.server.tcp(packet))
    assert over_tcp.rcode() == 0, "over TCP a cookie is not needed"


@pytest.mark.row("49")
@pytest.mark.parametrize("before", [b"", option(99, b"x")], ids=["alone", "behind another option"])
def test_5_2_5_a_valid_cookie_skips_the_rate_and_the_cap(limited: Flooded, before: bytes) -> None:
    """More than 512 octets are for those alone whose address is proven."""
    whole = limited.cookie("127.20.0.1")
    packet = message(API_NAME, 1, opt(before, option(COOKIE, whole)))
    replies = limited.ask("127.20.0.1", packet, 40)
    assert len(replies) == 40
    for reply in replies:
        assert len(answers(reply)) == MANY
        assert len(reply) > 512
        assert options_of(reply) == {COOKIE: whole}
    (cut,) = limited.ask("127.21.0.1", message(API_NAME, 1, opt()))
    assert cut[2] & 0x02
    assert len(cut) <= 512
    over_tcp = parsed(limited.server.tcp(message(API_NAME, 1, opt(option(COOKIE, CLIENT)))))
    assert len(over_tcp.answer[0]) == MANY


@pytest.mark.row("49", "66")
def test_5_2_5_what_a_valid_cookie_is_answered_is_nobodys_share(limited: Flooded) -> None:
    """A resolver that proves its address does not use up what its network has for others."""
    whole = limited.cookie("127.20.0.1")  # which takes two of the address's four
    proven = message(API_NAME, 28, opt(option(COOKIE, whole)))
    assert len(limited.ask("127.20.0.1", proven, 60)) == 60
    plain = limited.ask("127.20.0.1", message(API_NAME, 28), RATE - 2)
    assert [reply[2] & 0x02 for reply in plain] == [0] * (RATE - 2)
    (over,) = limited.ask("127.20.0.1", message(API_NAME, 28), 2)
    assert over[2] & 0x02


@pytest.mark.row("66")
def test_a_cookie_of_another_address_does_not_lift_the_rate(limited: Flooded) -> None:
    """Whoever forges senders may own a cookie of its own address, and write it everywhere."""
    stolen = message(API_NAME, 28, opt(option(COOKIE, limited.cookie("127.30.0.1"))))
    replies = limited.ask("127.20.0.1", stolen, 60)
    assert len(replies) == RATE + (60 - RATE) // 2
    assert {parsed(reply).rcode() for reply in replies[RATE:]} == {BADCOOKIE}
    # nor do its octets where no option is
    behind = message(API_NAME, 28) + stolen[-24:]
    assert len(limited.ask("127.20.0.1", behind, 60)) == 30


@pytest.mark.row("66")
def test_the_rate_of_one_address_is_not_that_of_another_network(limited: Flooded) -> None:
    packet = message(f"nope.{ZONE}")
    assert len(limited.ask("127.20.0.1", packet, 50)) < 50
    assert len(limited.ask("127.200.0.1", packet, RATE)) == RATE


@pytest.mark.row("66")
def test_many_addresses_of_one_network_have_a_rate_together(limited: Flooded) -> None:
    """Eight times that of one (/24): a flood of forged neighbours is one flood."""
    packet = message(f"nope.{ZONE}")
    told = 0
    for host in range(1, 31):
        replies = limited.ask(f"127.20.0.{host}", packet, RATE)
        told += sum(not reply[2] & 0x02 for reply in replies)
    assert told == 8 * RATE


@pytest.mark.row("66")
def test_what_is_no_query_is_never_slipped(limited: Flooded) -> None:
    """Over the rate nothing without a question is replied to, and no other opcode."""
    limited.ask("127.20.0.1", message(API_NAME, 28), RATE)
    bare = b"\0\7\0\0" + bytes(8)
    other = message(API_NAME, 28, flags=5 << 11)
    assert limited.ask("127.20.0.1", bare, 20) == []
    assert limited.ask("127.20.0.1", other, 20) == []
