"""Stopping a frontend in the middle of everything leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from frontend_site import addresses, settings
from registry_site import eventually
from scripted_publication import ScriptedPublication, base, bodies, delta

from dns_frontend.feed import lkg
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.main import FrontendServer
from dns_frontend.plan.guard import Limits
from sheetanchor.telemetry import StatusPage

NOWHERE = "127.0.0.1:1"
ONE = bodies("cart")


class Gate:
    """Holds a blocking call until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def through(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, which waits first."""

        def wait(*arguments: Any, **named: Any) -> Any:
            self.reached.set()
            assert self._open.wait(60)
            return call(*arguments, **named)

        return wait

    def open(self) -> None:
        """Let it through."""
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open()


def held(directory: Path) -> set[str]:
    """Files below the directory that this process has open."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(each)
        except OSError:
            continue
        if target.startswith(str(directory)):
            found.add(Path(target).name)
    return found


def bases(directory: Path) -> list[Path]:
    return list(directory.rglob("*.base"))


def writers() -> int:
    return sum(thread.name == "last-known-good" for thread in threading.enumerate())


async def nothing_left(directory: Path, port: int = 0) -> None:
    """No task, thread, open file, lock or socket."""
    await eventually(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    await eventually(lambda: writers() == 0)
    assert held(directory) == set()
    disk = LastKnownGood(directory, Limits())
    disk.open()
    disk.close()
    if port:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as again:
                again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                again.bind(("127.0.0.1", port))


def port_of(frontend: FrontendServer) -> int:
    return int(frontend.dns_address.rpartition(":")[2])


async def test_stopped_before_its_start_and_twice(tmp_path: Path) -> None:
    """Harmless both."""
    frontend = FrontendServer(settings(tmp_path, (NOWHERE,)))
    await frontend.stop()
    await frontend.stop()
    await nothing_left(tmp_path)


async def test_stopped_while_it_cannot_connect(tmp_path: Path) -> None:
    """To an address where nobody listens, and one where somebody listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        frontend = FrontendServer(settings(tmp_path, (NOWHERE,), (address,)))
        await frontend.start()
        port = port_of(frontend)
        mute.settimeout(0)

        def called() -> bool:
            try:
                mute.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        await eventually(called)
        await frontend.stop()
        await nothing_left(tmp_path, port)


async def test_a_start_cancelled_while_it_reads_lets_go_of_the_files_last(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is not free while a thread may still cut a journal."""
    await kept(tmp_path)
    monkeypatch.setattr(lkg, "read_octets", gate.through(lkg.read_octets))
    status = StatusPage()
    frontend = FrontendServer(settings(tmp_path, (NOWHERE,)), status=status)
    starting = asyncio.create_task(frontend.start())
    await eventually(gate.reached.is_set)
    starting.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not starting.done()
    assert "LOCK" in held(tmp_path)
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await nothing_left(tmp_path)


async def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The address is taken: it says so, and the directory is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        frontend = FrontendServer(replace(settings(tmp_path, (NOWHERE,)), port=port))
        with pytest.raises(OSError, match="in use"):
            await frontend.start()
    await nothing_left(tmp_path)


async def test_stopped_during_a_write_that_is_done_first(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken is on disk in the next life; files are closed after it, not under it."""
    registry = await ScriptedPublication([*base(ONE, 5)]).start()
    try:
        frontend = FrontendServer(settings(tmp_path, (registry.address,)))
        monkeypatch.setattr(os, "fsync", gate.through(os.fsync))
        monkeypatch.setattr("dns_frontend.feed.vault.Vault.write_record", lambda *_: None)
        await frontend.start()
        port = port_of(frontend)
        await eventually(gate.reached.is_set)
        stopping = asyncio.create_task(frontend.stop())
        await eventually(lambda: "scribe" not in {t.get_name() for t in asyncio.all_tasks()})
        assert not stopping.done()
        assert "LOCK" in held(tmp_path)
        gate.open()
        await stopping
    finally:
        await registry.stop()
    await nothing_left(tmp_path, port)
    again = FrontendServer(settings(tmp_path, (NOWHERE,)))
    await again.start()
    assert await addresses(again, "cart") == ["10.0.0.1"]
    await again.stop()


async def test_stopped_while_the_disk_hangs_it_keeps_the_lock_alone(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for ever, and nobody else may use the directory under the write."""
    registry = await ScriptedPublication([*base(ONE, 5)]).start()
    monkeypatch.setattr("dns_frontend.main.FINISH_SECONDS", 0.05)
    try:
        frontend = FrontendServer(settings(tmp_path, (registry.address,)))
        monkeypatch.setattr(LastKnownGood, "write", gate.through(LastKnownGood.write))
        await frontend.start()
        await eventually(gate.reached.is_set)
        async with asyncio.timeout(30):
            await frontend.stop()
        assert "LOCK" in held(tmp_path)
        assert all(t.daemon for t in threading.enumerate() if t.name == "last-known-good")
        gate.open()
        await eventually(lambda: writers() == 0)
        await frontend.stop()
        assert "LOCK" in held(tmp_path)
    finally:
        await registry.stop()


async def test_stopped_in_the_middle_of_a_base(tmp_path: Path) -> None:
    """Half a generation is none."""
    registry = await ScriptedPublication([*base(bodies("a", "b"), 5, parts=2)[:1]]).start()
    try:
        frontend = FrontendServer(settings(tmp_path, (registry.address,)))
        await frontend.start()
        port = port_of(frontend)
        await eventually(lambda: registry.watches)
        await frontend.stop()
        await eventually(lambda: registry.ended == 1)
    finally:
        await registry.stop()
    await nothing_left(tmp_path, port)
    assert bases(tmp_path) == []


async def kept(directory: Path) -> None:
    """Have something on disk, as a life before left it."""
    registry = await ScriptedPublication([*base(ONE, 5), delta(ONE, ONE, 6)]).start()
    frontend = FrontendServer(settings(directory, (registry.address,)))
    await frontend.start()
    await eventually(lambda: ("eu", 6, "") in registry.heard())
    await frontend.stop()
    await registry.stop()


async def test_a_loop_whose_dependency_was_cancelled_under_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call dies so when its channel is closed; nobody meant the loop."""
    monkeypatch.setattr("dns_frontend.main.LOOP_PAUSE_SECONDS", 0.01)
    lives = 0

    async def waits_for_the_dead(_: object) -> None:
        nonlocal lives
        lives += 1
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    monkeypatch.setattr("dns_frontend.feed.warden.Warden.run", waits_for_the_dead)
    frontend = FrontendServer(settings(tmp_path, (NOWHERE,)))
    await frontend.start()
    port = port_of(frontend)
    await eventually(lambda: lives > 2)
    await frontend.stop()
    await nothing_left(tmp_path, port)
