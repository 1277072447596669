"""One server with a few services, and one that knows nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answer_samples import example, table
from dns_server_thread import DnsServerThread

from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import Batch


@pytest.fixture(scope="session", params=[UdpLoop.PYTHON, UdpLoop.BATCH], ids=["python", "batch"])
def loop(request: pytest.FixtureRequest) -> UdpLoop:
    """Each of the two UDP loops."""
    found: UdpLoop = request.param
    if found is UdpLoop.BATCH and Batch is None:
        pytest.skip("the loop in batches is not built here; a C compiler builds it")
    return found


@pytest.fixture(scope="session")
def served(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """A server that has heard of all its regions."""
    with DnsServerThread(example(), settings=ServerSettings(udp_loop=loop)) as server:
        yield server


@pytest.fixture(scope="session")
def cold(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """A server that has heard of none."""
    with DnsServerThread(table({}), settings=ServerSettings(udp_loop=loop)) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back at all that was asked comes last."""
    items.sort(key=lambda item: "last" in item.keywords)
