"""Fixtures for tests on real processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation


@pytest.fixture
def installation(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Processes that end with the test; what they logged is shown when it fails."""
    found = Installation(tmp_path)
    try:
        yield found
    finally:
        found.stop()
        report = getattr(request.node, "report_of_call", None)
        if report is None or report.failed:
            sys.stderr.write(found.report())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Let fixtures know how the test ended."""
    report: pytest.TestReport = yield  # type: ignore[misc]  # pluggy's wrapper protocol
    if call.when == "call":
        item.report_of_call = report  # type: ignore[attr-defined]  # read by the fixture above
    return report
