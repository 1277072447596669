"""A server as a process says that it is ready when it is, and not before."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import urllib.error
import urllib.request

from sheetanchor.collector import Collector
from sheetanchor.process import _serve
from sheetanchor.telemetry import StatusPage


def readiness(status: StatusPage) -> int:
    """The code of `/readyz`."""
    try:
        with urllib.request.urlopen(f"http://{status.address}/readyz", timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


class Asking:
    """A server without checks of its own that asks for its readiness, then wants to end."""

    def __init__(self, status: StatusPage) -> None:
        self._status = status
        self.codes: list[int] = []

    async def start(self) -> None:
        """Come up."""
        self.codes.append(await asyncio.to_thread(readiness, self._status))
        self._waiting = asyncio.create_task(self._then())

    async def _then(self) -> None:
        # the process hears that the start is over in its own time
        try:
            async with asyncio.timeout(30):
                code = 503
                while code == 503:
                    code = await asyncio.to_thread(readiness, self._status)
            self.codes.append(code)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    async def stop(self) -> None:
        """End."""
        await self._waiting


def test_starting_server_is_not_ready() -> None:
    """503 for as long as the start takes, then 200."""
    status = StatusPage()
    server = Asking(status)
    asyncio.run(_serve(lambda: server, status))
    assert server.codes == [503, 200]


def test_a_collector_takes_over_when_the_start_is_over() -> None:
    """What was read at the start is not looked through again, and Python looks no more."""
    status = StatusPage()
    server = Asking(status)
    looked: list[list[int]] = []

    def collect() -> int:
        looked.append(list(server.codes))
        return 0

    try:
        asyncio.run(_serve(lambda: server, status, Collector(lambda: 0, collect)))
        assert (looked, gc.isenabled()) == ([[503]], False)
    finally:
        gc.unfreeze()
        gc.enable()
