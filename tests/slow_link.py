"""A link to a PostgreSQL server that a test makes slow, or dead, and whole again.

It stands between: what a client sends waits for `delay_seconds` before it goes on. A
message of a client is a statement or two, so that is the latency of a statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path

from sqlalchemy.engine import make_url

SOCKET = ".s.PGSQL.5432"
READ_OCTETS = 65536


class SlowLink:
    """Listens where `url` says, and passes on to the server of the URL that it was given."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        host = parsed.query["host"]
        assert isinstance(host, str)
        self.delay_seconds = 0.0
        self._home = Path(tempfile.mkdtemp(prefix="sa-link-"))  # a socket's path must be short
        self._server_path = Path(host) / SOCKET
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.url = parsed.update_query_dict({"host": str(self._home)}).render_as_string(False)

    async def start(self) -> None:
        """Begin to listen."""
        self._listener = await asyncio.start_unix_server(self._accept, self._home / SOCKET)

    async def stop(self) -> None:
        """Cut all connections."""
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self._home, ignore_errors=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._server_path)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far_writer, slow=True))
                both.create_task(self._carry(far_reader, writer, slow=False))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass  # an end that went away is all that the other one is told
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        try:
            while octets := await source.read(READ_OCTETS):
                if slow and self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                sink.write(octets)
                await sink.drain()
        finally:
            with contextlib.suppress(OSError):
                sink.close()
