"""Entries and trees for the tests beside this file, as short as can be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dns_frontend.plan.digest import EntryTree, Published
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

ENDPOINT = Endpoint(
    instance="i1",
    incarnation="u1",
    addresses=("10.0.0.1", "2001:db8::1"),
    ports=(Port("main", 8080, Protocol.TCP),),
    priority=0,
    weight=1,
    zone="a",
    metadata={},
    health=Health.HEALTHY,
    evidence="validated",
)


def endpoints(*health: Health) -> tuple[Endpoint, ...]:
    return tuple(
        replace(ENDPOINT, instance=f"i{number:06d}", health=each)
        for number, each in enumerate(health)
    )


def entry(
    key: str = "shop/cart",
    *health: Health,
    tombstoned: bool = False,
    policy: Policy | None = None,
    revision: int = 1,
) -> ServiceEntry:
    namespace, _, service = key.partition("/")
    return ServiceEntry(
        ServiceKey(namespace, service), policy, endpoints(*health), False, tombstoned, revision
    )


def published(item: ServiceEntry, fault: str = "") -> Published:
    # any octets will do where only the tree looks at them
    return Published(repr(item).encode(), item, fault)


def changes(*items: ServiceEntry) -> dict[str, Published]:
    return {item.key.entry: published(item) for item in items}


def tree(*items: ServiceEntry) -> EntryTree:
    return EntryTree().replace(changes(*items), ())


def position(generation: int, digest: bytes, epoch: int = 1, cell: str = "east") -> CellPosition:
    return CellPosition(cell, "east", epoch, generation, digest, 1_700_000_000_000)


def keys(found: Mapping[str, Published]) -> list[str]:
    return sorted(found)
