"""Two nodes on one PostgreSQL, one of which loses its sight: real probes on real sockets (I14)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from registry_site import Site, registration

import registry.main
from registry.adapters.probe.probers import Probers, system_probers
from registry.app.council import LAG_SECONDS
from registry.config import ReconcilerSettings, RegistrySettings
from registry.domain.health import Evidence
from registry.domain.instance import Check
from registry.domain.names import InstanceKey
from registry.main import RegistryServer
from registry.ports import Prober
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import instance_pb2, observer_pb2

SERVICES = ("a", "b", "c", "d")
DEADLINE_SECONDS = 60.0
NEW_SECONDS = LAG_SECONDS + 2.0
"""An endpoint is new for the lag, and a round of its check."""
_State = observer_pb2.Observer
T = TypeVar("T")


class BlackHole:
    """An address whose backlog is full: connections to it are never answered."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._listener.getsockname()[1]
        self._callers = []
        for _ in range(4):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", self.port))
            self._callers.append(caller)

    def close(self) -> None:
        for each in (*self._callers, self._listener):
            each.close()


class FailingSight:
    """The system's probers, whose packets to `blind_to` go astray once `hole` is set."""

    def __init__(self, real: Prober) -> None:
        self.hole: BlackHole | None = None
        self.blind_to = SERVICES
        self._real = real

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        if self.hole is not None and key.service in self.blind_to:
            check = replace(check, port=self.hole.port)
        return await self._real.probe(check, address, key)


@dataclass
class Pair:
    sites: dict[str, Site]
    sights: dict[str, FailingSight]

    async def leader(self) -> str:
        return await until(
            lambda: _done(next((n for n, s in self.sites.items() if s.server.leading), ""))
        )

    async def observers(self, by: str) -> dict[str, observer_pb2.Observer]:
        listed = await self.sites[by].admin.ListObservers(
            admin.ListObserversRequest(parent="cells/eu")
        )
        return {each.name.rpartition("/")[2]: each for each in listed.observers}

    async def health(self, by: str) -> dict[str, int]:
        listed = await self.sites[by].admin.ListInstances(admin.ListInstancesRequest())
        return {each.name.split("/")[3]: each.health for each in listed.instances}


async def _done(value: T) -> T:
    return value


async def until(ask: Callable[[], Awaitable[T]]) -> T:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = await ask()
        if found:
            return found
        assert time.monotonic() < deadline, "not within the deadline"
        await asyncio.sleep(0.05)


@pytest.fixture
async def pair(
    tmp_path: Path, postgresql_database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pair]:
    """Two nodes of one cell, each with a sight of its own that can fail."""
    async with AsyncExitStack() as stack:
        sites: dict[str, Site] = {}
        sights: dict[str, FailingSight] = {}
        for name in ("one", "two"):
            sights[name] = sight = FailingSight(system_probers())

            def probers(_: Path | None, sight: FailingSight = sight) -> Probers:
                return sight  # type: ignore[return-value]  # the port is all that is asked of it

            monkeypatch.setattr(registry.main, "system_probers", probers)
            settings = RegistrySettings(
                data_dir=tmp_path / name,
                regions=("eu",),
                database_url=postgresql_database,
                listen="127.0.0.1:0",
                migrate=True,
                node=name,
                mirror_poll_seconds=0.05,
                # a machine that stands still for a moment changes no leader
                reconciler=ReconcilerSettings(leader_lease_seconds=60.0),
            )
            server = RegistryServer(settings)
            stack.push_async_callback(server.stop, 0)
            await server.start()
            channel = grpc.aio.insecure_channel(server.grpc_address)
            stack.push_async_callback(channel.close)
            sites[name] = Site(server, settings, channel)
        yield Pair(sites, sights)


WELL = dict.fromkeys(SERVICES, int(instance_pb2.HEALTH_HEALTHY))


@dataclass
class Scene:
    """Four services with an endpoint each, which both nodes see well, and a black hole."""

    targets: dict[str, asyncio.Server]
    leader: str
    other: str
    hole: BlackHole
    registered: float
    """When the last of them was."""


@asynccontextmanager
async def scene(pair: Pair) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        targets = {}
        for service in SERVICES:
            listening = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
            stack.push_async_callback(_close, listening)
            targets[service] = listening
            request = registration(
                parent=f"namespaces/shop/services/{service}",
                port=listening.sockets[0].getsockname()[1],
                check=instance_pb2.HealthCheck.KIND_TCP,
            )
            request.ttl.CopyFrom(Duration(seconds=300))
            request.instance.health_check.interval.CopyFrom(Duration(seconds=1))
            request.instance.health_check.timeout.CopyFrom(Duration(nanos=300_000_000))
            await pair.sites["one"].registration.RegisterInstance(request)
        registered = time.monotonic()
        leader = await pair.leader()
        other = "two" if leader == "one" else "one"

        async def all_are_seen() -> bool:
            found = await pair.observers(other)
            return len(found) == 2 and all(
                (each.state, each.target_count, each.failing_count, each.unseen_count)
                == (_State.STATE_BELIEVED, 4, 0, 0)
                for each in found.values()
            )

        async def all_are_well() -> bool:
            return await pair.health(other) == WELL

        await until(all_are_seen)
        await until(all_are_well)
        hole = BlackHole()
        stack.callback(hole.close)
        yield Scene(targets, leader, other, hole, registered)


async def test_what_the_leader_alone_cannot_reach_stays(pair: Pair) -> None:
    """Too little for quarantine, and one of two is no quorum; what refuses both goes meanwhile."""
    async with scene(pair) as at:
        # of what is newer than that nobody but the leader has a word
        await until(lambda: _done(time.monotonic() > at.registered + NEW_SECONDS))
        pair.sights[at.leader].blind_to = ("a",)
        pair.sights[at.leader].hole = at.hole

        async def is_missed() -> bool:
            return bool((await pair.observers(at.other))[f"node.{at.leader}"].failing_count == 1)

        await until(is_missed)
        await _close(at.targets["d"])

        async def d_is_gone() -> bool:
            now = await pair.health(at.other)
            assert all(now[each] == WELL[each] for each in "abc")
            return now["d"] == instance_pb2.HEALTH_UNHEALTHY

        await until(d_is_gone)
        found = await pair.observers(at.other)
        assert found[f"node.{at.leader}"].state == _State.STATE_BELIEVED


async def test_a_blind_leader_removes_nothing_and_what_dies_goes_by_the_others_word(
    pair: Pair,
) -> None:
    async with scene(pair) as at:
        targets, leader, other, well = at.targets, at.leader, at.other, WELL
        pair.sights[leader].hole = at.hole
        seen: list[dict[str, int]] = []

        async def is_quarantined() -> bool:
            seen.append(await pair.health(other))
            found = (await pair.observers(other))[f"node.{leader}"]
            # the first three may do, and the fourth come later
            return found.state == _State.STATE_QUARANTINED and found.reason == (
                "4 of 4 services fail for it at once; others find 4 of them well"
            )

        await until(is_quarantined)
        found = await pair.observers(other)
        assert found[f"node.{other}"].state == _State.STATE_BELIEVED
        assert all(each == well for each in seen)
        assert pair.sites[leader].server.leading, "it goes on leading, and believes others"

        await _close(targets["c"])

        async def c_is_gone() -> bool:
            now = await pair.health(other)
            assert all(now[each] == well[each] for each in "abd")
            return now["c"] == instance_pb2.HEALTH_UNHEALTHY

        await until(c_is_gone)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
