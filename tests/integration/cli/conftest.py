"""A registry for the operators' verbs, which run as they do from a shell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from registry_site import Site
from typer.testing import CliRunner, Result

from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.cli.main import app

WIDTH = 80


@dataclass
class Shell:
    """Types commands that ask one registry."""

    registry: str

    async def run(self, *arguments: str) -> Result:
        """Run a verb, beside the registry's own loop."""
        runner = CliRunner(
            env={"COLUMNS": str(WIDTH), "SHEETANCHOR_REGISTRY": self.registry, "NO_COLOR": "1"}
        )
        return await asyncio.to_thread(runner.invoke, app, list(arguments))

    async def table(self, *arguments: str) -> list[list[str]]:
        """The words of each line; every line fits the terminal."""
        done = await self.run(*arguments)
        assert done.exit_code == 0, done.output
        lines = done.stdout.splitlines()
        assert max(map(len, lines)) <= WIDTH
        return [line.split() for line in lines]

    async def json(self, *arguments: str) -> Any:
        """The one document that a verb prints."""
        done = await self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A node with the cells of two regions."""
    settings = RegistrySettings(
        data_dir=tmp_path / "registry", regions=("eu", "us"), listen="127.0.0.1:0", migrate=True
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
