"""Several nodes on one real PostgreSQL: leaders die and sleep, the database goes, DNS answers on.

Each test has a stream of queries that must see no empty, negative or older answer (I1, I7).

The database is away for a minute of shortened time: for as many TTLs as a minute has of the
default of 15 s, four. `DATABASE_OUTAGE_SECONDS=60` in the environment makes it a real one,
with leases of the default TTL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import grpc
import pytest
from answer_stream import AnswerStream
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from installation import ZONE, Installation, Server, addresses, admin, instances
from postgresql_server import PostgresqlServer

from benchmarks.process import wait_for
from sheetanchor.client import Check, Registration
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import cell_pb2, instance_pb2
from sheetanchor.v1 import registration_service_pb2 as registration_pb
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceStub
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

OUTAGE_SECONDS = float(os.environ.get("DATABASE_OUTAGE_SECONDS", "14"))
TTL_SECONDS = OUTAGE_SECONDS / 4
LONG_TTL_SECONDS = 60.0
"""Of instances in whose test no lease is to end, however busy the machine."""
TAKEOVER_SECONDS = 6.0 + 2.0 + 60.0
"""A leader's lease, the pause between two tries of those who wait, and a busy machine's time."""


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that the test may stop."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def member(
    nodes: list[Server], name: str, address: str, ttl_seconds: float = LONG_TTL_SECONDS
) -> Registration:
    """An instance that any of the nodes may look after."""
    return Registration(
        name,
        region="east",
        addresses=address,
        ports=80,
        instance="only",
        check=Check("none"),
        ttl_seconds=ttl_seconds,
        registries=[node.address for node in nodes],
        drain_seconds=0,
    )


def head(node: Server) -> cell_pb2.Cell:
    """The cell as a node reads it."""
    with admin(node) as stub:
        found: cell_pb2.Cell = stub.GetCell(pb.GetCellRequest(name="cells/east"), timeout=60)
        return found


async def until(what: str, true: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait beside the loop."""
    await asyncio.to_thread(wait_for, what, true, seconds)


@asynccontextmanager
async def site(
    installation: Installation, database_url: str, ttl_seconds: float = LONG_TTL_SECONDS
) -> AsyncIterator[tuple[list[Server], Server, AnswerStream]]:
    """Two nodes, a frontend that follows both, an instance, and a client that asks for it."""
    nodes = [
        installation.registry(f"registry-{number}", "east", database_url=database_url)
        for number in (1, 2)
    ]
    for node in nodes:
        await asyncio.to_thread(node.start)
    frontend = installation.frontend("dns", "east", ["east"], nodes)
    await asyncio.to_thread(frontend.start)
    async with member(nodes, "first", "127.55.0.1", ttl_seconds):
        name = f"first.default.svc.{ZONE}"
        await until("first in DNS", lambda: addresses(frontend, name) == {"127.55.0.1"})
        answers = AnswerStream(name, frontend.port)
        answers.start()
        try:
            yield nodes, frontend, answers
            # its last look may have been before the test's last step
            await until("a step is seen", lambda: len(answers.positions) > 1)
        finally:
            await asyncio.to_thread(answers.stop)
    print(f"{answers.asked} queries, slowest {answers.slowest_seconds * 1000:.0f} ms")  # noqa: T201 - told by pytest -s
    assert answers.asked > 100
    assert answers.faults == []
    assert len(answers.positions) > 1, "it would have seen a step back, for there were steps"


def by_role(nodes: list[Server]) -> tuple[Server, Server]:
    """(the leader, the other): the one whose death changes the epoch is found by its node id."""
    leader = head(nodes[0]).leader
    log = nodes[0].process.tail(10_000)
    return (nodes[0], nodes[1]) if f"{leader}" in log else (nodes[1], nodes[0])


def epochs(node: Server) -> list[tuple[int, int]]:
    """(generation, epoch) of the stored plans, oldest first."""
    with admin(node) as stub:
        plans = stub.ListPlans(pb.ListPlansRequest(parent="cells/east"), timeout=60).plans
    return [(plan.generation, plan.epoch) for plan in reversed(plans)]


async def test_another_node_leads_when_the_leader_is_killed(
    installation: Installation, postgresql_database: str
) -> None:
    """SIGKILL: within its lease and the pause of those who wait."""
    async with site(installation, postgresql_database) as (nodes, frontend, answers):
        leader, other = await asyncio.to_thread(by_role, nodes)
        before = await asyncio.to_thread(head, other)
        leader.kill()
        await until("another leads", lambda: head(other).epoch > before.epoch, TAKEOVER_SECONDS)
        async with member([other], "second", "127.55.0.2"):
            name = f"second.default.svc.{ZONE}"
            await until("second in DNS", lambda: addresses(frontend, name) == {"127.55.0.2"})
            found = await asyncio.to_thread(instances, other)
            assert {each.health for each in found.values()} == {instance_pb2.HEALTH_HEALTHY}
            assert len(found) == 2
        after = await asyncio.to_thread(head, other)
        assert after.generation > before.generation
        await until("its plans in DNS", lambda: answers.at >= (after.epoch, after.generation))


