"""Server processes as a benchmark or an end-to-end test wants them: real, apart, killable.

Ports are picked free before the start, so that a process killed and started again
comes back at its old address.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).resolve().parent.parent


class NotReady(AssertionError):
    """Something did not become true in time."""


def wait_for(
    what: str, true: Callable[[], object], seconds: float = 90.0, step_seconds: float = 0.02
) -> float:
    """Wait until `true()` is, and return how long that took. Raises NotReady."""
    begin = time.monotonic()
    while not true():
        if time.monotonic() - begin > seconds:
            raise NotReady(f"{what}: not within {seconds:g} s")
        time.sleep(step_seconds)
    return time.monotonic() - begin


def stays_true(
    what: str, true: Callable[[], object], seconds: float, step_seconds: float = 0.02
) -> None:
    """Look again and again for `seconds`. Raises AssertionError when once it is not so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert true(), f"{what}: no longer"
        time.sleep(step_seconds)


@dataclass
class ServerProcess:
    """One process running a module, with its output in a file."""

    name: str
    arguments: Sequence[str]
    log: Path
    core: int | None = None
    """The one CPU core that it may use; None means any."""
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = ROOT
    """Where it runs; from the checkout it imports the checkout."""
    process: subprocess.Popen[bytes] | None = None
    begun: ClassVar[list[ServerProcess]] = []
    """All that were started and not forgotten: whoever tells of a failure shows what they said."""

    def __repr__(self) -> str:
        return f"<{self.name} pid={self.pid or '-'} {'up' if self.alive else 'down'}>"

    @classmethod
    def forget_ended(cls) -> None:
        """What is over is over."""
        cls.begun[:] = [each for each in cls.begun if each.alive]

    @property
    def pid(self) -> int:
        """Process id; 0 before the start."""
        return self.process.pid if self.process else 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it. Settings of the caller's own environment do not reach it."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("SHEETANCHOR_", "OTEL_"))
        }
        command = [sys.executable, "-m", *self.arguments]
        if not any(each is self for each in self.begun):
            self.begun.append(self)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=inherited | {"PYTHONUNBUFFERED": "1"} | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if self.core is not None:
            # long before it makes its first thread, which will inherit this
            os.sched_setaffinity(self.process.pid, {self.core})

    def kill(self) -> None:
        """SIGKILL, and wait for its end. Harmless when it has ended."""
        self._end(signal.SIGKILL, 10)

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM, and return its exit code; SIGKILL when it takes longer than `seconds`."""
        return self._end(signal.SIGTERM, seconds)

    def pause(self) -> None:
        """SIGSTOP: it lives, holds its sockets, and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 40) -> str:
        """The last lines that it wrote."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def cpu_seconds(self) -> float:
        """CPU time used so far, user and system (proc(5), /proc/PID/stat fields 14 and 15)."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory in use (proc(5), /proc/PID/statm field 2)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _end(self, how: signal.Signals, seconds: float) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            return -signal.SIGKILL


def ready(http_port: int) -> bool:
    """Whether `/readyz` says yes."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/readyz", timeout=1) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False
