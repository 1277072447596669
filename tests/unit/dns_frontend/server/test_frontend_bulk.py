"""The loop in Python that takes many datagrams a call: memory, clients, and a kernel in trouble."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from answer_samples import API_NAME, ZONE, endpoint, entries, entry, example, position
from dns_messages import message, opt, option

from dns_frontend.server import mmsg, shelf
from dns_frontend.server.bulk import Bulk
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import UDP_OCTETS, ServerSettings, UdpLoop
from dns_frontend.server.udp import UdpServer

FAMILIES = [
    pytest.param("127.0.0.1", "127.0.0.1", id="v4"),
    pytest.param("0.0.0.0", "127.0.0.1", id="v4 at all addresses"),
    pytest.param("::1", "::1", id="v6"),
    pytest.param("::", "::1", id="v6 at all addresses"),
    pytest.param("::", "127.0.0.1", id="v4 at a v6 socket"),
]
NAMES = (API_NAME, f"seven.payments.svc.{ZONE}", f"v4.payments.svc.{ZONE}", f"x.{API_NAME}")


class Site:
    """A server driven by hand, and sockets of clients."""

    def __init__(self, listen: str = "127.0.0.1", ask: str = "127.0.0.1") -> None:
        self.responder = Responder(
            example(), settings=ServerSettings(udp_loop=UdpLoop.PYTHON), clock=lambda: 5.0
        )
        self.server = UdpServer(self.responder)
        self._ask = ask
        self._sockets: list[socket.socket] = []
        try:
            self.run: Callable[[], object] = self.server.open(listen, 0)
        except OSError:
            pytest.skip("this machine has no such family")
        if not isinstance(getattr(self.run, "__self__", None), Bulk):
            self.close()
            pytest.skip("this system takes one datagram a call")

    @property
    def bulk(self) -> Bulk:
        found = self.run.__self__  # type: ignore[attr-defined]  # it is a method of the loop
        assert isinstance(found, Bulk)
        return found

    def client(self) -> socket.socket:
        """One more, on a port of its own; it takes nobody else's replies."""
        family = socket.AF_INET6 if ":" in self._ask else socket.AF_INET
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.connect((self._ask, self.server.address[1]))
        self._sockets.append(made)
        return made

    def exchange(self, client: socket.socket, *packets: bytes) -> list[bytes]:
        """On the loopback what was sent has arrived, and so have the replies."""
        for packet in packets:
            client.send(packet)
        for _ in range(len(packets) // mmsg.SLOTS + 1):
            self.run()
        return received(client)

    def close(self) -> None:
        self.server.stop()
        for each in self._sockets:
            each.close()


def received(client: socket.socket) -> list[bytes]:
    replies = []
    with contextlib.suppress(BlockingIOError):
        while True:
            replies.append(client.recv(65_535))
    return replies


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.mark.parametrize(("listen", "ask"), FAMILIES)
def test_each_client_gets_the_replies_to_what_it_asked_and_no_other(listen: str, ask: str) -> None:
    """Forty clients at once, with identifiers that meet, and datagrams that have no reply."""
    chance = random.Random(11)
    site = Site(listen, ask)
    clients = [site.client() for _ in range(40)]
    by_hand = Responder(example(), settings=ServerSettings())
    for _ in range(30):
        expected: dict[socket.socket, list[bytes | None]] = {client: [] for client in clients}
        count = chance.randrange(1, 2 * mmsg.SLOTS)
        for _ in range(count):
            client = chance.choice(clients)
            packet = message(
                chance.choice(NAMES),
                chance.choice((1, 1, 1, 28, 16)),
                *([opt()] if chance.random() < 0.3 else []),
                ident=chance.randrange(4) if chance.random() < 0.5 else chance.getrandbits(16),
                flags=0x8000 if chance.random() < 0.1 else 0x0100,
            )
            expected[client].append(by_hand.respond(packet, ask))
            client.send(packet)
        for _ in range(count // mmsg.SLOTS + 1):
            site.run()
        for client in clients:
            assert received(client) == [each for each in expected[client] if each is not None]
    assert repr(site.responder.counters) == repr(by_hand.counters)
    site.close()


def test_what_lies_ready_is_sent_again_and_counted_as_if_it_were_made_anew(site: Site) -> None:
    client = site.client()
    asked = [message(API_NAME, 1, ident=turn) for turn in (0, 1, 2, 3)]
    first = site.exchange(client, *asked)
    # the responder is not asked again
    site.responder.table.find = None  # type: ignore[method-assign,assignment]  # nobody may
    site.responder._clock = None  # type: ignore[assignment]  # nor this
    assert site.exchange(client, *asked) == first
    assert len({reply[12:] for reply in first}) == 2
    counters = site.responder.counters
    assert (counters.queries_udp, counters.rcodes[0], sum(counters.modes)) == (8, 8, 8)


def test_a_reply_is_good_until_what_it_tells_changes(site: Site) -> None:
    """Whatever else changes, it stays; and it is made anew once its own service has changed."""
    client = site.client()
    asked = message(API_NAME, 1)
    (first,) = site.exchange(client, asked)
    table = site.responder.table
    other = type(entry().key)("payments", "other")
    table.update(position("east", 2), entries(entry(endpoint("o"), key=other)), (), 1.0)
    assert site.exchange(client, asked) == [first]
    table.update(position("east", 3), entries(entry(endpoint("n", "10.0.0.99"))), (), 2.0)
    (changed,) = site.exchange(client, asked)
    assert bytes((10, 0, 0, 99)) in changed
    assert bytes((10, 0, 0, 1)) not in changed
    table.mark_stale(frozenset({"east"}))
    (stale,) = site.exchange(client, message(API_NAME, 1, opt()))
    assert b"plan of east not confirmed lately" in stale


def test_no_bit_of_one_query_reaches_the_reply_to_another(site: Site) -> None:
    """RFC 8906, section 8: what is kept is kept by all that the query has but its identifier."""
    client = site.client()
    by_hand = Responder(example())
    variants = [
        message(API_NAME, 1, *records, flags=flags)
        for flags in (0, 0x0100, 0x0010, 0x0020, 0x0050, 0x0400, 0x0200, 0x000F, 0x0800, 0x8000)
        for records in (
            (),
            (opt(),),
            (opt(flags=0x8000),),
            (opt(payload=512),),
            (opt(version=1),),
            (opt(option(3)),),
        )
    ]
    for _ in range(2):
        for packet in (*variants, *reversed(variants)):
            reply = by_hand.respond(packet, "127.0.0.1")
            assert site.exchange(client, packet) == ([] if reply is None else [reply])
    assert repr(site.responder.counters) == repr(by_hand.counters)


@pytest.mark.parametrize(
    "octets", [0, 1, 11, 12, mmsg.HEAD_OCTETS - 1, mmsg.HEAD_OCTETS, mmsg.HEAD_OCTETS + 1, 4097]
)
def test_a_datagram_of_any_length_is_read_to_its_end_and_no_further(
    site: Site, octets: int
) -> None:
    """What lies behind it in memory is another's; what is beyond the memory is not missed."""
    client = site.client()
    # what a shorter one finds behind itself, in every slot
    site.exchange(client, *[message(API_NAME, 1) + bytes(3000)] * mmsg.SLOTS)
    whole = message(API_NAME, 1)
    for packet in (whole[:octets], (whole + bytes(5000))[:octets], b"\xff" * octets):
        cut = packet[: mmsg.HEAD_OCTETS + mmsg.REST_OCTETS]
        reply = Responder(example()).respond(cut, "127.0.0.1")
        assert site.exchange(client, packet) == ([] if reply is None else [reply])


def test_when_all_room_is_taken_answers_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was kept is forgotten; never while it is yet to be sent."""
    monkeypatch.setattr(shelf, "OCTETS", 300)
    site = Site()
    client = site.client()
    by_hand = Responder(example())
    for round_ in range(6):
        asked = [message(name, 1, ident=n) for name in NAMES[:3] for n in range(round_, 8)]
        assert site.exchange(client, *asked) == [by_hand.respond(p, "127.0.0.1") for p in asked]
    site.close()


class Kernel:
    """The C library, where `sendmmsg` sends so many at a time and then has something to say."""

    def __init__(self, real: Any, at_once: int, says: int) -> None:
        self.recvmmsg = real.recvmmsg
        self._real = real
        self._at_once = at_once
        self._says = says
        self._calls = 0

    def sendmmsg(self, fd: int, where: int, count: int, flags: int) -> int:
        self._calls += 1
        if self._calls % 2 == 0:
            ctypes.set_errno(self._says)
            return -1
        sent: int = self._real.sendmmsg(fd, where, min(count, self._at_once), flags)
        return sent


@pytest.mark.parametrize(
    ("says", "lost"), [(errno.EINTR, False), (errno.EAGAIN, True), (errno.ECONNREFUSED, True)]
)
def test_what_the_kernel_does_not_send_holds_up_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch, says: int, lost: bool
) -> None:
    """One call sends a part; the next says what is wrong with the first that is left."""
    client = site.client()
    for number in range(20):
        client.send(message(API_NAME, 1, ident=number))
    monkeypatch.setattr(mmsg, "_library", Kernel(mmsg._library, 4, says))
    site.run()
    got = [reply[1] for reply in received(client)]
    # every fifth is the one that the kernel would not have
    assert got == [n for n in range(20) if not lost or n % 5 != 4]
    assert site.responder.counters.send_errors == (4 if lost else 0)


def test_an_error_for_something_sent_before_does_not_end_a_batch(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = site.client()
    receive = mmsg.Messages.receive
    said = [-errno.ECONNREFUSED, -errno.ECONNREFUSED]
    monkeypatch.setattr(
        mmsg.Messages, "receive", lambda self: said.pop() if said else receive(self)
    )
    assert len(site.exchange(client, message(API_NAME, 1))) == 1
    assert site.responder.counters.receive_errors == 2


class Refusing:
    """A C library whose calls are refused, as filters and emulated kernels do."""

    def __init__(self, says: int) -> None:
        self._says = says

    def recvmmsg(self, *_: object) -> int:
        ctypes.set_errno(self._says)
        return -1

    sendmmsg = recvmmsg


@pytest.mark.parametrize("library", [None, Refusing(errno.ENOSYS), Refusing(errno.EPERM)])
def test_where_the_calls_do_not_work_datagrams_are_taken_one_by_one(
    monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    monkeypatch.setattr(mmsg, "_library", library)
    server = UdpServer(Responder(example(), settings=ServerSettings(udp_loop=UdpLoop.PYTHON)))
    run = server.open("127.0.0.1", 0)
    assert not isinstance(getattr(run, "__self__", None), Bulk)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(server.address)
        client.send(message(API_NAME, 1))
        run()
        assert client.recv(4096)[3] & 0xF == 0
    server.stop()


def test_a_client_whose_rate_is_limited_is_given_nothing_that_lies_ready() -> None:
    """Its cookie, and the octets it may have, are for the responder to judge."""
    responder = Responder(example())
    shelves = shelf.Shelves()
    limited = shelves.of(responder.clients.of("8.8.8.8"))
    packet = message(API_NAME, 1)
    reply = responder.respond(packet, "8.8.8.8")
    assert reply is not None
    assert shelves.keep(packet, reply, limited, 0) is None
    assert limited.find(packet[2:]) is None
    assert responder.clients.of("127.0.0.1").octets == UDP_OCTETS
