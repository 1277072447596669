"""Drills pass as things are; the one of October 2025 fails without the guards, as it did then."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

OCTOBER = ("drill", "october-2025")


@dataclass(frozen=True)
class Drilled:
    """How a drill ended."""

    code: int
    said: str
    table: str
    """What it wrote into the page of drills."""


def played(directory: Path, *words: str, writes: bool = True) -> Drilled:
    """Play a drill."""
    page = directory / "drills.md"
    command = [sys.executable, "-m", "sheetanchor", *words]
    command += ["--write", str(page)] if writes else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    table = page.read_text() if page.exists() else ""
    return Drilled(done.returncode, done.stdout + done.stderr, table)


@pytest.mark.long
def test_the_delayed_plan_is_refused_and_no_answer_falters(tmp_path: Path) -> None:
    drilled = played(tmp_path, *OCTOBER, writes=False)
    assert drilled.code == 0, drilled.said
    assert "0 answers were empty, negative or older" in drilled.said
    assert "(I2)" in drilled.said
    assert "(I3)" in drilled.said


@pytest.mark.long
def test_without_the_guards_the_name_goes_back_and_then_away(tmp_path: Path) -> None:
    drilled = played(tmp_path, *OCTOBER, "--mutant", writes=False)
    assert drilled.code == 1, drilled.said
    assert "older than 42" in drilled.said
    assert "NXDOMAIN" in drilled.said
    assert "October 2025 happened again" in drilled.said


@pytest.mark.long
def test_a_lost_region_is_answered_for_by_the_next_and_comes_back(tmp_path: Path) -> None:
    drilled = played(tmp_path, "drill", "region-loss", "west")
    assert drilled.code == 0, drilled.said
    assert drilled.table.count("| passed |") == 3


@pytest.mark.long
def test_of_a_silent_crowd_the_budgets_let_go_and_nobody_else_leaves(tmp_path: Path) -> None:
    """Sockets that answer nothing are silent to a real check; six of twenty are."""
    drilled = played(tmp_path, "drill", "mass-silence", "--endpoints", "20", "--seconds", "20")
    assert drilled.code == 0, drilled.said
    assert drilled.table.count("| passed |") == 5
