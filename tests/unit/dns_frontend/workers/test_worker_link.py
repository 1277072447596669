"""A worker that falls behind is told all again; one that does nothing is ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
from registry_site import eventually

from dns_frontend.server.counters import Counters
from dns_frontend.workers import link as link_module
from dns_frontend.workers.channel import Channel, Letter
from dns_frontend.workers.frame import Frame, Kind
from dns_frontend.workers.link import DOUBTS_MAXIMUM, STALL_SECONDS, START_SECONDS, Link
from dns_frontend.workers.retelling import letter


class Process:
    """One that ends when it is killed."""

    pid = 7

    def __init__(self) -> None:
        self.killed = False
        self._over = asyncio.Event()

    def kill(self) -> None:
        self.killed = True
        self._over.set()

    async def wait(self) -> int:
        await self._over.wait()
        return -9


class Scene:
    """A link, and the worker's end of it in the test's own hands."""

    def __init__(self) -> None:
        near, self.raw = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.now = 0.0
        self.settled = 0
        self.process = Process()
        self.counters = Counters()
        self.worker = Channel(self.raw)
        self.link = Link(
            1,
            cast("asyncio.subprocess.Process", self.process),
            Channel(near),
            self.counters,
            self._all,
            self._settle,
            lambda: self.now,
        )

    def _all(self) -> Iterator[Letter]:
        yield letter(Kind.RECALLED, {}, b"{}")

    def _settle(self) -> None:
        self.settled += 1

    def frames(self) -> list[Frame]:
        """What the worker finds, of which it takes the first only when it was asked."""
        found = []
        while (frame := self.worker.receive()) is not None:
            found.append(frame)
        return found

    async def say(self, kind: Kind, **head: object) -> None:
        self.worker.put(letter(kind, head))
        await asyncio.sleep(0)

    def pass_time(self, seconds: float) -> None:
        """Seconds in each of which the frontend looks at it, the last one at the end."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 1.0)
            self.link.tick()

    async def serve(self) -> None:
        """Do all that it was told so far."""
        self.frames()
        number = self.link.number
        await self.say(Kind.SERVED, number=number)
        await eventually(lambda: self.link.done == number)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    made.process.kill()
    await made.link.ended()
    made.worker.close()


async def test_a_worker_is_told_all_and_then_each_change(scene: Scene) -> None:
    """And counts as one that answers when it has said so."""
    scene.link.tell_all()
    scene.link.tell(letter(Kind.REVIEWED, {"now": 1.0}))
    kinds = [frame.kind for frame in scene.frames()]
    assert kinds == [Kind.AFRESH, Kind.RECALLED, Kind.SERVE, Kind.REVIEWED]
    assert not scene.link.serves
    await scene.serve()
    assert scene.link.serves
    assert scene.settled == 1


