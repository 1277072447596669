"""Several nodes on one real PostgreSQL: leaders die and sleep, the database goes, DNS answers on.

Each test has a stream of queries that must see no empty, negative or older answer (I1, I7).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from installation import ZONE, Installation, Server, addresses, admin
from postgresql_server import PostgresqlServer

from benchmarks.process import wait_for
from sheetanchor.cli.drill.answers import Answers
from sheetanchor.client import Check, Registration
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import cell_pb2, instance_pb2

OUTAGE_SECONDS = 9.0
"""Three times the instances' TTL."""


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that the test may stop."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def member(nodes: list[Server], name: str, address: str) -> Registration:
    """An instance that any of the nodes may look after."""
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


def head(node: Server) -> cell_pb2.Cell:
    """The cell as a node reads it."""
    with admin(node) as stub:
        found: cell_pb2.Cell = stub.GetCell(pb.GetCellRequest(name="cells/east"), timeout=10)
        return found


async def until(what: str, true: Callable[[], object], seconds: float = 40.0) -> None:
    """Wait beside the loop."""
    await asyncio.to_thread(wait_for, what, true, seconds)


@asynccontextmanager
async def site(
    installation: Installation, database_url: str
) -> AsyncIterator[tuple[list[Server], Server, Answers]]:
    """Two nodes, a frontend that follows both, an instance, and a client that asks for it."""
    nodes = [
        installation.registry(f"registry-{number}", "east", database_url=database_url)
        for number in (1, 2)
    ]
    for node in nodes:
        await asyncio.to_thread(node.start)
    frontend = installation.frontend("dns", "east", ["east"], nodes)
    await asyncio.to_thread(frontend.start)
    async with member(nodes, "first", "127.55.0.1"):
        name = f"first.default.svc.{ZONE}"
        await until("first in DNS", lambda: addresses(frontend, name) == {"127.55.0.1"})
        answers = Answers(name, frontend.port)
        answers.start()
        try:
            yield nodes, frontend, answers
        finally:
            await asyncio.to_thread(answers.stop)
    assert answers.asked > 100
    assert answers.faults == []


def by_role(nodes: list[Server]) -> tuple[Server, Server]:
    """(the leader, the other): the one whose death changes the epoch is found by its node id."""
    leader = head(nodes[0]).leader
    log = nodes[0].process.tail(10_000)
    return (nodes[0], nodes[1]) if f"{leader}" in log else (nodes[1], nodes[0])


async def test_another_node_leads_when_the_leader_is_killed(
    installation: Installation, postgresql_database: str
) -> None:
    """SIGKILL: within its lease and a little."""
    async with site(installation, postgresql_database) as (nodes, frontend, _):
        leader, other = await asyncio.to_thread(by_role, nodes)
        before = await asyncio.to_thread(head, other)
        leader.kill()
        async with member([other], "second", "127.55.0.2"):
            name = f"second.default.svc.{ZONE}"
            await until("second in DNS", lambda: addresses(frontend, name) == {"127.55.0.2"})
        after = await asyncio.to_thread(head, other)
        assert (after.epoch, after.generation) > (before.epoch, before.generation)
        assert after.epoch > before.epoch


async def test_a_leader_that_slept_longer_than_its_lease_writes_nothing_more(
    installation: Installation, postgresql_database: str
) -> None:
    """SIGSTOP, then SIGCONT: its epoch is past (I3)."""
    async with site(installation, postgresql_database) as (nodes, frontend, _):
        leader, other = await asyncio.to_thread(by_role, nodes)
        before = await asyncio.to_thread(head, other)
        os.kill(leader.process.pid, signal.SIGSTOP)
        try:
            await until("another leads", lambda: head(other).epoch > before.epoch)
            async with member([other], "second", "127.55.0.2"):
                name = f"second.default.svc.{ZONE}"
                await until("second in DNS", lambda: addresses(frontend, name) == {"127.55.0.2"})
                os.kill(leader.process.pid, signal.SIGCONT)
                taken = await asyncio.to_thread(head, other)
                await until(
                    "the sleeper gives up",
                    lambda: "leads the cell no more" in leader.process.tail(500),
                )
                now = await asyncio.to_thread(head, other)
                assert (now.epoch, now.leader) == (taken.epoch, taken.leader)
                assert addresses(frontend, name) == {"127.55.0.2"}
        finally:
            os.kill(leader.process.pid, signal.SIGCONT)


async def test_while_the_database_is_away_nothing_ends_and_callers_are_told_to_try_again(
    installation: Installation, own_postgresql: PostgresqlServer
) -> None:
    """Stopped as by a crash for three TTLs, then back: nothing expired, nothing is lost (I23)."""
    url = own_postgresql.new_database()
    async with site(installation, url) as (nodes, frontend, answers):
        await asyncio.to_thread(own_postgresql.halt)
        asked = answers.asked
        with admin(nodes[0]) as stub, pytest.raises(grpc.RpcError) as refused:
            stub.CreateService(
                pb.CreateServiceRequest(parent="namespaces/default", service_id="new"), timeout=30
            )
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        status = rpc_status.from_call(refused.value)
        assert status is not None
        assert any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in status.details)
        await until("three TTLs", lambda: answers.asked > asked + OUTAGE_SECONDS / 0.012)
        await asyncio.to_thread(own_postgresql.launch)
        async with member(nodes, "second", "127.55.0.2"):
            name = f"second.default.svc.{ZONE}"
            await until("second in DNS", lambda: addresses(frontend, name) == {"127.55.0.2"})
            with admin(nodes[1]) as stub:
                found = stub.ListInstances(pb.ListInstancesRequest(), timeout=10).instances
        assert len(found) == 2
        assert {each.health for each in found} == {instance_pb2.HEALTH_HEALTHY}
