"""What calls the UDP loop: each datagram or, while many come, a clock that lets some gather."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import uvloop
from answer_samples import API_NAME, ZONE, endpoint, entry, table
from dns_messages import message, opt, option

from dns_frontend.server import udp
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import Batch, UdpServer, Waker

if Batch is None:
    pytest.skip("not built here; a C compiler builds it", allow_module_level=True)

HOUR = 3_600_000_000_000
BATCH = udp.BATCH


class Line:
    """A socket, and what sends datagrams to it."""

    def __init__(self) -> None:
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.connect(self.server.getsockname())

    def waker(self, *, busy: int = HOUR, pause: int = HOUR) -> Waker:
        """What is woken by it. By default all is many, and the clock calls in an hour."""
        return Waker(self.server.fileno(), busy_nanoseconds=busy, pause_nanoseconds=pause)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.server.close()
    made.client.close()


def calls(waker: Waker, seconds: float = 0.0) -> bool:
    """Whether it calls, now or within so long."""
    poll = select.poll()
    poll.register(waker.fileno(), select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def clocks() -> int:
    """How many are open; nothing else in this process has such a thing."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += "timerfd" in str(each.readlink())
    return found


def test_a_datagram_calls_at_once_while_few_come(line: Line) -> None:
    waker = line.waker()
    assert not calls(waker)
    for _ in range(3):
        line.client.send(b"x")
        assert calls(waker)
        line.server.recv(9)
        waker.heed(1, True)
        assert not calls(waker)
        assert not waker.is_busy


def test_while_many_come_the_clock_calls_and_no_datagram(line: Line) -> None:
    waker = line.waker()
    waker.heed(BATCH, True)
    line.client.send(b"x")
    assert waker.is_busy
    assert not calls(waker)
    assert "by the clock" in repr(waker)


def test_many_that_gathered_are_called_for_in_time(line: Line) -> None:
    """Time and again, and whether or not some came meanwhile."""
    waker = line.waker(pause=1_000_000)
    for number in range(20):
        waker.heed(BATCH, True)
        if number % 2:
            line.client.send(b"x")
        assert calls(waker, 30)


def test_when_none_came_by_the_clock_the_next_datagram_calls(line: Line) -> None:
    """At once, though many are expected; and the clock calls no more."""
    waker = line.waker(pause=1_000_000)
    waker.heed(BATCH, True)
    assert calls(waker, 30)
    waker.heed(0, True)
    assert not calls(waker)
    assert "by datagrams" in repr(waker)
    line.client.send(b"x")
    assert calls(waker)


def test_what_was_left_calls_at_once(line: Line) -> None:
    """Whatever it was that called before."""
    waker = line.waker(pause=1_000_000)
    line.client.send(b"x")
    waker.heed(9 * BATCH, False)
    assert calls(waker)
    waker.heed(1, True)
    assert calls(waker, 30)
    waker.heed(9 * BATCH, False)
    assert calls(waker)


def test_many_are_few_again_when_they_come_slowly(line: Line) -> None:
    """A batch takes longer than what is many."""
    waker = line.waker(busy=200_000_000)
    deadline = time.monotonic() + 30
    while not waker.is_busy:
        assert time.monotonic() < deadline
        waker.heed(BATCH, True)
    began = time.monotonic_ns()
    line.client.send(b"x")
    for _ in range(BATCH - 1):
        waker.heed(1, True)
        assert waker.is_busy
    while time.monotonic_ns() - began <= 200_000_000:
        time.sleep(0.02)
    waker.heed(1, True)
    assert not waker.is_busy
    assert calls(waker)


def test_what_cannot_be_waited_for_is_told_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = clocks()
    with pytest.raises(OSError, match="Bad file descriptor"):
        Waker(-1)
    with (tmp_path / "plain").open("w") as plain, pytest.raises(OSError, match="not permitted"):
        Waker(plain.fileno())
    assert clocks() == before


def test_one_that_is_closed_calls_no_more_and_can_be_closed_again(line: Line) -> None:
    before = clocks()
    waker = line.waker()
    waker.heed(BATCH, True)
    waker.close()
    waker.close()
    assert (waker.fileno(), clocks()) == (-1, before)
    waker.heed(0, True)
    waker.heed(BATCH, True)
    line.waker()
    assert clocks() == before


@pytest.mark.parametrize(("is_busy", "answered"), [(False, 8), (True, 1)])
def test_while_many_come_a_short_batch_is_the_last_of_a_turn(
    line: Line, monkeypatch: pytest.MonkeyPatch, is_busy: bool, answered: int
) -> None:
    """What comes while it is answered may gather; else it is answered at once."""
    respond = Responder.respond
    asked = message(f"x.y.z.w.{ZONE}", 1, opt(option(3)))

    def asked_again(*args: object) -> bytes | None:
        line.client.send(asked)
        return respond(*args)  # type: ignore[arg-type]  # as they were given

    monkeypatch.setattr(Responder, "respond", asked_again)
    waker = line.waker(busy=HOUR if is_busy else 0)
    waker.heed(BATCH, True)
    assert Batch is not None
    batch = Batch(Responder(table({})), line.server.fileno(), False, waker)
    line.client.send(asked)
    assert batch.run() == answered


def server_of(address: str) -> Responder:
    answers = table({"east": [entry(endpoint("a", address))], "west": []})
    return Responder(answers, settings=ServerSettings(udp_loop=UdpLoop.BATCH))


async def _flood_and_silence() -> None:
    server = UdpServer(server_of("10.0.0.1"))
    server.start("127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    asked = message(API_NAME, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect(server.address)

        async def exchange(count: int) -> bytes:
            reply = b""
            for _ in range(count):
                client.send(asked)
            async with asyncio.timeout(60):
                for _ in range(count):
                    reply = await loop.sock_recv(client, 4096)
            return reply

        for address in ("10.0.0.1", "10.0.0.2"):
            for count in (1, BATCH, 1, 2 * BATCH, BATCH // 2, 3):
                assert (await exchange(count))[-4:] == socket.inet_aton(address)
            assert server._waker is not None
            assert server._waker.is_busy
            server.answer_from(server_of("10.0.0.2"))
        async with asyncio.timeout(60):
            while "by datagrams" not in repr(server._waker):  # noqa: ASYNC110 - the kernel's clock sets no event
                await asyncio.sleep(0.001)
        assert await exchange(1)
    server.stop()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_every_query_is_answered_however_many_come(
    factory: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In floods, one by one among them, after a silence, and when another table answers."""
    monkeypatch.setattr(udp, "Waker", partial(Waker, busy_nanoseconds=HOUR))
    before = clocks()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_flood_and_silence())
    assert clocks() == before


def test_a_server_that_stops_leaves_nothing_open() -> None:
    before = clocks()
    server = UdpServer(server_of("10.0.0.1"))
    server.open("127.0.0.1", 0)
    assert clocks() == before + 1
    server.stop()
    server.stop()
    assert clocks() == before
