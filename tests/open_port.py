"""A port that takes connections, and says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def listening(address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Its number."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), address, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
