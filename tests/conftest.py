"""Fixtures that every kind of test may use."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from postgresql_server import PostgresqlServer
from spread import Spread
from xdist.remote import Producer

from benchmarks.process import ServerProcess


def pytest_configure() -> None:
    """Test the loop in batches of the file BATCH_MODULE, if set: `make asan` builds one."""
    path = os.environ.get("BATCH_MODULE")
    if path:
        name = "dns_frontend.server._batch"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Iterator[pytest.TestReport]:
    """What the server processes of a failed test said, whoever started them."""
    report: pytest.TestReport = yield  # type: ignore[misc]  # pluggy's wrapper protocol
    if report.failed:
        report.sections += [(f"log of {each}", each.tail()) for each in ServerProcess.begun]
    if call.when == "teardown":
        ServerProcess.forget_ended()
    return report


KINDS = ("repo", "unit", "model", "migration", "contract", "conformance", "integration", "e2e")
"""The folders in the order in which they run: what fails soonest first, and whole systems, which
want as much of the machine as they can get, last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests by kind; a folder that is not named comes first."""
    here = Path(__file__).parent

    def kind(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        return KINDS.index(folder) if folder in KINDS else -1

    items.sort(key=kind)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spread:
    """Several processes, if asked for, share the tests so."""
    return Spread(config, log)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A real PostgreSQL server, started when first asked for."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: PostgresqlServer) -> str:
    """A database that the tests of the session share."""
    return postgresql_server.new_database()


@pytest.fixture
def postgresql_database(postgresql_server: PostgresqlServer) -> str:
    """An empty database of the test's own."""
    return postgresql_server.new_database()


# How long an example takes says more about the machine than about the code. CI looks at the
# same examples each time, so that a red run is its change's doing; at a desk they are new ones.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
