"""Two nodes on one PostgreSQL are one registry: any of them will do, and either may go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from registry_site import SERVICE, Site, eventually, reason

from registry.config import ReconcilerSettings, RegistrySettings
from registry.main import RegistryServer
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import plan_pb2
from sheetanchor.v1 import publication_service_pb2 as publication
from sheetanchor.v1 import registration_service_pb2 as pb


@pytest.fixture
async def nodes(tmp_path: Path, postgresql_database: str) -> AsyncIterator[tuple[Site, Site]]:
    """Two nodes, started at the same moment on an empty database."""
    async with AsyncExitStack() as stack:
        servers = {}
        for name in ("one", "two"):
            settings = RegistrySettings(
                data_dir=tmp_path / name,
                regions=("eu",),
                database_url=postgresql_database,
                listen="127.0.0.1:0",
                migrate=True,
                node=name,
                mirror_poll_seconds=0.05,
                checkpoint_seconds=0.2,
                reconciler=ReconcilerSettings(leader_lease_seconds=1.5),
            )
            server = RegistryServer(settings)
            stack.push_async_callback(server.stop, 0)
            servers[server] = settings
        await asyncio.gather(*(server.start() for server in servers))
        sites: list[Site] = []
        for server, settings in servers.items():
            channel = grpc.aio.insecure_channel(server.grpc_address)
            stack.push_async_callback(channel.close)
            sites.append(Site(server, settings, channel))
        yield sites[0], sites[1]


async def planned(site: Site) -> set[str]:
    """Instances in the plan that a frontend of this node is given first."""
    stream = site.publication.WatchPlans(
        publication.WatchPlansRequest(frontend_id="dns-1", region="eu")
    )
    found: set[str] = set()
    async for message in stream:
        for entry in message.base.entries:
            plan = plan_pb2.ServicePlan.FromString(entry.body)
            found |= {endpoint.instance for endpoint in plan.endpoints}
        if message.base.complete:
            stream.cancel()
            return found
    raise AssertionError("the base was not complete")


async def test_what_one_node_takes_in_the_other_publishes_and_renews(
    nodes: tuple[Site, Site],
) -> None:
    one, two = nodes
    uid = (await one.register("a")).instance.uid
    await two.register("b")
    beat = await two.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid]))
    assert not beat.refusals

    async def both() -> bool:
        return await planned(one) == await planned(two) == {"a", "b"}

    await eventually(both)
    assert len([site for site in nodes if site.server.leading]) == 1


async def test_a_token_of_one_node_turns_the_page_at_the_other(nodes: tuple[Site, Site]) -> None:
    one, two = nodes
    for n in range(3):
        await one.register(f"i{n}")
    first = await one.admin.ListInstances(admin.ListInstancesRequest(page_size=2))
    request = admin.ListInstancesRequest(page_token=first.next_page_token)
    second = await two.admin.ListInstances(request)
    assert [each.name for each in second.instances] == [f"{SERVICE}/instances/i2"]


async def test_when_the_leader_goes_the_other_takes_over_and_goes_on(
    nodes: tuple[Site, Site],
) -> None:
    leader = await eventually(lambda: next((s for s in nodes if s.server.leading), None))
    other = next(site for site in nodes if site is not leader)
    uid = (await leader.register("a")).instance.uid
    await eventually(lambda: "a" in {key.instance for key in other.server._mirror.instances})
    before = await other.admin.GetCell(admin.GetCellRequest(name="cells/eu"))
    await leader.server.stop(0)
    await other.register("b")

    async def published() -> bool:
        return await planned(other) == {"a", "b"}

    await eventually(published)
    after = await other.admin.GetCell(admin.GetCellRequest(name="cells/eu"))
    assert after.epoch > before.epoch
    assert after.leader == other.settings.node
    answer = await other.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid, "stranger"]))
    assert [(r.uid, reason(r.status)) for r in answer.refusals] == [("stranger", "LEASE_NOT_FOUND")]
