"""A registry for the operators' verbs, which run as they do from a shell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from operator_shell import Shell
from registry_site import Site

from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.cli.demo.port import free_port


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A node with the cells of two regions."""
    settings = RegistrySettings(
        data_dir=tmp_path / "registry",
        regions=("eu", "us"),
        # some tests stop it, and start another at its address
        listen=f"127.0.0.1:{free_port()}",
        migrate=True,
    )
    server = RegistryServer(settings)
    await server.start()
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        yield Site(server, settings, channel)
    await server.stop(0)


@pytest.fixture
def shell(site: Site) -> Shell:
    """At that node; an address where nobody is comes first."""
    return Shell(f"127.0.0.1:1,{site.server.grpc_address}")
