"""A database that is locked, or slow: heartbeats are shed, leases wait, answers go on (I15, I23).

A real registry, a real frontend, DNS over UDP. All times are a tenth of those in production:
the TTL of 15 s, the patience with the database, and the trouble itself. With
`TROUBLE_SCALE=1` in the environment they are as they are there, and the file takes minutes.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import grpc
import pytest
from frontend_site import addresses, settings
from google.rpc import code_pb2
from grpc_status import rpc_status
from registry_site import SERVICE, Site, details, eventually, registration
from slow_link import SlowLink

from dns_frontend.main import FrontendServer
from registry.adapters.store import postgresql, sqlite
from registry.adapters.store.factory import SQLITE_FILE
from registry.app import uptime
from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1 import registration_service_pb2 as pb

SCALE = float(os.environ.get("TROUBLE_SCALE", "0.1"))
TTL_SECONDS = 15.0 * SCALE
LOCKED_SECONDS = 60.0 * SCALE
LATENCY_SECONDS = 5.0 * SCALE
SLOW_SECONDS = 60.0 * SCALE
BEAT_SECONDS = 5.0 * SCALE
DEADLINE_SECONDS = 60.0 * SCALE
"""How long an owner waits for an answer to a heartbeat."""

pytestmark = pytest.mark.timeout(60 + 300 * SCALE)


@dataclass
class Clients:
    """A client of the frontend, and the owner of an instance: what they saw."""

    site: Site
    frontend: FrontendServer
    uid: str = ""
    answers: set[tuple[str, ...]] = field(default_factory=set)
    renewed: int = 0
    shed: int = 0
    unanswered: int = 0

    async def live_through(self, seconds: float, *, shed: int) -> None:
        """Ask for the name all the time; renew now and then, whatever became of the last try.

        For so long, and until so many renewals were shed: a machine that stands still makes few.
        """
        end, next_beat = time.monotonic() + seconds, 0.0
        async with asyncio.TaskGroup() as beats:
            while (now := time.monotonic()) < end or self.shed < shed:
                assert now < end + 30.0, f"of {shed} renewals {self.shed} were shed"
                if now >= next_beat:
                    next_beat = now + BEAT_SECONDS
                    beats.create_task(self.renew())
                try:
                    self.answers.add(tuple(await addresses(self.frontend, "cart")))
                except dns.exception.DNSException as error:
                    self.answers.add((f"no answer: {type(error).__name__}",))

    async def renew(self) -> bool:
        """One heartbeat; whether it was acknowledged."""
        request = pb.HeartbeatRequest(uids=[self.uid])
        try:
            reply = await self.site.registration.Heartbeat(request, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._note(error)
            return False
        assert not reply.refusals, reply
        self.renewed += 1
        return True

    def _note(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            self.unanswered += 1
            return
        status = rpc_status.from_call(error)
        assert status is not None, error
        assert status.code == code_pb2.UNAVAILABLE, status
        assert details(status)["RetryInfo"].retry_delay.ToTimedelta().total_seconds() > 0
        self.shed += 1

    async def find_all_well(self) -> None:
        """Nothing ended, nothing is lost, and what is new is served."""
        await eventually(self.renew)
        found = await self.site.admin.GetInstance(
            admin.GetInstanceRequest(name=f"{SERVICE}/instances/one")
        )
        assert found.uid == self.uid, "it never had to register again"
        assert found.state == instance_pb2.Instance.STATE_ACTIVE
        assert found.health == instance_pb2.HEALTH_HEALTHY
        late = registration("two", parent="namespaces/shop/services/late")
        await self.site.registration.RegisterInstance(late)

        async def is_served() -> bool:
            return await addresses(self.frontend, "late") == ["127.0.0.1"]

        await eventually(is_served)
        assert self.answers == {("127.0.0.1",)}


@pytest.fixture(autouse=True)
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience, and what counts as slow, in the same proportion as everything else."""
    monkeypatch.setattr(uptime, "PATIENCE_SECONDS", uptime.PATIENCE_SECONDS * SCALE)
    monkeypatch.setattr(uptime, "SLOW_SECONDS", uptime.SLOW_SECONDS * SCALE)
    # at least what a busy machine needs to connect at all
    connect = max(1.0, postgresql.CONNECT_SECONDS * SCALE)
    monkeypatch.setattr(postgresql, "CONNECT_SECONDS", connect)
    monkeypatch.setitem(postgresql.CONNECT_ARGUMENTS, "timeout", connect)
    busy = sqlite.BUSY_SECONDS * SCALE
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", busy)
    others = [pragma for pragma in sqlite._PRAGMAS if not pragma.startswith("busy_timeout")]
    monkeypatch.setattr(sqlite, "_PRAGMAS", (f"busy_timeout={int(busy * 1000)}", *others))


@asynccontextmanager
async def running(directory: Path, database_url: str = "") -> AsyncIterator[Clients]:
    """A registry with an instance, and a frontend that answers with it."""
    node = RegistrySettings(
        directory / "registry",
        ("eu",),
        database_url=database_url,
        listen="127.0.0.1:0",
        migrate=True,
    )
    server = RegistryServer(node)
    await server.start()
    frontend = FrontendServer(settings(directory / "dns", (server.grpc_address,)))
    await frontend.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            clients = Clients(Site(server, node, channel), frontend)
            request = registration("one")
            request.ttl.FromNanoseconds(int(TTL_SECONDS * 1e9))
            reply = await clients.site.registration.RegisterInstance(request)
            clients.uid = reply.instance.uid

            async def is_served() -> bool:
                # renewed all along: the lease is a short one
                return await clients.renew() and bool(await addresses(frontend, "cart"))

            await eventually(is_served)
            yield clients
    finally:
        await frontend.stop()
        await server.stop(0)


async def test_a_locked_database_ends_nothing_and_sheds_heartbeats(tmp_path: Path) -> None:
    """SQLite, whose writers another process keeps out for a minute: four TTLs."""
    async with running(tmp_path) as clients:
        lock = sqlite3.connect(tmp_path / "registry" / SQLITE_FILE, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        before = clients.renewed
        try:
            await clients.live_through(LOCKED_SECONDS, shed=5)
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        assert clients.renewed == before, "none was durable, so none was acknowledged"
        assert clients.unanswered == 0
        await clients.find_all_well()


async def test_a_slow_database_ends_nothing_and_sheds_heartbeats(
    tmp_path: Path, postgresql_database: str
) -> None:
    """PostgreSQL with five seconds for a statement: what it cannot take is told so at once."""
    link = SlowLink(postgresql_database)
    await link.start()
    try:
        async with running(tmp_path, link.url) as clients:
            link.delay_seconds = LATENCY_SECONDS
            await clients.live_through(SLOW_SECONDS, shed=1)
            link.delay_seconds = 0.0
            assert clients.unanswered == 0
            await clients.find_all_well()
    finally:
        await link.stop()


async def test_a_database_behind_a_dead_line_ends_nothing_and_sheds_heartbeats(
    tmp_path: Path, postgresql_database: str
) -> None:
    """PostgreSQL from which not a word comes for a minute, nor a refusal: a lost network."""
    link = SlowLink(postgresql_database)
    await link.start()
    try:
        async with running(tmp_path, link.url) as clients:
            link.delay_seconds = LOCKED_SECONDS
            await clients.live_through(LOCKED_SECONDS, shed=5)
            link.delay_seconds = 0.0
            await clients.find_all_well()
    finally:
        await link.stop()
