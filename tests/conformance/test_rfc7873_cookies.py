"""RFC 7873 and 9018: cookies, which prove an address."""

from __future__ import annotations

import struct

import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, table
from dns_messages import COOKIE, answers, message, opt, option, options_of, parsed
from dns_server_thread import DnsServerThread

from dns_frontend.server.rates import RateLimits
from dns_frontend.server.settings import ServerSettings, UdpLoop

FORMERR, BADCOOKIE = 1, 23
CLIENT = bytes.fromhex("2464c4abcf10c957")
both = pytest.mark.parametrize("transport", ["udp", "tcp"])


class Wall:
    """Unix time, as a test wants it."""

    def __init__(self) -> None:
        self.now = 1_559_731_985.0

    def __call__(self) -> float:
        return self.now


def ask(server: DnsServerThread, transport: str, *options: bytes, name: str = API_NAME) -> bytes:
    packet = message(name, 1, opt(*options))
    reply = server.udp(packet) if transport == "udp" else server.tcp(packet)
    assert reply is not None
    return reply


def cookie_of(server: DnsServerThread, client: bytes = CLIENT) -> bytes:
    """The whole cookie that the server gives to a client."""
    whole = options_of(ask(server, "udp", option(COOKIE, client)))[COOKIE]
    assert whole[:8] == client
    return whole


@both
@pytest.mark.row("46", "h10")
@pytest.mark.parametrize("name", [API_NAME, f"nope.{ZONE}", f"svc.{ZONE}", "example.com."])
def test_5_2_3_a_client_cookie_gets_a_server_cookie_beside_the_answer(
    served: DnsServerThread, transport: str, name: str
) -> None:
    """RFC 9018, section 4: version 1, reserved zeros, the time, a hash; 24 octets in all."""
    reply = ask(served, transport, option(COOKIE, CLIENT), name=name)
    plain = ask(served, transport, name=name)
    assert parsed(reply).rcode() == parsed(plain).rcode()
    assert parsed(reply).answer == parsed(plain).answer
    cookie = options_of(reply)[COOKIE]
    assert len(cookie) == 24
    assert cookie[:8] == CLIENT
    assert cookie[8:12] == b"\1\0\0\0"


@both
@pytest.mark.row("47", "h9")
@pytest.mark.parametrize("size", [0, 1, 7, 9, 15, 41, 100])
def test_5_2_2_a_cookie_of_a_wrong_length_is_formerr(
    served: DnsServerThread, transport: str, size: int
) -> None:
    reply = parsed(ask(served, transport, option(COOKIE, b"x" * size)))
    assert reply.rcode() == FORMERR
    assert reply.edns == 0
    assert not reply.answer


@both
@pytest.mark.row("48", "h10")
@pytest.mark.parametrize(
    "server_cookie",
    [b"x" * 8, b"\1\0\0\0" + b"\0" * 12, b"\2\0\0\0" + b"x" * 12, b"x" * 32],
    ids=["8 octets", "old", "another version", "32 octets"],
)
def test_5_2_4_a_bad_server_cookie_gets_the_answer_and_a_good_one(
    served: DnsServerThread, transport: str, server_cookie: bytes
) -> None:
    reply = ask(served, transport, option(COOKIE, CLIENT + server_cookie))
    assert len(answers(reply)) == 2
    cookie = options_of(reply)[COOKIE]
    assert cookie[:8] == CLIENT
    assert cookie[8:] != server_cookie
    assert options_of(ask(served, transport, option(COOKIE, cookie)))[COOKIE] == cookie


@both
@pytest.mark.row("49")
def test_5_2_5_a_valid_cookie_is_sent_back_again_and_again(
    served: DnsServerThread, transport: str
) -> None:
    cookie = cookie_of(served)
    for _ in range(3):  # judged, and remembered
        reply = ask(served, transport, option(COOKIE, cookie))
        assert options_of(reply) == {COOKIE: cookie}
        assert len(answers(reply)) == 2


