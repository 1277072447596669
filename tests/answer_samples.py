"""Services, cells and tables for the tests of answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dns_frontend.plan.entry import (
    CellPosition,
    Endpoint,
    Health,
    Policy,
    Port,
    Protocol,
    ServiceEntry,
    ServiceKey,
)
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.table import AnswerTable

ZONE = "anchor.internal."
API = ServiceKey("payments", "api")
API_NAME = f"api.payments.svc.{ZONE}"

HTTP = Port("http", 8080, Protocol.TCP)
GRPC = Port("grpc", 9090, Protocol.TCP)
GOSSIP = Port("gossip", 7946, Protocol.UDP)


def endpoint(
    instance: str = "api-1",
    *addresses: str,
    health: Health = Health.HEALTHY,
    ports: tuple[Port, ...] = (HTTP, GRPC),
    metadata: Mapping[str, str] | None = None,
    evidence: str = "validated",
    priority: int = 10,
    weight: int = 100,
    incarnation: str = "",
) -> Endpoint:
    """An endpoint; without addresses it has one that follows from its instance's name."""
    return Endpoint(
        instance=instance,
        incarnation=incarnation or f"{instance}-uid",
        addresses=addresses or (f"10.0.0.{sum(instance.encode()) % 250 + 1}",),
        ports=ports,
        priority=priority,
        weight=weight,
        zone="a",
        metadata=metadata or {},
        health=health,
        evidence=evidence,
    )


def entry(
    *endpoints: Endpoint,
    key: ServiceKey = API,
    policy: Policy | None = None,
    held: bool = False,
    tombstoned: bool = False,
    revision: int = 7,
) -> ServiceEntry:
    """What a cell says of a service."""
    return ServiceEntry(key, policy, endpoints, held, tombstoned, revision)


def tombstone(key: ServiceKey = API) -> ServiceEntry:
    """What a cell says of a deleted service."""
    return ServiceEntry(key, None, (), False, True, 9)


def position(cell: str, generation: int = 1, region: str = "") -> CellPosition:
    """Where a cell stands; its region is called like it unless said otherwise."""
    return CellPosition(
        cell, region or cell, 1, generation, bytes((generation % 256,)) * 32, 1_769_860_800_000
    )


def entries(*each: ServiceEntry) -> dict[str, ServiceEntry]:
    """Entries by their keys, as a cell has them."""
    return {one.key.entry: one for one in each}


def table(
    cells: Mapping[str, Iterable[ServiceEntry]],
    *,
    home: str = "east",
    regions: tuple[str, ...] = ("east", "west"),
    zone: ZoneSettings | None = None,
) -> AnswerTable:
    """A table that has loaded these cells, one a region."""
    made = AnswerTable(zone or ZoneSettings(ZONE), home, regions)
    for cell, said in cells.items():
        made.load(position(cell), entries(*said), 0.0)
    return made


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
