"""A server as a process: started, told to stop, told again, and failing to start."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ENDING = [signal.SIGTERM, signal.SIGINT]


class Process:
    """One that is running, and what it says."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.running = running

    def until(self, word: str) -> list[str]:
        """What it says up to this word."""
        said = []
        assert self.running.stdout is not None
        for line in self.running.stdout:
            said.append(line.strip())
            if said[-1] == word:
                return said
        raise AssertionError(f"it ended without {word!r}: {said}")

    def rest(self) -> list[str]:
        """What it says until it ends."""
        assert self.running.stdout is not None
        said = [line.strip() for line in self.running.stdout]
        self.running.wait(20)
        return said


@contextmanager
def process(kind: str) -> Iterator[Process]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.telemetry.idle_server", kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            yield Process(running)
        finally:
            running.kill()


@pytest.mark.parametrize("number", ENDING)
def test_told_to_stop_it_stops_in_order_and_ends_well(number: signal.Signals) -> None:
    """By either signal."""
    with process("steady") as idle:
        idle.until("started")
        idle.running.send_signal(number)
        assert idle.rest() == ["stopping", "stopped", "ended"]
        assert idle.running.returncode == 0


@pytest.mark.parametrize("second", ENDING)
@pytest.mark.parametrize("first", ENDING)
def test_a_second_signal_ends_it_at_once(first: signal.Signals, second: signal.Signals) -> None:
    """Of whichever kind: whoever sends it does not want to wait."""
    with process("sticky") as idle:
        idle.until("started")
        idle.running.send_signal(first)
        idle.until("stopping")
        idle.running.send_signal(second)
        assert idle.rest() == []
        assert idle.running.returncode == -second


@pytest.mark.parametrize("number", ENDING)
def test_told_to_stop_during_its_start_it_cleans_up_and_ends_well(number: signal.Signals) -> None:
    """A supervisor that changed its mind is no failure."""
    with process("slow") as idle:
        idle.until("starting")
        idle.running.send_signal(number)
        assert idle.rest() == ["cleaned up after CancelledError", "ended"]
        assert idle.running.returncode == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("failing", ["starting", "cleaned up after OSError", "ended"]),
        ("unmade", ["ended"]),
    ],
)
def test_a_start_that_fails_ends_it_with_the_error(kind: str, said: list[str]) -> None:
    """Nothing, such as the status page, keeps it alive."""
    with process(kind) as idle:
        assert idle.rest() == said
        assert idle.running.returncode == 1
