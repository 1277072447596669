"""Ends every process of the demo, and removes its directory, however the demo ends.

All processes of a demo are in one process group. The warden leads it, and its child, in
a session of its own, waits for the end of a pipe that the demo holds open: when the demo
is done, or fails, or is killed with SIGKILL, the pipe ends; then the group is killed and the
directory removed. One way out for all endings, so it is used, and tested, every time.

As a program it uses the standard library alone, so that it starts at once:
`python warden.py DIRECTORY`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 10.0
"""How long the group may take to vanish: what is killed is not gone at once."""


class Warden:
    """A directory and a process group that do not outlive this process."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sheetanchor-demo-"))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout is not None
        self._process.stdout.read(1)  # from here on it watches
        self._wards: list[subprocess.Popen[bytes]] = []

    def __repr__(self) -> str:
        return f"<Warden of group {self.group}, {self.directory}>"

    @property
    def group(self) -> int:
        """The process group of all that it watches."""
        return self._process.pid

    def start(self, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Run Python with `arguments`, its output appended to `log`.

        Settings of the caller's environment are not meant for it, and do not reach it.
        """
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SHEETANCHOR_", "OTEL_"))
        }
        with log.open("ab") as output:
            ward = subprocess.Popen(
                [sys.executable, *arguments],
                env=inherited | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=self.group,
            )
        self._wards.append(ward)
        return ward

    def __enter__(self) -> Warden:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Have everything ended, and wait until it has been."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        # as their parent we must collect them, or they stay in the group as zombies
        for process in (self._process, *self._wards):
            process.wait()
        self._process.stdout.read()
        self._process.stdout.close()


def watch(directory: str) -> None:
    """Lead the group, and have a child outside of it that ends it."""
    group = os.getpid()
    child = os.fork()
    if child:
        # the group must have its leader: the child kills it with the rest
        os.waitpid(child, 0)
        return
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b".")
    while os.read(0, 4096):
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and _any_alive(group):
        time.sleep(0.01)
    shutil.rmtree(directory, ignore_errors=True)


def _any_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # some systems say so of zombies
        return False
    return True


if __name__ == "__main__":
    watch(sys.argv[1])
