"""Fixtures that every kind of test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from postgresql_server import PostgresqlServer


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
