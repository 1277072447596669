"""The loop in batches gives what the responder gives, octet for octet, for whatever comes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from answer_samples import API_NAME, example
from dns_messages import COOKIE, message, opt, option
from packet_fuzz import Messages

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server import udp
from dns_frontend.server.rates import RateLimits
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import Batch, UdpServer

if Batch is None:
    pytest.skip("not built here; a C compiler builds it", allow_module_level=True)


class Pair:
    """A socket with the loop on it, and a client."""

    def __init__(self, responder: Responder, family: socket.AddressFamily, host: str) -> None:
        self.server = socket.socket(family, socket.SOCK_DGRAM)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        self.server.bind((host, 0))
        self.server.setblocking(False)
        self.client = socket.socket(family, socket.SOCK_DGRAM)
        self.client.settimeout(30.0)
        self.client.connect(self.server.getsockname())
        assert Batch is not None
        self.batch = Batch(responder, self.server.fileno(), False)

    def close(self) -> None:
        self.server.close()
        self.client.close()


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def host(request: pytest.FixtureRequest) -> tuple[socket.AddressFamily, str]:
    family, name = request.param
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((name, 0))
    except OSError:
        pytest.skip("this machine has no such family")
    return family, name


def responder_of(exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")) -> Responder:
    settings = ServerSettings(
        server_name="dns-1",
        trusted_forwarders=("127.0.0.0/8", "::1/128"),
        rates=RateLimits(exempt=exempt),
    )
    regions = ClientRegions([("10.0.0.0/8", "west"), ("10.1.0.0/16", "east")])
    return Responder(example(), regions, settings=settings, wall=lambda: 1_800_000_000.0)


def differences(seed: int, count: int, host: tuple[socket.AddressFamily, str]) -> Iterator[bytes]:
    """The messages of which the loop gives another reply than the responder."""
    responder = responder_of()
    pair = Pair(responder, *host)
    known = responder.cookies.verify(host[1], b"abcdefgh").reply
    valid = message(API_NAME, 1, opt(option(COOKIE, known)))
    messages = iter(Messages(seed))
    done = 0
    while done < count:
        packets = [valid]
        while len(packets) < 50:
            packet = next(messages).packet
            # empty datagrams, and ones that are read in part, are the same for both
            if 0 < len(packet) < 4000:
                packets.append(packet)
        expected = [responder.respond(packet, host[1]) for packet in packets]
        for packet in packets:
            pair.client.send(packet)
        while pair.batch.run():
            pass
        for packet, reply in zip(packets, expected, strict=True):
            if reply is not None and pair.client.recv(65_535) != reply:
                yield packet
        done += len(packets)
    pair.server.settimeout(0)
    pair.client.settimeout(0)
    with pytest.raises(BlockingIOError):
        pair.client.recv(65_535)
    assert responder.counters.faults == 0
    pair.close()


def test_the_two_loops_give_the_same_octets(host: tuple[socket.AddressFamily, str]) -> None:
    """`make fuzz` has more of these messages; the table of conformance runs on both loops."""
    assert next(differences(20_260_102, 20_000, host), b"").hex() == ""


def test_the_counters_are_those_of_the_responder() -> None:
    by_hand, by_batch = responder_of(), responder_of()
    pair = Pair(by_batch, socket.AF_INET, "127.0.0.1")
    messages = iter(Messages(7))
    packets = [packet for packet in (next(messages).packet for _ in range(400)) if packet]
    for packet in packets:
        by_hand.respond(packet[:4096], "127.0.0.1")
        pair.client.send(packet)
        pair.batch.run()
    assert repr(by_batch.counters) == repr(by_hand.counters)
    assert by_batch.counters.rcodes == by_hand.counters.rcodes
    assert by_batch.counters.modes == by_hand.counters.modes
    pair.close()


def test_the_rates_hold_in_batches_too() -> None:
    responder = responder_of(exempt=())
    pair = Pair(responder, socket.AF_INET, "127.0.0.1")
    for _ in range(30):
        for _ in range(40):
            pair.client.send(message(API_NAME))
        while pair.batch.run():
            pass
    assert responder.counters.dropped_rate + responder.counters.slipped > 500
    pair.close()


def test_a_loop_that_is_not_built_is_not_needed_and_not_to_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(udp, "Batch", None)
    assert not UdpServer(Responder(example())).batched
    wanted = ServerSettings(udp_loop=UdpLoop.BATCH)
    with pytest.raises(ValueError, match="udp_loop"):
        UdpServer(Responder(example(), settings=wanted))
