"""Fixtures for tests on real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_run import processes_in
from installation import Installation

HERE = Path(__file__).parent
PATIENCE_SECONDS = 300
"""Processes start many times slower on a busy machine, and no test here is about that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has that long, and those that take longest come first (tests/spread.py)."""
    places = [at for at, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ours = sorted((items[at] for at in places), key=lambda item: "long" not in item.keywords)
    for at, item in zip(places, ours, strict=True):
        items[at] = item
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PATIENCE_SECONDS))


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Processes that end with the test."""
    found = Installation(tmp_path)
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A temporary directory for one demo; whatever is left of it ends with the test."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    try:
        yield directory
    finally:
        for pid in processes_in(directory):
            os.kill(pid, signal.SIGKILL)
