"""Whatever arrives, the next sound query is answered."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time

import dns.message
import dns.name
import pytest
from answer_samples import API_NAME, ZONE, example
from dns_messages import message, opt, option
from dns_server_thread import WAYS, DnsServerThread, receive, way_of

from dns_frontend.server import mmsg
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import REFUSED_PORTS, UdpServer


def sound(server: DnsServerThread) -> bool:
    reply = server.ask(API_NAME, "A", use_edns=0)
    return len(reply.answer[0]) == 2


def corpus(seed: int) -> list[bytes]:
    """Random octets, random headers, and sound queries cut, spliced and flipped."""
    chance = random.Random(seed)
    base = [
        dns.message.make_query(API_NAME, "A").to_wire(),
        dns.message.make_query(API_NAME, "SRV", use_edns=0, want_dnssec=True).to_wire(),
        dns.message.make_query("_http._tcp." + API_NAME, "TXT", use_edns=1).to_wire(),
        struct.pack("!6H", 1, 0x2800, 1, 1, 1, 1) + b"\xc0\x0c" * 30,
        struct.pack("!6H", 1, 0, 1, 0, 0, 65535) + b"\0\0\1\0\1" + b"\0\0\x29" * 400,
    ]
    made = [chance.randbytes(chance.randrange(0, 200)) for _ in range(150)]
    for _ in range(500):
        packet = bytearray(chance.choice(base))
        for _ in range(chance.randrange(1, 6)):
            match chance.randrange(3):
                case 0 if packet:
                    packet[chance.randrange(len(packet))] = chance.randrange(256)
                case 1:
                    del packet[chance.randrange(len(packet) + 1) :]
                case _:
                    at = chance.randrange(len(packet) + 1)
                    packet[at:at] = chance.randbytes(chance.randrange(8))
        packet[2:3] = bytes((packet[2] & 0x7F,)) if len(packet) > 2 else b""
        made.append(bytes(packet))
    return made


@pytest.mark.row("69")
def test_rubbish_over_udp_harms_no_later_query(served: DnsServerThread) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(served.address)
        for count, packet in enumerate(corpus(1)):
            client.send(packet)
            if count % 50 == 0:
                assert sound(served)
    assert sound(served)
    assert served.counters.faults == 0


@pytest.mark.row("69")
def test_rubbish_over_tcp_harms_no_later_query(served: DnsServerThread) -> None:
    for packet in corpus(2)[::5]:
        with served.connect() as client:
            client.sendall(struct.pack("!H", len(packet)) + packet)
            client.shutdown(socket.SHUT_WR)
            while receive(client) is not None:
                pass
    assert sound(served)
    assert served.counters.faults == 0


def test_a_reply_is_never_longer_than_what_its_query_allows(served: DnsServerThread) -> None:
    """No reflection of octets that are not understood, no growth of errors."""
    for packet in corpus(3):
        reply = served.responder.respond(packet, "127.0.0.1")
        if reply is not None and reply[3] & 0xF not in (0, 3):
            assert len(reply) <= max(12, len(packet)) + 64


def from_port(port: int, packet: bytes, to: tuple[str, int]) -> None:
    """Send a datagram from any port, 0 and those of others too. Raises OSError if one may not."""
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    head = struct.pack("!4H", port, to[1], 8 + len(packet), 0)
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        if family == socket.AF_INET6:
            # which it may not be without; the kernel adds it at this offset
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 6)
        raw.sendto(head + packet, (to[0], 0))


@pytest.mark.row("65")
@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")],
    ids=["IPv4", "all of IPv4", "IPv6", "IPv4 within IPv6"],
)
@pytest.mark.parametrize("many", [True, False], ids=["many a call", "one a call"])
def test_65_datagrams_from_ports_of_no_client_are_dropped_and_counted(
    loop: UdpLoop, many: bool, host: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port 0 cannot be answered; echo, daytime, chargen and time would answer back, for ever.

    For what is compiled, what is not and what is no query; between datagrams that are answered.
    """
    assert {0, 7, 13, 19, 37} == REFUSED_PORTS
    if not many:
        monkeypatch.setattr(mmsg, "available", lambda _: False)
    responder = Responder(example(), settings=ServerSettings(udp_loop=loop))
    server = UdpServer(responder)
    try:
        readable = server.open(host, 0)
    except OSError:
        pytest.skip("no IPv6 here")
    address = (own, server.address[1])
    family = socket.AF_INET6 if ":" in own else socket.AF_INET
    usual, unusual = message(API_NAME), message(f"nope.{ZONE}", 28, opt(option(99)))
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        client = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        client.setblocking(False)
        client.connect(address)
        for round_number in range(3):
            for packet in (usual, unusual, b"", b"rubbish", struct.pack("!6H", 5, *[0] * 5)):
                client.send(usual)
                for port in sorted(REFUSED_PORTS):
                    try:
                        from_port(port, packet, address)
                    except PermissionError:
                        pytest.skip("no raw sockets for this user")
                client.send(unusual)
                WAYS.add(way_of(loop))
                told: list[bytes] = []
                deadline = time.monotonic() + 30.0
                while len(told) < 2 and time.monotonic() < deadline:
                    readable()
                    with contextlib.suppress(BlockingIOError):
                        told.append(client.recv(4096))
                assert [reply[3] & 0xF for reply in told] == [0, 3]
            # in order: what came before the last that is answered was read before it
            counters = responder.counters
            assert counters.dropped_port == 25 * (round_number + 1)
            assert counters.queries_udp == 10 * (round_number + 1)
        with pytest.raises(BlockingIOError):
            client.recv(4096)
        assert (counters.faults, counters.send_errors, counters.receive_errors) == (0, 0, 0)


