"""Types the operators' verbs, as from a shell of 80 columns."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner, Result

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
