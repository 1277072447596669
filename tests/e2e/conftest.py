"""Fixtures for tests on real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lane
import pytest
from installation import Installation
from lane import Lane, work_of

from benchmarks.process import ROOT

SOURCES = ("pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("sheetanchor", "registry", "dns_frontend", "migrations")


HERE = Path(__file__).parent
PATIENCE_SECONDS = 300
"""Processes start many times slower on a busy machine, and no test here is about that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has that long, and those that wait for the lane come last, and have longer."""
    items.sort(key=lambda item: work_of(item) is not None)
    for item in items:
        if item.path.is_relative_to(HERE):
            waits = work_of(item) is not None
            seconds = lane.PATIENCE_SECONDS if waits else PATIENCE_SECONDS
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session", autouse=True)
def the_lane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lane]:
    """Begins with the first test of this folder."""
    found = Lane()
    found.begin(request.session.items, lambda: tmp_path_factory.mktemp("beside"))
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def beside(request: pytest.FixtureRequest, the_lane: Lane) -> Any:
    """What came of the work that the test's mark `beside` names."""
    return the_lane.result(request.node)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, installed into a directory of its own; what it depends on is here already."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(target), str(source)],
        env=os.environ | {"CFLAGS": "-O0"},  # it must work, and may be slow
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Processes that end with the test."""
    found = Installation(tmp_path)
    try:
        yield found
    finally:
        found.stop()