@pytest.mark.row("48", "49")
def test_rfc9018_4_3_a_cookie_is_renewed_after_half_an_hour_and_ends_after_one(
    loop: UdpLoop,
) -> None:
    wall = Wall()
    settings = ServerSettings(rates=RateLimits(exempt=()), udp_loop=loop)
    with DnsServerThread(
        table({"east": [entry(endpoint("a"))], "west": []}), settings=settings, wall=wall
    ) as server:
        cookie = cookie_of(server)
        assert struct.unpack("!I", cookie[12:16])[0] == int(wall.now)
        for age, valid, same in (
            (1_700, True, True),
            (1_900, True, False),
            (3_500, True, False),
            (3_700, False, False),
            (-200, True, True),
            (-400, False, False),
        ):
            wall.now = 1_559_731_985.0 + age
            server.run(server.responder.cookies._kept.clear)
            # without a question the server says what it thinks of a cookie (section 5.4)
            empty = struct.pack("!6H", 1, 0, 0, 0, 0, 1) + opt(option(COOKIE, cookie))
            for reply in (server.udp(empty), server.tcp(empty)):
                assert parsed(reply).rcode() == (0 if valid else BADCOOKIE), age
                assert (options_of(reply)[COOKIE] == cookie) == same, age
            # with one it is answered, whatever becomes of the cookie (section 5.2.4)
            for tcp in (False, True):
                asked = message(API_NAME, 1, opt(option(COOKIE, cookie)))
                told = server.tcp(asked) if tcp else server.udp(asked)
                assert len(answers(told)) == 1
                assert (options_of(told)[COOKIE] == cookie) == same, age


@pytest.mark.row("48")
def test_5_2_4_a_cookie_is_good_for_its_client_and_its_address_alone(
    served: DnsServerThread,
) -> None:
    cookie = cookie_of(served)
    packet = message(API_NAME, 1, opt(option(COOKIE, cookie)))
    assert options_of(served.udp(packet, "127.0.0.1"))[COOKIE] == cookie
    assert options_of(served.udp(packet, "127.0.0.7"))[COOKIE] != cookie
    swapped = b"y" * 8 + cookie[8:]
    assert options_of(ask(served, "udp", option(COOKIE, swapped)))[COOKIE] != swapped


@both
@pytest.mark.row("50", "h11")
def test_5_2_the_first_of_two_cookies_counts(served: DnsServerThread, transport: str) -> None:
    reply = ask(served, transport, option(COOKIE, CLIENT), option(COOKIE, b"other...x"))
    assert options_of(reply)[COOKIE][:8] == CLIENT


@both
@pytest.mark.row("30", "h3")
def test_5_4_without_a_question_a_cookie_is_given_or_judged(
    served: DnsServerThread, transport: str
) -> None:
    def bare(*options: bytes, questions: int = 0) -> bytes:
        packet = struct.pack("!6H", 9, 0, questions, 0, 0, 1) + opt(*options)
        reply = served.udp(packet) if transport == "udp" else served.tcp(packet)
        assert reply is not None
        assert struct.unpack("!6H", reply[:12])[2:] == (0, 0, 0, 1)
        assert reply[2:4] == b"\x80" + reply[3:4]
        return reply

    given = bare(option(COOKIE, CLIENT))
    assert parsed(given).rcode() == 0
    cookie = options_of(given)[COOKIE]
    assert len(cookie) == 24
    good = bare(option(COOKIE, cookie))
    assert (parsed(good).rcode(), options_of(good)[COOKIE]) == (0, cookie)
    bad = bare(option(COOKIE, CLIENT + b"z" * 16))
    assert parsed(bad).rcode() == BADCOOKIE
    assert options_of(bad)[COOKIE][:8] == CLIENT
    for malformed in ((), (option(COOKIE, b"short"),), (option(99, b""),)):
        assert parsed(bare(*malformed)).rcode() == FORMERR
