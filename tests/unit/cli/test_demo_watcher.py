"""The demo's own DNS clients."""

from __future__ import annotations

import asyncio
from typing import cast

import dns.asyncquery
import pytest

from sheetanchor.cli.demo.site import Region
from sheetanchor.cli.demo.watcher import Watcher


class _Region:
    name = "east"
    client = "127.0.0.1"
    dns_port = 9


async def test_it_ends_though_a_cancellation_is_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As happens below dnspython when the answer comes together with the cancellation."""
    asked = asyncio.Event()
    swallowed = 0

    async def udp(*_: object, **__: object) -> object:
        nonlocal swallowed
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed += 1
            if swallowed > 1:
                raise
        raise OSError("nobody there")

    monkeypatch.setattr(dns.asyncquery, "udp", udp)
    watcher = Watcher([cast(Region, _Region())])
    async with asyncio.timeout(30):
        async with watcher.watching():
            await asked.wait()
    assert swallowed == 1
