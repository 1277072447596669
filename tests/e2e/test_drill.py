"""Drills pass as things are; the one of October 2025 fails without the guards, as it did then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "sheetanchor", "drill", "october-2025"]


@pytest.mark.timeout(180)
def test_the_delayed_plan_is_refused_and_no_answer_falters() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 answers were empty, negative or older" in done.stdout
    assert "(I2)" in done.stdout
    assert "(I3)" in done.stdout


@pytest.mark.timeout(180)
def test_without_the_guards_the_name_goes_back_and_then_away() -> None:
    done = subprocess.run(
        [*COMMAND, "--mutant"], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "older than 42" in done.stdout
    assert "NXDOMAIN" in done.stdout
    assert "October 2025 happened again" in done.stdout


@pytest.mark.timeout(180)
def test_a_lost_region_is_answered_for_by_the_next_and_comes_back(tmp_path: Path) -> None:
    table = tmp_path / "drills.md"
    command = [*COMMAND[:-1], "region-loss", "west", "--write", str(table)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table.read_text().count("| passed |") == 3


@pytest.mark.timeout(240)
def test_of_a_silent_crowd_the_budgets_let_go_and_nobody_else_leaves(tmp_path: Path) -> None:
    """Sockets that answer nothing are silent to a real check; six of twenty are."""
    table = tmp_path / "drills.md"
    command = [*COMMAND[:-1], "mass-silence", "--endpoints", "20", "--seconds", "20"]
    done = subprocess.run(
        [*command, "--write", str(table)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert table.read_text().count("| passed |") == 5