@pytest.mark.row("65")
@pytest.mark.parametrize("port", [1, 6, 8, 53, 123, 1023, 65_535])
def test_65_other_low_ports_are_clients_like_any(served: DnsServerThread, port: int) -> None:
    """A resolver may ask from port 53; only those that answer whatever comes are refused."""
    ip, own = served.address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        try:
            client.bind((ip, port))
        except OSError:
            pytest.skip(f"port {port} is not to be had here")
        client.settimeout(30.0)
        client.sendto(message(API_NAME), (ip, own))
        assert client.recv(4096)[3] & 0xF == 0


def test_errors_of_the_network_are_counted_and_the_next_datagram_is_answered() -> None:
    """By the loop that asks the system for one datagram a call."""

    class Counting:
        dropped_port = receive_errors = send_errors = 0

    class Answering:
        counters = Counting()
        settings = ServerSettings(udp_loop=UdpLoop.PYTHON)
        asked: list[str] = []  # noqa: RUF012  # one test, one object

        def respond(self, _: bytes, client: str) -> bytes | None:
            self.asked.append(client)
            return b"reply"

    class Wire:
        """Gives datagrams, and the errors that a network gives."""

        def __init__(self) -> None:
            ports = [0, 7, 13, 19, 37, 4000]
            self.queue: list[object] = [(b"q", ("192.0.2.1", port)) for port in ports]
            self.queue[3:3] = [ConnectionRefusedError(), (b"q", ("192.0.2.9", 4001))]
            self.sent: list[tuple[str, int]] = []

        def recvfrom(self, _: int) -> object:
            if not self.queue:
                raise BlockingIOError
            item = self.queue.pop(0)
            if isinstance(item, Exception):
                raise item
            return item

        def sendto(self, _: bytes, client: tuple[str, int]) -> None:
            if client[1] == 4001:
                raise PermissionError
            self.sent.append(client)

    wire = Wire()
    server = UdpServer(Answering())  # type: ignore[arg-type]  # a responder that answers anything
    server._socket = wire  # type: ignore[assignment]  # a socket that fails as told
    server._readable()
    assert wire.sent == [("192.0.2.1", 4000)]
    assert Answering.asked == ["192.0.2.9", "192.0.2.1"]
    counters = Answering.counters
    assert (counters.dropped_port, counters.receive_errors, counters.send_errors) == (5, 1, 1)
