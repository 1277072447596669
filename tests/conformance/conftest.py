"""One server with a few services, and one that knows nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answer_samples import example, table
from dns_server_thread import DnsServerThread


@pytest.fixture(scope="session")
def served() -> Iterator[DnsServerThread]:
    """A server that has heard of all its regions."""
    with DnsServerThread(example()) as server:
        yield server


@pytest.fixture(scope="session")
def cold() -> Iterator[DnsServerThread]:
    """A server that has heard of none."""
    with DnsServerThread(table({})) as server:
        yield server
