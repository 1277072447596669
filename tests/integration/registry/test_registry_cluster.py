"""Two nodes on one PostgreSQL are one registry: any of them will do, and either may go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from postgresql_server import PostgresqlServer
from registry_site import SERVICE, Site, eventually, reason, registration

from registry.config import ReconcilerSettings, RegistrySettings
from registry.domain.leadership import LEASE_LIMIT_MS
from registry.main import RegistryServer
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import instance_pb2, plan_pb2
from sheetanchor.v1 import publication_service_pb2 as publication
from sheetanchor.v1 import registration_service_pb2 as pb

TTL_SECONDS = 3.0


@asynccontextmanager
async def two_nodes(
    tmp_path: Path,
    database_url: str,
    *,
    mirror_poll_seconds: float = 0.05,
    leader_lease_seconds: float = 1.5,
) -> AsyncIterator[tuple[Site, Site]]:
    """Two nodes, started at the same moment on an empty database."""
    async with AsyncExitStack() as stack:
        servers = {}
        for name in ("one", "two"):
            settings = RegistrySettings(
                data_dir=tmp_path / name,
                regions=("eu",),
                database_url=database_url,
                listen="127.0.0.1:0",
                migrate=True,
                node=name,
                mirror_poll_seconds=mirror_poll_seconds,
                checkpoint_seconds=0.2,
                reconciler=ReconcilerSettings(leader_lease_seconds=leader_lease_seconds),
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


@pytest.fixture
async def nodes(tmp_path: Path, postgresql_database: str) -> AsyncIterator[tuple[Site, Site]]:
    """Two nodes on a server that stays; a leader that stops gives up its lead, and a machine that
    stands still for a moment does not take it."""
    async with two_nodes(tmp_path, postgresql_database, leader_lease_seconds=20.0) as both:
        yield both


@pytest.fixture
async def roles(tmp_path: Path, postgresql_database: str) -> AsyncIterator[tuple[Site, Site]]:
    """The leader and another node, which would not look for minutes: only notices wake them."""
    async with two_nodes(
        tmp_path,
        postgresql_database,
        mirror_poll_seconds=10_000.0,
        leader_lease_seconds=LEASE_LIMIT_MS / 1000,
    ) as sites:
        leader = await eventually(lambda: next((s for s in sites if s.server.leading), None))
        await eventually(lambda: all(site.server._notifier.is_listening for site in sites))
        (other,) = [site for site in sites if site is not leader]
        yield leader, other


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that the test may stop."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


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


async def register_briefly(site: Site, instance_id: str) -> None:
    """With a lease that is not renewed."""
    request = registration(instance_id)
    request.ttl.FromTimedelta(timedelta(seconds=TTL_SECONDS))
    await site.registration.RegisterInstance(request)


async def expired(site: Site, instance_id: str) -> bool:
    """Whether a lease is known to have ended; a node that cannot say does not know it."""
    request = admin.GetInstanceRequest(name=f"{SERVICE}/instances/{instance_id}")
    try:
        found = await site.admin.GetInstance(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return False
        raise
    return bool(found.evidence == instance_pb2.EVIDENCE_LEASE_EXPIRED)


async def test_with_another_leader_every_lease_has_a_full_ttl_left(
    nodes: tuple[Site, Site],
) -> None:
    """I23: renewals that its last leader may have missed are waited for once more."""
    leader = await eventually(lambda: next((s for s in nodes if s.server.leading), None))
    other = next(site for site in nodes if site is not leader)
    registered_at = time.monotonic()
    await register_briefly(other, "a")
    # Most of the lease is to be over when the leader goes.
    await asyncio.sleep(registered_at + TTL_SECONDS * 2 / 3 - time.monotonic())
    gone_at = time.monotonic()
    await leader.server.stop(0)
    await eventually(lambda: expired(other, "a"))
    assert time.monotonic() - gone_at >= TTL_SECONDS


async def test_while_the_database_is_away_leases_do_not_age_and_then_have_a_full_ttl_left(
    tmp_path: Path, own_postgresql: PostgresqlServer
) -> None:
    """I23."""
    async with two_nodes(tmp_path, own_postgresql.new_database()) as nodes:
        await eventually(lambda: any(site.server.leading for site in nodes))
        await register_briefly(nodes[0], "a")
        await asyncio.to_thread(own_postgresql.halt)
        # Longer than the lease, and than that of the lead.
        await asyncio.sleep(TTL_SECONDS * 1.2)
        back_at = time.monotonic()
        await asyncio.to_thread(own_postgresql.launch)
        await eventually(lambda: any(site.server.leading for site in nodes))
        assert not await expired(nodes[0], "a")
        await eventually(lambda: expired(nodes[0], "a"))
        assert time.monotonic() - back_at >= TTL_SECONDS


async def test_what_another_node_takes_in_wakes_the_leader(roles: tuple[Site, Site]) -> None:
    leader, other = roles
    await other.register("a")

    async def published() -> bool:
        return await planned(leader) == {"a"} == await planned(other)

    await eventually(published)


async def test_a_leader_that_goes_wakes_the_one_that_waits(roles: tuple[Site, Site]) -> None:
    """Its last word is sent before its connection is closed."""
    leader, other = roles
    await leader.register("a")
    await leader.server.stop(0)
    await eventually(lambda: other.server.leading)

    async def published() -> bool:
        return await planned(other) == {"a"}

    await eventually(published)


async def test_a_freeze_by_one_node_and_its_end_wake_the_other(roles: tuple[Site, Site]) -> None:
    leader, other = roles
    await other.admin.FreezeCell(admin.FreezeCellRequest(name="cells/eu", reason="a look"))
    await eventually(lambda: not leader.server.leading)
    await other.admin.UnfreezeCell(admin.UnfreezeCellRequest(name="cells/eu"))
    await eventually(lambda: leader.server.leading or other.server.leading)
