"""What the demo runs: two regions, each with a registry, a DNS frontend and two instances."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.protobuf import duration_pb2

from sheetanchor.cli.demo.actor import Actor
from sheetanchor.cli.demo.port import free_port
from sheetanchor.cli.demo.service import NAMESPACE, SERVICE
from sheetanchor.cli.demo.warden import Warden
from sheetanchor.client import RegistryBusy
from sheetanchor.client.link import RegistryLink
from sheetanchor.v1 import admin_service_pb2, service_pb2
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceStub

REGIONS = ("east", "west")
ZONE = "anchor.internal."
NAME = f"{SERVICE}.{NAMESPACE}.svc.{ZONE}"
INSTANCES = 2
"""A region."""
CLIENTS = 100
"""Clients of the regions are in the networks 127.101.0.0/16, 127.102.0.0/16 and so on."""
EXIT_HOLD_SECONDS = 3.0
"""How long a region must have been well before it answers again. The default of 30 s is
right for production, and would be most of the demo."""
READY_SECONDS = 90.0
"""How long the start may take: four processes at once are slow on a busy machine, and that is
no failure of what the demo shows."""


@dataclass(frozen=True, slots=True)
class Region:
    """One region's processes, and where they listen on the loopback."""

    name: str
    registry: Actor
    registry_address: str
    frontend: Actor
    dns_port: int
    instances: tuple[Actor, ...]
    addresses: frozenset[str]
    """Of the instances: no two regions have one in common."""
    client: str
    """The address of a client that is in this region, as all frontends are told."""

    @property
    def actors(self) -> Iterator[Actor]:
        """All of them."""
        yield from (self.registry, self.frontend, *self.instances)

    def check(self) -> None:
        """Raise ActorFailed when one of them ended by itself."""
        for actor in self.actors:
            actor.check()


def build(
    warden: Warden, names: Sequence[str] = REGIONS, instances: int = INSTANCES
) -> tuple[Region, ...]:
    """The regions, nothing of them started yet. Each frontend follows all registries."""
    registries = {name: f"127.0.0.1:{free_port()}" for name in names}
    return tuple(
        _region(warden, number, name, registries, instances) for number, name in enumerate(names, 1)
    )


def _region(
    warden: Warden, number: int, name: str, registries: dict[str, str], instances: int
) -> Region:
    http, dns_port, dns_http = free_port(), free_port(), free_port()
    data = warden.directory / name
    run = ["-m", "sheetanchor"]
    registry = [*run, "registry", "--migrate", "--data-dir", str(data / "registry")]
    registry += ["--grpc", registries[name], "--http", f"127.0.0.1:{http}", "--regions", name]
    frontend = [*run, "dns", "--data-dir", str(data / "dns"), "--region", name]
    frontend += ["--dns", f"127.0.0.1:{dns_port}", "--http", f"127.0.0.1:{dns_http}"]
    frontend += ["--regions", ",".join(registries)]
    for address in registries.values():
        frontend += ["--registry", address]
    for other, region in enumerate(registries, 1):
        frontend += ["--network", f"127.{CLIENTS + other}.0.0/16={region}"]
    addresses = [f"127.{number}.0.{index}" for index in range(1, instances + 1)]
    return Region(
        name,
        Actor(f"registry {name}", registry, warden, http),
        registries[name],
        Actor(f"frontend {name}", frontend, warden, dns_http),
        dns_port,
        tuple(
            _instance(warden, f"{name}-{index}", name, registries[name], address)
            for index, address in enumerate(addresses, 1)
        ),
        frozenset(addresses),
        f"127.{CLIENTS + number}.0.1",
    )


def _instance(warden: Warden, name: str, region: str, registry: str, address: str) -> Actor:
    module = "sheetanchor.cli.demo.service"
    arguments = ["-m", module, registry, region, name, address, str(free_port(address))]
    return Actor(f"instance {name}", arguments, warden)


async def start(regions: Sequence[Region], slow_start_seconds: int = 0) -> None:
    """Start everything. Raises ActorFailed, or SheetanchorError."""
    for region in regions:
        region.registry.start()
        region.frontend.start()
    await asyncio.gather(*(r.registry.until_ready(READY_SECONDS) for r in regions))
    await asyncio.gather(
        *(_set_policy(region.registry_address, slow_start_seconds) for region in regions)
    )
    for region in regions:
        for instance in region.instances:
            instance.start()
    await asyncio.gather(*(r.frontend.until_ready(READY_SECONDS) for r in regions))


async def _set_policy(registry_address: str, slow_start_seconds: int) -> None:
    """Have a region answer again soon after it got well; each registry has a copy."""
    hold = duration_pb2.Duration(seconds=int(EXIT_HOLD_SECONDS))
    policy = service_pb2.ServicePolicy(failover=service_pb2.FailoverPolicy(exit_hold=hold))
    if slow_start_seconds:
        policy.health.slow_start.seconds = slow_start_seconds
    request = admin_service_pb2.CreateServiceRequest(
        parent=f"namespaces/{NAMESPACE}",
        service_id=SERVICE,
        service=service_pb2.Service(policy=policy),
    )
    end = time.monotonic() + READY_SECONDS
    async with RegistryLink((registry_address,)) as link:
        while True:
            try:
                await link.call(AdminServiceStub, "CreateService", request, 10.0)
                return
            except RegistryBusy as busy:  # it is still reading its database
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(busy.retry_after_seconds)
