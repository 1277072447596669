"""`python -m benchmarks.notices URL URL`: what LISTEN and NOTIFY save between two nodes.

Two nodes on one PostgreSQL, once with polling alone and once with notices, in one run on
two empty databases. An instance registers at one node and a frontend watches at the other;
the clock runs from before the call until the plan with it has come. Phases are random, so
that no registration is in step with a poll. And what the nodes ask of the database while
nothing happens.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import uvloop
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.measurement import Measurement, as_table, percentile
from registry.adapters.store.factory import database_url
from registry.adapters.store.local_notifier import LocalNotifier
from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.v1 import instance_pb2, plan_pb2
from sheetanchor.v1 import publication_service_pb2 as publication
from sheetanchor.v1 import registration_service_pb2 as registration
from sheetanchor.v1.publication_service_pb2_grpc import PublicationServiceStub
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

DEADLINE_SECONDS = 30.0
SETTLE_SECONDS = 3.0
IDLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Mode:
    """How nodes learn of each other's commits."""

    word: str
    polling: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What one mode measured."""

    at_leader_ms: list[float]
    """Registered at the leader, watched at the other node."""
    elsewhere_ms: list[float]
    """Registered at the other node, watched at the leader."""
    idle_transactions: float
    """A second, both nodes together."""


class Site:
    """One node as its clients see it."""

    def __init__(self, server: RegistryServer, channel: grpc.aio.Channel) -> None:
        self.server = server
        self.registration = RegistrationServiceStub(channel)
        self.publication = PublicationServiceStub(channel)
        self.seen: dict[str, asyncio.Event] = {}

    async def watch(self) -> None:
        """Note which instances come in plans, for ever."""
        request = publication.WatchPlansRequest(frontend_id=f"bench-{id(self)}", region="here")
        async for message in self.publication.WatchPlans(request):
            for entry in (*message.base.entries, *message.delta.changed):
                for endpoint in plan_pb2.ServicePlan.FromString(entry.body).endpoints:
                    if endpoint.instance in self.seen:
                        self.seen[endpoint.instance].set()

    async def register(self, name: str) -> None:
        """Register an instance that its lease alone keeps healthy."""
        request = registration.RegisterInstanceRequest(
            parent=f"namespaces/bench/services/{name}",
            instance_id=name,
            instance=instance_pb2.Instance(
                locality=instance_pb2.Locality(region="here"),
                addresses=["127.0.0.1"],
                ports=[instance_pb2.Port(number=80)],
                health_check=instance_pb2.HealthCheck(kind=instance_pb2.HealthCheck.KIND_NONE),
            ),
        )
        request.ttl.seconds = 300
        await self.registration.RegisterInstance(request)


@asynccontextmanager
async def nodes(mode: Mode, url: str, directory: Path) -> AsyncIterator[tuple[Site, Site]]:
    """The leader and the other one."""
    async with AsyncExitStack() as stack:
        sites = []
        for name in ("one", "two"):
            settings = RegistrySettings(
                data_dir=directory / mode.word / name,
                regions=("here",),
                database_url=url,
                listen="127.0.0.1:0",
                migrate=True,
                node=name,
            )
            notifier = LocalNotifier() if mode.polling else None
            server = RegistryServer(settings, notifier=notifier)
            await server.start()
            stack.push_async_callback(server.stop, 0)
            channel = grpc.aio.insecure_channel(server.grpc_address)
            stack.push_async_callback(channel.close)
            sites.append(Site(server, channel))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not any(site.server.leading for site in sites):  # noqa: ASYNC110 - one of two
                await asyncio.sleep(0.01)
        sites.sort(key=lambda site: not site.server.leading)
        yield sites[0], sites[1]


async def travel_ms(
    at: Site, to: Site, names: list[str], pause: Callable[[], float]
) -> list[float]:
    """From before each registration at one node to its plan's arrival at the other."""
    found = []
    watching = asyncio.create_task(to.watch())
    try:
        for name in names:
            await asyncio.sleep(pause())
            seen = to.seen[name] = asyncio.Event()
            begun = time.perf_counter()
            await at.register(name)
            async with asyncio.timeout(DEADLINE_SECONDS):
                await seen.wait()
            found.append((time.perf_counter() - begun) * 1000)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return found


async def transactions(url: str) -> int:
    """How many the database has ended."""
    engine = create_async_engine(make_url(database_url(url, Path())))
    try:
        async with engine.connect() as connection:
            found = await connection.exec_driver_sql(
                "SELECT xact_commit + xact_rollback FROM pg_stat_database"
                " WHERE datname = current_database()"
            )
            return int(found.scalar_one())
    finally:
        await engine.dispose()


async def measure(mode: Mode, url: str, directory: Path, samples: int, idle: float) -> Cost:
    """Everything of one mode."""
    chance = random.Random(7)

    def pause() -> float:
        return chance.uniform(0.05, 0.35)

    async with nodes(mode, url, directory) as (leader, other):
        await asyncio.sleep(SETTLE_SECONDS)
        first = [f"a{number}" for number in range(samples)]
        second = [f"b{number}" for number in range(samples)]
        at_leader = await travel_ms(leader, other, first, pause)
        elsewhere = await travel_ms(other, leader, second, pause)
        await asyncio.sleep(SETTLE_SECONDS)
        before, begun = await transactions(url), time.perf_counter()
        await asyncio.sleep(idle)
        spent = await transactions(url) - before
        return Cost(at_leader, elsewhere, spent / (time.perf_counter() - begun))


def rows_of(polled: Cost, told: Cost) -> list[Measurement]:
    """Before and after, and their ratios."""
    rows = []
    for words, before, after in (
        ("registered at the leader, watched elsewhere", polled.at_leader_ms, told.at_leader_ms),
        ("registered elsewhere, watched at the leader", polled.elsewhere_ms, told.elsewhere_ms),
    ):
        for share in (0.5, 0.99):
            then, now = percentile(before, share), percentile(after, share)
            name = f"{words}, p{share * 100:.0f}"
            rows.append(Measurement(f"{name}, polling", then, "ms", note=f"n={len(before)}"))
            rows.append(Measurement(f"{name}, notices", now, "ms", note=f"n={len(after)}"))
            rows.append(Measurement(f"{name}, ratio", then / now, "x"))
    idle = "idle transactions of two nodes"
    rows.append(Measurement(f"{idle}, polling", polled.idle_transactions, "/s"))
    rows.append(Measurement(f"{idle}, notices", told.idle_transactions, "/s"))
    rows.append(
        Measurement(f"{idle}, ratio", polled.idle_transactions / told.idle_transactions, "x")
    )
    return rows


async def run(options: argparse.Namespace) -> list[Measurement]:
    """Both modes, one after the other."""
    costs = []
    with tempfile.TemporaryDirectory(prefix="sheetanchor-bench-") as directory:
        for mode, url in zip(
            (Mode("polling", True), Mode("notices", False)), options.urls, strict=True
        ):
            print(f"... {mode.word}", file=sys.stderr, flush=True)
            costs.append(
                await measure(mode, url, Path(directory), options.samples, options.idle_seconds)
            )
    return rows_of(*costs)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.notices", description=__doc__)
    parser.add_argument("urls", nargs=2, metavar="URL", help="an empty PostgreSQL database")
    parser.add_argument("--samples", type=int, default=60, help="registrations of each kind")
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    print(as_table(uvloop.run(run(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
