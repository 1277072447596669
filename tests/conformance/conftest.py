"""One server with a few services, and one that knows nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answer_samples import GOSSIP, GRPC, HTTP, endpoint, entry, table, tombstone
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import Health, ServiceKey
from dns_frontend.wire.table import AnswerTable


def example() -> AnswerTable:
    """Two regions; the service `api` in both, with an address of each family."""
    many = tuple(
        endpoint(f"node-{n}", f"10.1.{n // 250}.{n % 250 + 1}", ports=(HTTP,)) for n in range(600)
    )
    return table(
        {
            "east": [
                entry(
                    endpoint("api-1", "10.0.0.1", "2001:db8::1", metadata={"version": "1.2"}),
                    endpoint("api-2", "10.0.0.2", ports=(HTTP, GRPC, GOSSIP)),
                    endpoint("api-3", "10.0.0.3", health=Health.UNHEALTHY),
                    endpoint("api-4", "10.0.0.4", health=Health.UNKNOWN),
                ),
                entry(endpoint("only", "10.0.9.1", ports=()), key=ServiceKey("payments", "v4")),
                entry(
                    endpoint("down", "10.0.9.2", health=Health.UNHEALTHY),
                    key=ServiceKey("payments", "sick"),
                ),
                entry(
                    endpoint("new", "10.0.9.3", health=Health.UNKNOWN),
                    key=ServiceKey("payments", "new"),
                ),
                entry(
                    *(endpoint(f"node-{n}", f"10.0.8.{n}", ports=(HTTP,)) for n in range(1, 8)),
                    key=ServiceKey("payments", "seven"),
                ),
                entry(*many, key=ServiceKey("payments", "many")),
                tombstone(ServiceKey("payments", "gone")),
            ],
            "west": [entry(endpoint("api-1", "10.2.0.1"), endpoint("api-9", "10.2.0.9"))],
        }
    )


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
