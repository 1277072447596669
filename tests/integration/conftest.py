"""A real registry node: gRPC on a free port, SQLite in a directory of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from registry_site import Site

from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.telemetry import StatusPage


@pytest.fixture
def status() -> StatusPage:
    """The page that the node adds its checks to; not served."""
    return StatusPage()


@pytest.fixture
async def site(tmp_path: Path, status: StatusPage) -> AsyncIterator[Site]:
    """A node that owns the regions eu and us, and a channel to it."""
    settings = RegistrySettings(
        data_dir=tmp_path / "registry",
        regions=("eu", "us"),
        listen="127.0.0.1:0",
        migrate=True,
        checkpoint_seconds=0.2,
    )
    server = RegistryServer(settings, status=status)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            yield Site(server, settings, channel)
    finally:
        await server.stop(0)
