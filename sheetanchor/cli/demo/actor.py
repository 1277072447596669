"""One process of the demo: it can be killed, and started again as it was."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sheetanchor.cli.demo.warden import Warden


class ActorFailed(Exception):
    """A process of the demo did not do its part."""


@dataclass(slots=True)
class Actor:
    """A process; its output goes to a file, and its ending is noticed."""

    title: str
    """As the timeline calls it."""
    arguments: Sequence[str]
    """What Python is to run: `-m MODULE ...`."""
    warden: Warden
    http_port: int = 0
    """Where `/readyz` is asked; 0 for a process without."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    wanted: bool = False
    """Whether it is meant to run now."""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.warden.directory / f"{self.title.replace(' ', '-')}.log"

    @property
    def pid(self) -> int:
        """Its process id; 0 before the first start."""
        return self.process.pid if self.process else 0

    def start(self) -> None:
        """Start it, anew or again."""
        self.process = self.warden.start(self.arguments, self.log)
        self.wanted = True

    def kill(self) -> None:
        """SIGKILL."""
        self.wanted = False
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def check(self) -> None:
        """Raise ActorFailed when it ended although nobody wanted it to."""
        if not self.wanted or self.process is None:
            return
        code = self.process.poll()
        if code is not None:
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            text = f"{self.title} ended by itself: {how}"
            said = self.tail(3)
            raise ActorFailed(f"{text}. It said last: {said}" if said and code >= 0 else text)

    def tail(self, lines: int) -> str:
        """The last lines that it wrote."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    async def until_ready(self, seconds: float) -> None:
        """Wait until `/readyz` says yes. Raises ActorFailed."""
        end = asyncio.get_running_loop().time() + seconds
        while not await asyncio.to_thread(self._ready):
            self.check()
            if asyncio.get_running_loop().time() > end:
                raise ActorFailed(f"{self.title} is not ready after {seconds:g} s")
            await asyncio.sleep(0.05)

    def _ready(self) -> bool:
        url = f"http://127.0.0.1:{self.http_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=1) as reply:
                return bool(reply.status == 200)
        except (OSError, urllib.error.URLError):
            return False
