"""Generations as a registry would publish them, with real octets and digests that are right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dns_frontend.feed.decode import published_of
from dns_frontend.feed.lkg import LastKnownGood, Recovered
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits
from sheetanchor.v1 import instance_pb2, plan_pb2

LIMITS = Limits()


def body(service: str = "cart", address: str = "10.0.0.1", revision: int = 1) -> bytes:
    """A service with one healthy endpoint, as octets."""
    return plan_pb2.ServicePlan(
        namespace="shop",
        service=service,
        revision=revision,
        endpoints=[
            plan_pb2.Endpoint(
                instance="one",
                uid=f"uid-{revision}",
                addresses=[address],
                ports=[instance_pb2.Port(name="main", number=8080)],
                weight=1,
                health=instance_pb2.HEALTH_HEALTHY,
                evidence=instance_pb2.EVIDENCE_VALIDATED,
            )
        ],
    ).SerializeToString(deterministic=True)


def tombstone(service: str) -> bytes:
    """A deleted service, as octets."""
    return plan_pb2.ServicePlan(
        namespace="shop", service=service, tombstone=plan_pb2.Tombstone()
    ).SerializeToString(deterministic=True)


def tree(bodies: Mapping[str, bytes]) -> EntryTree:
    """A tree of entries by key."""
    return EntryTree().replace(
        {key: published_of(key, octets, LIMITS) for key, octets in bodies.items()}, ()
    )


def snapshot(
    generation: int,
    *,
    cell: str = "east",
    epoch: int = 1,
    bodies: Mapping[str, bytes] | None = None,
    held: Mapping[str, bytes] | None = None,
) -> Snapshot:
    """A generation whose content is its own unless given."""
    content = {"shop/cart": body(revision=generation)} if bodies is None else bodies
    grown = tree(content)
    return Snapshot(
        CellPosition(cell, cell, epoch, generation, grown.digest, 1_700_000_000_000),
        grown,
        {key: published_of(key, octets, LIMITS) for key, octets in (held or {}).items()},
    )


def wide(generation: int, services: int = 300) -> Snapshot:
    """A generation of so many services, all of which differ from the one before."""
    return snapshot(
        generation,
        bodies={
            f"shop/s{number}": body(f"s{number}", revision=generation) for number in range(services)
        },
    )


def write(directory: Path, snapshots: Iterable[Snapshot]) -> None:
    """Write these as one frontend's life does."""
    disk = LastKnownGood(directory, LIMITS)
    disk.open()
    list(disk.load())
    for each in snapshots:
        disk.write(each)
    disk.close()


def load(directory: Path) -> Recovered:
    """What the next life reads of the one cell there is."""
    disk = LastKnownGood(directory, LIMITS)
    disk.open()
    found = [each for each in disk.load() if each is not None]
    disk.close()
    (recovered,) = found
    return recovered
