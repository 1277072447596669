"""A frontend of several processes, and questions to all of them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import dns.message
from frontend_site import query, settings
from registry_site import eventually

from dns_frontend.main import FrontendServer
from dns_frontend.server.settings import ServerSettings
from sheetanchor.telemetry import StatusPage

QUESTIONS = 64
"""Of so many clients at different ports none is dealt to one of two processes with a chance
of 2 to the power of -63."""

SILENCE_SECONDS = 600.0
NEVER_STALE = 1e11
"""Plans of tests are as old as the epoch."""


@asynccontextmanager
async def crew(
    directory: Path,
    registry: str,
    *,
    workers: int = 2,
    port: int = 0,
    answering: ServerSettings | None = None,
) -> AsyncIterator[FrontendServer]:
    """One that follows a registry, started, with all its processes answering.

    It bears the silence of a registry that says nothing unasked, and begins anew when it is left.
    """
    made = settings(directory, (registry,))
    made = replace(
        made,
        feed=replace(made.feed, silence_seconds=SILENCE_SECONDS),
        workers=workers,
        port=port,
        stale_seconds=NEVER_STALE,
    )
    status = StatusPage()
    server = FrontendServer(made, answering, status=status)
    await server.start()
    try:
        await eventually(lambda: "workers" not in str(status.failures()))
        yield server
    finally:
        await server.stop()


def children(parent: int) -> list[int]:
    """The processes that a process has started and that live."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return [pid for pid in found if is_worker(pid)]


def is_worker(pid: int) -> bool:
    """Whether a process is a worker, and has not ended."""
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return state != "Z" and b"workers/worker_process.py" in command
    return False


def shown(pid: int) -> tuple[str, list[str]]:
    """What a list of processes shows of one: its name, and its arguments."""
    found = Path(f"/proc/{pid}")
    return (found / "comm").read_text().strip(), (found / "cmdline").read_text().split("\0")


def worker_of_this() -> int:
    """The one worker beside this process."""
    (pid,) = children(os.getpid())
    return pid


class Clients:
    """Many clients, whose questions are dealt to all processes."""

    def __init__(self, address: tuple[str, int], count: int = QUESTIONS) -> None:
        self.sockets = []
        for _ in range(count):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.connect(address)
            self.sockets.append(made)

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.sockets:
            each.close()

    async def ask(self, packet: bytes, *, seconds: float = 10.0) -> list[bytes]:
        """What each of them is told; less where a datagram was lost."""
        return [told for each in self.sockets if (told := await self.one(each, packet, seconds))]

    async def one(self, each: socket.socket, packet: bytes, seconds: float) -> bytes:
        """What one of them is told; nothing when nothing comes."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(each, packet)
            async with asyncio.timeout(seconds):
                return await loop.sock_recv(each, 65_535)
        except (TimeoutError, OSError):
            return b""


def address_of(frontend: FrontendServer) -> tuple[str, int]:
    """Where it answers."""
    host, _, port = frontend.dns_address.rpartition(":")
    return host, int(port)


async def told_to_all(frontend: FrontendServer, service: str, kind: str = "A") -> set[bytes]:
    """The different replies that many clients are given to one question."""
    with Clients(address_of(frontend)) as clients:
        replies = await clients.ask(query(service, kind).to_wire())
    assert len(replies) == QUESTIONS
    return set(replies)


def addresses_in(reply: bytes) -> list[str]:
    """The addresses that a reply shows."""
    answer = dns.message.from_wire(reply).answer
    return sorted(record.address for records in answer for record in records)


async def addresses_of_all(frontend: FrontendServer, service: str) -> list[tuple[str, ...]]:
    """The different addresses that many clients are told."""
    replies = await told_to_all(frontend, service)
    return sorted({tuple(addresses_in(each)) for each in replies})
