"""The test bed: fresh server processes, pinned to a core, and clients of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from benchmarks.fleet import Fleet
from benchmarks.name_watch import NameWatch
from benchmarks.process import ServerProcess, ready, wait_for
from benchmarks.servers import dns_arguments, registry_arguments
from sheetanchor.cli.demo.port import free_port

REGION = "near"


class Bed:
    """Starts servers on the first core and keeps this process, the load, on the last."""

    zone = "anchor.internal."

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs = 0
        self.frontend: ServerProcess | None = None
        """The last frontend started."""
        cores = sorted(os.sched_getaffinity(0))
        self._server_core, self._load_core = cores[0], cores[-1]

    @contextlib.asynccontextmanager
    async def registry(self) -> AsyncIterator[tuple[Fleet, ServerProcess, Path]]:
        """A registry with an empty SQLite file."""
        self._runs += 1
        data_dir = self._directory / f"registry-{self._runs}"
        grpc_port, http_port = free_port(), free_port()
        server = ServerProcess(
            "registry",
            registry_arguments(data_dir, grpc_port, http_port, (REGION,)),
            self._directory / f"registry-{self._runs}.log",
            core=self._server_core,
        )
        server.start()
        fleet = Fleet(f"127.0.0.1:{grpc_port}", REGION)
        try:
            self._await_ready(server, http_port)
            with self._pinned():
                yield fleet, server, data_dir
        finally:
            await fleet.close()
            server.kill()

    @contextlib.asynccontextmanager
    async def registry_and_frontend(self) -> AsyncIterator[tuple[Fleet, NameWatch, int]]:
        """A registry and a frontend that follows it; also a port listened at on every address."""
        async with self.registry() as (fleet, _, _):
            dns_port, http_port = free_port(), free_port()
            frontend = ServerProcess(
                "frontend",
                dns_arguments(
                    self._directory / f"frontend-{self._runs}",
                    dns_port,
                    http_port,
                    region=REGION,
                    regions=(REGION,),
                    registries=(fleet.registry,),
                ),
                self._directory / f"frontend-{self._runs}.log",
                core=self._server_core,
            )
            frontend.start()
            self.frontend = frontend
            listener = await asyncio.start_server(_hang_up, "0.0.0.0", 0)
            try:
                self._await_ready(frontend, http_port)
                watch = await NameWatch.open("127.0.0.1", dns_port)
                yield fleet, watch, listener.sockets[0].getsockname()[1]
                watch.close()
            finally:
                listener.close()
                frontend.kill()

    @contextlib.contextmanager
    def one_core(self) -> Iterator[None]:
        """Run what follows in this process on the servers' core."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self._server_core})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def _await_ready(self, server: ServerProcess, http_port: int) -> None:
        def look() -> bool:
            if not server.alive:
                raise RuntimeError(f"{server.name} ended by itself:\n{server.tail()}")
            return ready(http_port)

        wait_for(f"{server.name} ready", look, 30)

    @contextlib.contextmanager
    def _pinned(self) -> Iterator[None]:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self._load_core})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
