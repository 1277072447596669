"""A frontend of several processes answers as one, whatever becomes of any of them."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import dns.asyncquery
import dns.edns
import dns.message
import pytest
from frontend_site import query, settings
from registry_site import eventually
from scripted_publication import ScriptedPublication, base, bodies, delta
from worker_site import (
    NEVER_STALE,
    Clients,
    address_of,
    addresses_in,
    addresses_of_all,
    children,
    crew,
    is_worker,
    shown,
    told_to_all,
    worker_of_this,
)

from benchmarks.process import ServerProcess, ready, wait_for
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.pins import PinBoard
from dns_frontend.feed.snapshot_file import write_snapshot
from dns_frontend.main import FrontendServer
from dns_frontend.plan.guard import Limits
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import Batch
from dns_frontend.workers import retelling
from dns_frontend.workers.memory import Memory
from sheetanchor.cli.demo.port import free_port

NOWHERE = "127.0.0.1:1"
TWO = "10.0.0.2"
LOOPS = [UdpLoop.PYTHON, pytest.param(UdpLoop.BATCH, marks=pytest.mark.skipif(
    Batch is None, reason="no C compiler built it"))]  # fmt: skip


@pytest.fixture
async def registry() -> AsyncIterator[ScriptedPublication]:
    made = await ScriptedPublication(list(base(bodies("cart", "till"), 1))).start()
    yield made
    await made.stop()


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.value)
async def test_all_processes_say_the_same_and_a_change_reaches_all(
    registry: ScriptedPublication, tmp_path: Path, loop: UdpLoop
) -> None:
    """In octets, over UDP and TCP, for what is there and what is not; by either loop."""
    answering = ServerSettings(udp_loop=loop)
    async with crew(tmp_path, registry.address, workers=3, answering=answering) as frontend:
        await eventually(lambda: frontend.ready)
        assert len(children(os.getpid())) == 2
        for service in ("cart", "till", "none", "_why.cart"):
            for kind in ("A", "SRV", "TXT"):
                assert len(await told_to_all(frontend, service, kind)) == 1
        host, port = address_of(frontend)
        over_tcp = {
            (await dns.asyncquery.tcp(query("cart"), host, port=port, timeout=30)).to_wire()
            for _ in range(20)
        }
        assert over_tcp == await told_to_all(frontend, "cart")
        registry.say(delta(bodies("cart", "till"), bodies("cart", address="10.0.0.2"), 2))
        await eventually(lambda: ("eu", 2, "") in registry.heard())
        # the registry was told: so there is nobody left who says otherwise
        assert await addresses_of_all(frontend, "cart") == [("10.0.0.2",)]
        # the lost one is held everywhere, and labelled
        assert len(await told_to_all(frontend, "till")) == 1


async def test_a_generation_is_acknowledged_when_all_have_it(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """A worker that stands still keeps back the word until it goes on."""
    before = bodies("cart", "till")
    async with crew(tmp_path, registry.address) as frontend:
        await eventually(lambda: ("eu", 1, "") in registry.heard())
        worker = worker_of_this()
        os.kill(worker, signal.SIGSTOP)
        registry.say(delta(before, bodies("cart", "till", address="10.0.0.2"), 2))
        # here it is served: its first client is told so
        await eventually(lambda: "eu@2" in repr(frontend))
        # few are asked: a worker that does nothing for long is ended
        answered = 0
        with Clients(address_of(frontend)) as clients:
            packet = query("cart").to_wire()
            for each in clients.sockets:
                told = await clients.one(each, packet, 0.2)
                if told:
                    assert addresses_in(told) == ["10.0.0.2"]
                    answered += 1
                if answered == 3:
                    break
        assert answered
        assert ("eu", 2, "") not in registry.heard()
        os.kill(worker, signal.SIGCONT)
        await eventually(lambda: ("eu", 2, "") in registry.heard())
        assert await addresses_of_all(frontend, "cart") == [("10.0.0.2",)]
        assert worker_of_this() == worker


async def test_a_change_that_there_is_no_room_to_tell_of_is_acknowledged_when_all_have_it(
    registry: ScriptedPublication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long one goes as a descriptor, and there may be none left: whoever cannot be told begins
    again, and neither stays at what was before nor counts as if it had heard."""
    tries = 0

    def full(_: object) -> Memory:
        nonlocal tries
        tries += 1
        raise OSError(errno.EMFILE, "Too many open files")

    async with crew(tmp_path, registry.address) as frontend:
        await eventually(lambda: ("eu", 1, "") in registry.heard())
        worker = worker_of_this()
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(retelling, "Memory", full)
            meanwhile.setattr(retelling, "BODY_OCTETS", 64)
            registry.say(delta(bodies("cart", "till"), bodies("cart", "till", address=TWO), 2))
            await eventually(lambda: tries > 0)
        await eventually(lambda: ("eu", 2, "") in registry.heard())
        assert await addresses_of_all(frontend, "cart") == [(TWO,)]
        await eventually(lambda: [p for p in children(os.getpid()) if p != worker])
        await eventually(lambda: "1 waiting" not in repr(frontend))
        assert await addresses_of_all(frontend, "cart") == [(TWO,)]


