"""`sheetanchor demo`, begun as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.process import ROOT, wait_for


class Demo:
    """One run, with a temporary directory of its own, by which its processes are known."""

    def __init__(self, directory: Path, *options: str, installed: Path | None = None) -> None:
        """`installed`: the package that it is run from, instead of the checkout."""
        self.directory = directory
        self.errors = directory.parent / "stderr"
        self.output = directory.parent / "stdout"
        self.begin = time.monotonic()
        with self.errors.open("w") as errors, self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sheetanchor", "demo", *options],
                cwd=ROOT if installed is None else directory.parent,
                env=os.environ | {"TMPDIR": str(directory)} | self._imports(installed),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    @staticmethod
    def _imports(installed: Path | None) -> dict[str, str]:
        return {} if installed is None else {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}

    def said(self) -> str:
        """What it has printed so far."""
        return self.errors.read_text() + self.output.read_text()

    def await_words(self, words: str) -> None:
        """Wait until it says so; fail at once when it ended."""

        def look() -> bool:
            assert words in self.said() or self.process.poll() is None, self.said()
            return words in self.said()

        wait_for(words, look, 240)

    def exit_code(self) -> int:
        """Wait until it has ended, however busy the machine."""
        try:
            return self.process.wait(240)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end:\n{self.said()}")

    def processes(self, *words: str) -> list[int]:
        """Its live processes whose command line holds all `words`."""
        return processes_in(self.directory, *words)

    def await_nothing_left(self) -> None:
        """No process lives, and no file is there."""
        wait_for("all processes gone", lambda: not self.processes())
        wait_for("all files gone", lambda: not list(self.directory.iterdir()))


def processes_in(directory: Path, *words: str) -> list[int]:
    """The live processes of the run there whose command line holds all `words`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            mine = f"TMPDIR={directory}" in environment.split("\0")
            if mine and all(word in line.split("\0") for word in words):
                found.append(int(entry.name))
    return found