async def test_one_that_is_too_far_behind_is_told_all_instead(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded, in letters and in octets."""
    monkeypatch.setattr(link_module, "WAITING_LETTERS", 50)
    scene.link.tell_all()
    await scene.serve()
    sent = 0
    while scene.link.resyncs == 0:
        scene.link.tell(letter(Kind.MARKED, {}, bytes(10_000)))
        sent += 1
        assert sent < 1000, "the connection takes no end of it"
    found: list[Frame] = []
    while not found or found[-1].kind is not Kind.SERVE:
        found += scene.frames()
        await asyncio.sleep(0)  # the rest is sent as there is room
    # what was on its way arrives, what waited does not, and a new beginning takes its place
    *before, afresh, all_there_is, serve = found
    assert {frame.kind for frame in before} == {Kind.MARKED}
    assert len(before) < sent
    assert [e.kind for e in (afresh, all_there_is)] == [Kind.AFRESH, Kind.RECALLED]
    assert serve.number == scene.link.number
    assert not scene.process.killed


async def test_one_that_doubts_is_told_all_and_one_that_goes_on_doubting_is_ended(
    scene: Scene,
) -> None:
    """It would doubt for ever."""
    scene.link.tell_all()
    await scene.serve()
    for times in range(1, DOUBTS_MAXIMUM + 1):
        await scene.say(Kind.DOUBT, reason="a frame has a wrong checksum")
        await eventually(lambda times=times: scene.link.resyncs == times)
        assert scene.frames()[0].kind is Kind.AFRESH
    await scene.say(Kind.DOUBT, reason="a frame has a wrong checksum")
    await eventually(lambda: scene.process.killed)
    assert scene.link.resyncs == DOUBTS_MAXIMUM


async def test_doubts_of_long_ago_do_not_count(scene: Scene) -> None:
    """When it has done all that it was told meanwhile."""
    scene.link.tell_all()
    for times in range(1, 3 * DOUBTS_MAXIMUM):
        await scene.serve()
        await scene.say(Kind.DOUBT, reason="a frame has a wrong checksum")
        await eventually(lambda times=times: scene.link.resyncs == times)
    assert not scene.process.killed


async def test_one_that_does_nothing_is_ended(scene: Scene) -> None:
    """Since what it answers may be old, and an acknowledgement waits for it."""
    scene.link.tell_all()
    await scene.serve()
    scene.now = 1000.0
    scene.link.tick()
    assert not scene.process.killed, "it has done all there was"
    scene.link.tell(letter(Kind.REVIEWED, {"now": 1.0}))
    scene.pass_time(STALL_SECONDS)
    assert not scene.process.killed
    # more that it is told gives it no more time
    scene.link.tell(letter(Kind.REVIEWED, {"now": 2.0}))
    scene.pass_time(0.1)
    assert scene.process.killed


async def test_the_frontend_s_own_pause_ends_no_worker(scene: Scene) -> None:
    """One that was asked just before the frontend stood still has answered long ago, unheard."""
    scene.link.tell_all()
    await scene.serve()
    await eventually(lambda: scene.link.done == scene.link.number)
    scene.link.tell(letter(Kind.REVIEWED, {"now": 1.0}))
    scene.now += 1000.0
    scene.link.tick()
    assert not scene.process.killed
    # from there on it has as long as ever, and no longer
    scene.pass_time(STALL_SECONDS)
    assert not scene.process.killed
    scene.pass_time(0.1)
    assert scene.process.killed


async def test_one_that_cannot_be_told_all_is_ended_and_is_never_where_its_frontend_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may still answer for a moment: no acknowledgement goes by what it has done."""
    scene.link.tell_all()
    await scene.serve()
    await eventually(lambda: scene.link.done == scene.link.number)

    def full() -> Iterator[Letter]:
        raise OSError("Too many open files")
        yield

    monkeypatch.setattr(scene.link, "_afresh", full)
    await scene.say(Kind.DOUBT, reason="a frame is missing")
    await eventually(lambda: scene.process.killed)
    assert scene.link.done < scene.link.number


async def test_one_that_never_begins_is_ended(scene: Scene) -> None:
    """It has longer for that: a large cell takes its time."""
    scene.link.tell_all()
    scene.pass_time(START_SECONDS)
    assert not scene.process.killed
    scene.pass_time(0.1)
    assert scene.process.killed


@pytest.mark.parametrize("octets", [b"garbage", b"\0" * 200])
async def test_one_that_speaks_nonsense_is_ended(scene: Scene, octets: bytes) -> None:
    """Whatever became of it, it is not to answer anybody."""
    scene.raw.send(octets)
    await eventually(lambda: scene.process.killed)


async def test_what_it_counted_goes_on_from_what_was_counted_before(scene: Scene) -> None:
    """So no counter falls when a worker is started again."""
    scene.counters.queries_udp = 5
    scene.counters.rcodes[3] = 2
    told = Counters()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    again = Link(
        1,
        cast("asyncio.subprocess.Process", scene.process),
        Channel(near),
        scene.counters,
        list,
        lambda: None,
        lambda: 0.0,
    )
    worker = Channel(far)
    for queries in (1, 4):
        told.queries_udp, told.rcodes[3], told.tcp_open = queries, queries, 9
        worker.put(letter(Kind.COUNTED, told.told()))
    await eventually(lambda: scene.counters.queries_udp == 9)
    assert (scene.counters.rcodes[3], scene.counters.tcp_open) == (6, 9)
    scene.process.kill()
    await again.ended()
    assert (scene.counters.queries_udp, scene.counters.tcp_open) == (9, 0)
    worker.close()
