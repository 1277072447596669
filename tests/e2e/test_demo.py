"""`sheetanchor demo`, run for real: it tells when it cannot keep its promise, and leaves nothing.

That it keeps it: test_installed_package.py.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from demo_run import Demo

from benchmarks.process import ROOT, wait_for


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


def test_frontend_that_is_silent_is_noticed(place: Path) -> None:
    """It lives, holds its socket, and does not answer: exit code 1 as well, and nothing is left."""
    demo = Demo(place, "--json")
    demo.await_words("SIGKILL: all instances")
    (frontend,) = demo.processes("dns", "west")
    os.kill(frontend, signal.SIGSTOP)
    assert demo.exit_code() == 1, demo.said()
    demo.await_nothing_left()
    report = json.loads(demo.output.read_text())
    assert report["unanswered"] > 0
    assert any("west's frontend" in why and "without an answer" in why for why in report["why"])


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


def test_kept_demo_shows_commands_that_work(place: Path) -> None:
    """--keep leaves everything running, and each command that it shows does something."""
    if shutil.which("dig") is None:
        pytest.skip("dig is not installed (Debian: apt-get install bind9-dnsutils)")
    demo = Demo(place, "--keep")
    demo.await_words("# the registry of east\n")
    told = demo.output.read_text().partition("Left running")[0]
    assert "all restored, until the answer was back" in told
    assert max(map(len, told.splitlines())) <= 80
    shown = [line.strip() for line in demo.said().partition("Left running")[2].splitlines()]
    commands = [line for line in shown if line.startswith(("dig ", "sheetanchor "))]
    assert len(commands) >= 4
    for command in commands:
        done = run(command)
        assert done.returncode == 0, done
        assert done.stdout.strip(), done
    (kill,) = [line for line in shown if "the instances of east" in line]
    run(kill)
    (ask,) = [line for line in commands if line.startswith("dig") and " A +short" in line]
    wait_for("the answer moves", lambda: "127.2.0.1" in run(ask).stdout)
    demo.process.send_signal(signal.SIGINT)
    assert demo.exit_code() == 0, demo.said()
    demo.await_nothing_left()


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
