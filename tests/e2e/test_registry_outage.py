"""One region's registry is away for long: only the freshness of that region's data suffers.

By default time is shortened, and the leases with it: the outage lasts some leases. The full
ten minutes: `OUTAGE_SECONDS=600 make test ARGS=tests/e2e/test_registry_outage.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

import pytest
from installation import ZONE, Installation, Server, addresses, instances

from benchmarks.process import wait_for
from sheetanchor.client import Check, Registration
from sheetanchor.v1 import instance_pb2

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "8"))
REGIONS = ("east", "west")
TTL_SECONDS = 3.0
"""When its registry is back, an owner has so long to be heard, however busy the machine."""
STEADY = {"east": "127.66.1.1", "west": "127.66.2.1"}

# one node a region, and the frontend of each follows both
Site = tuple[dict[str, Server], dict[str, Server]]


@pytest.fixture
def site(installation: Installation) -> Site:
    """Two regions."""
    registries = {region: installation.registry(f"registry-{region}", region) for region in REGIONS}
    for registry in registries.values():
        registry.start(wait=False)
    clusters = [[registry] for registry in registries.values()]
    frontends = {
        region: installation.frontend(f"dns-{region}", region, REGIONS, *clusters)
        for region in REGIONS
    }
    for frontend in frontends.values():
        frontend.start(wait=False)
    for server in (*registries.values(), *frontends.values()):
        server.await_ready()
    return registries, frontends


def member(registry: Server, region: str, service: str, address: str) -> Registration:
    """An instance that keeps its lease by the SDK."""
    return Registration(
        service,
        region=region,
        addresses=address,
        ports=80,
        instance="only",
        check=Check("none"),
        ttl_seconds=TTL_SECONDS,
        registries=registry.address,
        drain_seconds=0,
    )


def pinned(service: str, region: str) -> str:
    """The name that asks for one region's instances alone."""
    return f"{service}.default.svc.{region}.region.{ZONE}"


@pytest.mark.timeout(300 + 2 * OUTAGE_SECONDS)
async def test_other_region_lives_on_while_one_registry_is_away(site: Site) -> None:
    """West's names stay answered, east's changes arrive everywhere, and west comes back whole."""
    registries, frontends = site
    bad: list[str] = []
    steady: dict[str, Registration] = {}

    def look(moment: str) -> None:
        for place, frontend in frontends.items():
            for region, address in STEADY.items():
                name = pinned("steady", region)
                if (found := addresses(frontend, name)) != {address}:
                    bad.append(f"{moment}: {name} at {place}: {found or 'nothing'}")

    async with contextlib.AsyncExitStack() as stack:
        for region in REGIONS:
            steady[region] = member(registries[region], region, "steady", STEADY[region])
            await stack.enter_async_context(steady[region])
        for frontend in frontends.values():
            for region, address in STEADY.items():
                await asyncio.to_thread(
                    wait_for,
                    f"steady of {region}",
                    lambda f=frontend, r=region, a=address: (
                        addresses(f, pinned("steady", r)) == {a}
                    ),
                )

        registries["west"].kill()
        end, changes = time.monotonic() + OUTAGE_SECONDS, 0
        while time.monotonic() < end or changes < 3:
            await asyncio.to_thread(look, "registry of west away")
            changes += 1
            service = f"fresh-{changes}"
            # its own: that of a service that left a moment ago is not given away
            address = f"127.66.{3 + changes // 250}.{changes % 250 + 1}"
            async with member(registries["east"], "east", service, address):
                for frontend in frontends.values():
                    await asyncio.to_thread(
                        wait_for,
                        f"{service} at {frontend.process.name}",
                        lambda f=frontend, s=service, a=address: (
                            addresses(f, pinned(s, "east")) == {a}
                        ),
                    )
        assert bad == []

        await asyncio.to_thread(registries["west"].start)
        await asyncio.to_thread(look, "registry of west back")
        (west,) = (await asyncio.to_thread(instances, registries["west"])).values()
        assert west.state == instance_pb2.Instance.STATE_ACTIVE, (
            "its own absence aged a lease (I23)"
        )
        async with member(registries["west"], "west", "late", "127.67.0.1"):
            for frontend in frontends.values():
                await asyncio.to_thread(
                    wait_for,
                    f"a change of west at {frontend.process.name}",
                    lambda f=frontend: addresses(f, pinned("late", "west")) == {"127.67.0.1"},
                )
        await asyncio.to_thread(look, "at the end")
        assert bad == []
        assert {each.standing.registrations for each in steady.values()} == {1}, "none was lost"
