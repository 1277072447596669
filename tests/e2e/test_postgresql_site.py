"""The main job on PostgreSQL: two nodes of one region share a database, and either may die."""

from __future__ import annotations

import asyncio

from installation import ZONE, Installation, addresses, instances

from benchmarks.process import wait_for
from sheetanchor.client import Check, Registration


async def test_second_node_takes_over_when_the_first_is_killed(
    installation: Installation, postgresql_database: str
) -> None:
    """Instances and frontends go on with the other node; DNS keeps following."""
    nodes = [
        installation.registry(f"registry-{number}", "east", database_url=postgresql_database)
        for number in (1, 2)
    ]
    for node in nodes:
        node.start()
    frontend = installation.frontend("dns", "east", ["east"], nodes)
    frontend.start()

    def member(name: str, address: str) -> Registration:
        return Registration(
            name,
            region="east",
            addresses=address,
            ports=80,
            instance="only",
            check=Check("none"),
            ttl_seconds=3.0,
            registries=[node.address for node in nodes],
            drain_seconds=0,
        )

    async def appears(name: str, address: str) -> None:
        def true() -> bool:
            return addresses(frontend, f"{name}.default.svc.{ZONE}") == {address}

        await asyncio.to_thread(wait_for, f"{name} in DNS", true, 30)

    async with member("before", "127.55.0.1"):
        await appears("before", "127.55.0.1")
        nodes[0].kill()
        async with member("after", "127.55.0.2"):
            await appears("after", "127.55.0.2")
            await appears("before", "127.55.0.1")
            found = await asyncio.to_thread(instances, nodes[1])
            assert len(found) == 2