async def test_a_leader_that_slept_longer_than_its_lease_writes_nothing_more(
    installation: Installation, postgresql_database: str
) -> None:
    """SIGSTOP, then SIGCONT: its epoch is past, and no plan of it follows (I3)."""
    async with site(installation, postgresql_database) as (nodes, frontend, answers):
        leader, other = await asyncio.to_thread(by_role, nodes)
        before = await asyncio.to_thread(head, other)
        os.kill(leader.process.pid, signal.SIGSTOP)
        try:
            await until("another leads", lambda: head(other).epoch > before.epoch, TAKEOVER_SECONDS)
            async with member([other], "second", "127.55.0.2"):
                name = f"second.default.svc.{ZONE}"
                await until("second in DNS", lambda: addresses(frontend, name) == {"127.55.0.2"})
                os.kill(leader.process.pid, signal.SIGCONT)
                taken = await asyncio.to_thread(head, other)
                await until(
                    "the sleeper gives up",
                    lambda: "leads the cell no more" in leader.process.tail(500),
                )
                async with member([leader], "third", "127.55.0.3"):
                    late = f"third.default.svc.{ZONE}"
                    await until("third in DNS", lambda: addresses(frontend, late) == {"127.55.0.3"})
                now = await asyncio.to_thread(head, other)
                assert (now.epoch, now.leader) == (taken.epoch, taken.leader)
                assert addresses(frontend, name) == {"127.55.0.2"}
            told = await asyncio.to_thread(epochs, other)
            assert [epoch for _, epoch in told] == sorted(epoch for _, epoch in told)
            assert {epoch for number, epoch in told if number > taken.generation} == {taken.epoch}
            assert answers.at[0] == taken.epoch
        finally:
            os.kill(leader.process.pid, signal.SIGCONT)


class Callers:
    """Those who call a node while its database is away: how each call ends."""

    def __init__(self, node: Server, uid: str) -> None:
        self._channel = grpc.insecure_channel(node.address)
        registration = RegistrationServiceStub(self._channel)
        beat = registration_pb.HeartbeatRequest(uids=[uid])
        register = registration_pb.RegisterInstanceRequest(
            parent="namespaces/default/services/new",
            instance_id="only",
            instance=instance_pb2.Instance(
                locality=instance_pb2.Locality(region="east"),
                addresses=["127.55.0.9"],
                ports=[instance_pb2.Port(number=80)],
                health_check=instance_pb2.HealthCheck(kind=instance_pb2.HealthCheck.KIND_NONE),
            ),
        )
        edit = pb.CreateServiceRequest(parent="namespaces/default", service_id="new")
        self._calls: dict[str, Callable[[], object]] = {
            "register": lambda: registration.RegisterInstance(register, timeout=30),
            "heartbeat": lambda: registration.Heartbeat(beat, timeout=30),
            "edit": lambda: AdminServiceStub(self._channel).CreateService(edit, timeout=30),
        }

    def call(self) -> dict[str, str]:
        """Call all; `told to try again` is what each must be."""
        return {name: self._ending(call) for name, call in self._calls.items()}

    @staticmethod
    def _ending(call: Callable[[], object]) -> str:
        try:
            call()
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            details = () if status is None else status.details
            retry = any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in details)
            if error.code() is grpc.StatusCode.UNAVAILABLE and retry:
                return "told to try again"
            return f"{error.code()}: {error.details()}"
        return "done"

    def close(self) -> None:
        self._channel.close()


@pytest.mark.timeout(300 + 2 * OUTAGE_SECONDS)
async def test_while_the_database_is_away_nothing_ends_and_callers_are_told_to_try_again(
    installation: Installation, own_postgresql: PostgresqlServer
) -> None:
    """Stopped as by a crash for four TTLs, then back: nothing expired, nothing is lost (I23)."""
    url = own_postgresql.new_database()
    async with site(installation, url, TTL_SECONDS) as (nodes, frontend, _):
        (first,) = (await asyncio.to_thread(instances, nodes[0])).values()
        callers = [Callers(node, first.uid) for node in nodes]
        await asyncio.to_thread(own_postgresql.halt)
        end, heard = time.monotonic() + OUTAGE_SECONDS, 0
        while time.monotonic() < end:
            for each in callers:
                said = await asyncio.to_thread(each.call)
                assert set(said.values()) == {"told to try again"}, said
                heard += 1
            await asyncio.sleep(0.2)
        assert heard >= len(callers)
        await asyncio.to_thread(own_postgresql.launch)
        async with member(nodes, "second", "127.55.0.2"):
            name = f"second.default.svc.{ZONE}"
            await until("second in DNS", lambda: addresses(frontend, name) == {"127.55.0.2"})
            found = await asyncio.to_thread(instances, nodes[1])
        assert len(found) == 2
        assert {each.health for each in found.values()} == {instance_pb2.HEALTH_HEALTHY}
        assert found[first.name].uid == first.uid, "it never had to register again"
        for each in callers:
            assert (await asyncio.to_thread(each.call))["heartbeat"] == "done"
            each.close()
