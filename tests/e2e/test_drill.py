"""Drills pass as things are; the one of October 2025 fails without the guards, as it did then."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from lane import Work

OCTOBER = ("drill", "october-2025")


@dataclass(frozen=True)
class Drilled:
    """How a drill ended."""

    code: int
    said: str
    table: str
    """What it wrote into the page of drills."""


def played(*words: str, writes: bool = True) -> Work:
    """Plays a drill."""

    def play(directory: Path) -> Drilled:
        page = directory / "drills.md"
        command = [sys.executable, "-m", "sheetanchor", *words]
        command += ["--write", str(page)] if writes else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        table = page.read_text() if page.exists() else ""
        return Drilled(done.returncode, done.stdout + done.stderr, table)

    return play


@pytest.mark.beside(work=played(*OCTOBER, writes=False))
def test_the_delayed_plan_is_refused_and_no_answer_falters(beside: Drilled) -> None:
    assert beside.code == 0, beside.said
    assert "0 answers were empty, negative or older" in beside.said
    assert "(I2)" in beside.said
    assert "(I3)" in beside.said


@pytest.mark.beside(work=played(*OCTOBER, "--mutant", writes=False))
def test_without_the_guards_the_name_goes_back_and_then_away(beside: Drilled) -> None:
    assert beside.code == 1, beside.said
    assert "older than 42" in beside.said
    assert "NXDOMAIN" in beside.said
    assert "October 2025 happened again" in beside.said


@pytest.mark.beside(work=played("drill", "region-loss", "west"))
def test_a_lost_region_is_answered_for_by_the_next_and_comes_back(beside: Drilled) -> None:
    assert beside.code == 0, beside.said
    assert beside.table.count("| passed |") == 3


@pytest.mark.beside(
    work=played("drill", "mass-silence", "--endpoints", "20", "--seconds", "20"),
)
def test_of_a_silent_crowd_the_budgets_let_go_and_nobody_else_leaves(beside: Drilled) -> None:
    """Sockets that answer nothing are silent to a real check; six of twenty are."""
    assert beside.code == 0, beside.said
    assert beside.table.count("| passed |") == 5
