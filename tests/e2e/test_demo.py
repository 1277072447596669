"""`sheetanchor demo`, run for real: it keeps its promise, tells when not, and leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().decode(errors="replace")
                    environment = (entry / "environ").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                mine = f"TMPDIR={self.directory}" in environment.split("\0")
                if mine and all(word in line.split("\0") for word in words):
                    found.append(int(entry.name))
        return found

    def await_nothing_left(self) -> None:
        """No process lives, and no file is there."""
        wait_for("all processes gone", lambda: not self.processes())
        wait_for("all files gone", lambda: not list(self.directory.iterdir()))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A temporary directory for one run; whatever is left of it ends with the test."""
    with place_in(tmp_path) as directory:
        yield directory


@contextmanager
def place_in(parent: Path) -> Iterator[Path]:
    """The same, for one that is played beside other tests."""
    directory = parent / "tmp"
    directory.mkdir()
    try:
        yield directory
    finally:
        for pid in Demo.processes(_Place(directory)):  # type: ignore[arg-type]  # only the directory is read
            os.kill(pid, signal.SIGKILL)


class _Place:
    def __init__(self, directory: Path) -> None:
        self.directory = directory


def test_no_answer_is_ever_empty(place: Path, installed: Path) -> None:
    """It ends by itself with 0, has measured everything, and leaves nothing behind.

    It finds all of its programs where it was installed.
    """
    demo = Demo(place, "--json", installed=installed)
    assert demo.exit_code() == 0, demo.said()
    report = json.loads(demo.output.read_text())
    assert report["ok"] is True
    assert report["why"] == []
    assert report["empty_or_negative"] == 0
    assert report["unanswered"] == 0
    assert report["queries"] > 100
    # how long they may take the demo judges itself
    assert report["kill_to_moved_seconds"] > 0
    assert report["restore_to_back_seconds"] > 0
    assert report["registry_away_seconds"] > 5
    events = [moment["event"] for moment in report["timeline"]]
    assert events == [
        "steady",
        "instances-killed",
        "moved",
        "registry-killed",
        "unmoved",
        "restored",
        "back",
        "end",
    ]
    times = [moment["at_seconds"] for moment in report["timeline"]]
    assert times == sorted(times)
    for client in report["clients"]:
        assert client["queries"] > 20
        assert all(answer["addresses"] for answer in client["answers"])
    demo.await_nothing_left()


def test_frontend_that_dies_is_noticed(place: Path) -> None:
    """Killed for good half-way: exit code 1, and the report says who."""
    demo = Demo(place, "--json")
    demo.await_words("SIGKILL: all instances")
    (frontend,) = demo.processes("dns", "west")
    os.kill(frontend, signal.SIGKILL)
    assert demo.exit_code() == 1, demo.said()
    report = json.loads(demo.output.read_text())
    assert report["ok"] is False
    assert "frontend west ended by itself: SIGKILL" in report["why"]
    demo.await_nothing_left()


def play_with_a_silent_frontend(directory: Path) -> dict[str, Any]:
    """What the demo reports when a frontend lives, holds its socket, and does not answer."""
    with place_in(directory) as place:
        demo = Demo(place, "--json")
        demo.await_words("SIGKILL: all instances")
        (frontend,) = demo.processes("dns", "west")
        os.kill(frontend, signal.SIGSTOP)
        assert demo.exit_code() == 1, demo.said()
        demo.await_nothing_left()
        found: dict[str, Any] = json.loads(demo.output.read_text())
        return found


@pytest.mark.beside(work=play_with_a_silent_frontend)
def test_frontend_that_is_silent_is_noticed(beside: dict[str, Any]) -> None:
    """Exit code 1 as well, and it leaves nothing."""
    assert beside["unanswered"] > 0
    assert any("west's frontend" in why and "without an answer" in why for why in beside["why"])


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_nothing_outlives_it(place: Path, how: signal.Signals, code: int) -> None:
    """Interrupted, ended or killed: processes and files go with it."""
    demo = Demo(place)
    demo.await_words("SIGKILL: the registry")
    assert len(demo.processes("sheetanchor.cli.demo.service")) == 2
    demo.process.send_signal(how)
    assert demo.exit_code() == code, demo.said()
    demo.await_nothing_left()


def test_nothing_outlives_a_start_that_is_interrupted(place: Path) -> None:
    """Also when it had hardly begun."""
    demo = Demo(place)
    demo.await_words("Starting")
    demo.process.send_signal(signal.SIGINT)
    assert demo.exit_code() == 130, demo.said()
    demo.await_nothing_left()


def keep_and_try(directory: Path) -> list[subprocess.CompletedProcess[str]]:
    """Plays the demo with --keep, and tries each command that it shows."""
    if shutil.which("dig") is None:
        pytest.skip("dig is not installed (Debian: apt-get install bind9-dnsutils)")
    with place_in(directory) as place:
        demo = Demo(place, "--keep")
        demo.await_words("# the registry of east\n")
        told = demo.output.read_text().partition("Left running")[0]
        assert "all restored, until the answer was back" in told
        assert max(map(len, told.splitlines())) <= 80
        shown = [line.strip() for line in demo.said().partition("Left running")[2].splitlines()]
        commands = [line for line in shown if line.startswith(("dig ", "sheetanchor "))]
        tried = [run(command) for command in commands]
        (kill,) = [line for line in shown if "the instances of east" in line]
        run(kill)
        (ask,) = [line for line in commands if line.startswith("dig") and " A +short" in line]
        wait_for("the answer moves", lambda: "127.2.0.1" in run(ask).stdout)
        demo.process.send_signal(signal.SIGINT)
        assert demo.exit_code() == 0, demo.said()
        demo.await_nothing_left()
        return tried


@pytest.mark.beside(work=keep_and_try)
def test_kept_demo_shows_commands_that_work(
    beside: list[subprocess.CompletedProcess[str]],
) -> None:
    """--keep leaves everything running, and each command that it shows does something."""
    assert len(beside) >= 4
    for done in beside:
        assert done.returncode == 0, done
        assert done.stdout.strip(), done


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Run one line in a shell, the `sheetanchor` of this environment first on its path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