async def test_a_worker_that_is_killed_takes_what_waited_for_it_and_no_more(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """Its clients are others' at once; nobody is told nothing, or what was before."""
    after = bodies("cart", "till", address="10.0.0.2")
    async with crew(tmp_path, registry.address) as frontend:
        await eventually(lambda: ("eu", 1, "") in registry.heard())
        registry.say(delta(bodies("cart", "till"), after, 2))
        await eventually(lambda: ("eu", 2, "") in registry.heard())
        worker = worker_of_this()
        packet = query("cart").to_wire()
        lost = asked = 0
        is_over = False

        async def client(clients: Clients, each: socket.socket) -> None:
            nonlocal lost, asked
            while not is_over:
                told = await clients.one(each, packet, 5.0)
                asked += 1
                if told:
                    assert addresses_in(told) == ["10.0.0.2"]
                else:
                    lost += 1

        with Clients(address_of(frontend), 16) as clients:
            async with asyncio.TaskGroup() as tasks:
                for each in clients.sockets:
                    tasks.create_task(client(clients, each))
                await eventually(lambda: asked > 300)
                os.kill(worker, signal.SIGKILL)
                await eventually(lambda: [p for p in children(os.getpid()) if p != worker])
                then = asked
                await eventually(lambda: asked > then + 300)
                is_over = True
        assert lost <= len(clients.sockets), "one of each client at most: what was on its way"
        # the new one has everything, and is waited for again
        await eventually(lambda: "1 waiting" not in repr(frontend))
        assert await addresses_of_all(frontend, "cart") == [("10.0.0.2",)]
        registry.say(delta(after, bodies("cart", "till", address="10.0.0.3"), 3))
        await eventually(lambda: ("eu", 3, "") in registry.heard())
        assert await addresses_of_all(frontend, "cart") == [("10.0.0.3",)]


async def test_what_is_on_disk_is_answered_by_all_with_nobody_to_ask(
    registry: ScriptedPublication, tmp_path: Path
) -> None:
    """And a pin placed meanwhile reaches all, as does its end (I16, I22)."""
    async with crew(tmp_path / "dns", registry.address, workers=1) as frontend:
        await eventually(lambda: ("eu", 1, "") in registry.heard())
        (before,) = await told_to_all(frontend, "cart")
    await registry.stop()
    async with crew(tmp_path / "dns", NOWHERE) as frontend:
        assert frontend.ready
        assert await told_to_all(frontend, "cart") == {before}

        async def why() -> list[bool]:
            told = await told_to_all(frontend, "_why.cart", "TXT")
            return sorted({b"pinned" in each for each in told})

        async def is_pinned() -> bool:
            return await why() == [True]

        async def is_lifted() -> bool:
            return await why() == [False]

        assert await is_lifted()
        snapshot = LastKnownGood(tmp_path / "dns", Limits()).peek("eu").snapshot
        assert snapshot is not None
        write_snapshot(tmp_path / "pinned", snapshot)
        board = PinBoard(tmp_path / "dns", Limits())
        board.place(tmp_path / "pinned", "a test", "now", "a tester")

        await eventually(is_pinned)
        board.lift("eu", "over", "now", "a tester")
        await eventually(is_lifted)


async def test_the_cookie_of_one_is_good_at_all(tmp_path: Path) -> None:
    """A client does not choose who answers it (RFC 7873)."""
    async with crew(tmp_path, NOWHERE) as frontend:
        asking = dns.message.make_query("cart.shop.svc.anchor.internal.", "A", use_edns=0, id=7)
        asking.use_edns(0, options=[dns.edns.CookieOption(b"12345678", b"")])
        with Clients(address_of(frontend)) as clients:
            made = set()
            for reply in await clients.ask(asking.to_wire()):
                (cookie,) = dns.message.from_wire(reply).options[-1:]
                made.add(cookie.to_wire())
            assert made
            for cookie in made:
                again = dns.message.make_query("cart.shop.svc.anchor.internal.", "A", id=7)
                again.use_edns(0, options=[dns.edns.GenericOption(10, cookie)])
                # one that is not known is exchanged for another
                assert {
                    dns.message.from_wire(reply).options[-1].to_wire()
                    for reply in await clients.ask(again.to_wire())
                } == {cookie}


async def test_a_list_of_processes_tells_workers_apart(tmp_path: Path) -> None:
    """By their names in `top` and `ps -e`, and by their arguments in `ps -ef`."""
    async with crew(tmp_path, NOWHERE, workers=3):
        # one that was just started has the name of the interpreter still
        await eventually(
            lambda: (
                sorted(name for name, _ in map(shown, children(os.getpid())))
                == ["sheetanchor-1", "sheetanchor-2"]
            )
        )
        found = dict(map(shown, children(os.getpid())))
    for number in (1, 2):
        arguments = found[f"sheetanchor-{number}"]
        script = next(at for at, each in enumerate(arguments) if each.endswith("worker_process.py"))
        assert arguments[script + 1 : script + 3] == [str(number), "dns-1"]


async def test_an_address_is_not_shared_with_another_frontend_by_mistake(tmp_path: Path) -> None:
    """Not with one of one process, nor with one of several, in either order."""
    async with crew(tmp_path / "one", NOWHERE) as frontend:
        for workers in (1, 2):
            other = replace(
                settings(tmp_path / f"other-{workers}", (NOWHERE,)),
                port=address_of(frontend)[1],
                workers=workers,
            )
            with pytest.raises(OSError, match="Address already in use") as caught:
                await FrontendServer(other).start()
            assert caught.value.errno == errno.EADDRINUSE
    async with crew(tmp_path / "one", NOWHERE, workers=1) as frontend:
        with pytest.raises(OSError, match="Address already in use"):
            await FrontendServer(replace(other, port=address_of(frontend)[1])).start()


async def test_nothing_is_left_of_a_frontend_that_stopped(tmp_path: Path) -> None:
    """Neither a process, nor its address, nor a descriptor."""

    def descriptors() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    port = free_port()
    async with crew(tmp_path, NOWHERE, port=port):
        worker = worker_of_this()
    assert not is_worker(worker)
    before = descriptors()
    async with crew(tmp_path, NOWHERE, port=port):
        pass
    # gRPC closes what led to the registry in its own time
    await eventually(lambda: descriptors() <= before)


@pytest.fixture
async def process(registry: ScriptedPublication, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A frontend of two processes with a plan on its disk, and nobody to ask."""
    async with crew(tmp_path / "dns-eu", registry.address, workers=1):
        await eventually(lambda: ("eu", 1, "") in registry.heard())
    options = {
        "--regions": "eu",
        "--registry": NOWHERE,
        "--data-dir": str(tmp_path),
        "--dns": f"127.0.0.1:{free_port()}",
        "--http": f"127.0.0.1:{free_port()}",
        "--workers": "2",
        "--stale-after": str(NEVER_STALE),
    }
    arguments = ["sheetanchor", "dns", *(word for each in options.items() for word in each)]
    made = ServerProcess("frontend", arguments, tmp_path / "log")
    yield made
    made.kill()


def start(process: ServerProcess) -> int:
    """Start it, until all its processes answer; returns the worker."""
    process.start()
    http = int(process.arguments[process.arguments.index("--http") + 1].partition(":")[2])

    def is_ready() -> bool:
        assert process.alive, process.tail()
        return ready(http)

    wait_for(f"{process} ready", is_ready, 60)
    (worker,) = children(process.pid)
    return worker


def address(process: ServerProcess) -> tuple[str, int]:
    where = process.arguments[process.arguments.index("--dns") + 1]
    return "127.0.0.1", int(where.partition(":")[2])


def test_no_worker_outlives_its_frontend(process: ServerProcess) -> None:
    """Killed, it leaves nobody who answers from what is not kept up to date, nor its address."""
    for _ in range(2):
        worker = start(process)
        process.kill()
        wait_for("the worker's end", lambda worker=worker: not is_worker(worker))
        wait_for("its address", lambda: is_free(address(process)))


def is_free(where: tuple[str, int]) -> bool:
    """Whether somebody who wants an address alone can have it."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as made:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                made.bind(where)
            except OSError:
                return False
    return True


def test_a_worker_ends_with_a_frontend_that_it_cannot_hear(process: ServerProcess) -> None:
    """One that stands still hears of no end; the system ends it all the same."""
    worker = start(process)
    os.kill(worker, signal.SIGSTOP)
    process.kill()
    wait_for("the worker's end", lambda: not is_worker(worker))


async def test_told_to_stop_all_processes_end_in_order(process: ServerProcess) -> None:
    """With SIGTERM for one or for all of them; what the workers counted is seen until then."""
    worker = await asyncio.to_thread(start, process)
    with Clients(address(process)) as clients:
        replies = await clients.ask(query("cart").to_wire())
    assert {tuple(addresses_in(each)) for each in replies} == {("10.0.0.1",)}
    http = process.arguments[process.arguments.index("--http") + 1]

    def counted() -> bool:
        with urllib.request.urlopen(f"http://{http}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        udp = [line for line in lines if "_queries" in line and 'transport="udp"' in line]
        counts = {each: float(line.split()[-1]) for line in udp for each in "01"
                  if f'worker="{each}"' in line}  # fmt: skip
        return len(counts) == 2 and min(counts.values()) > 0 and sum(counts.values()) == 64

    await asyncio.to_thread(wait_for, "the counts of both", counted)
    os.kill(worker, signal.SIGTERM)
    assert process.stop() == 0
    assert not is_worker(worker)
