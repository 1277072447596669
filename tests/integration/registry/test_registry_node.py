"""A node from start to stop: what it waits for, what it refuses, and what it leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from registry_site import Site, eventually, reason, refusal, registration

from registry.config import RegistrySettings
from registry.domain.errors import SchemaOutdated, StoreUnavailable
from registry.main import RegistryServer
from sheetanchor.telemetry import StatusPage
from sheetanchor.v1 import discovery_service_pb2 as discovery
from sheetanchor.v1.discovery_service_pb2_grpc import DiscoveryServiceStub
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

ROOT = Path(__file__).resolve().parents[3]


def settings(data_dir: Path) -> RegistrySettings:
    """A node of its own."""
    return RegistrySettings(data_dir, ("eu",), listen="127.0.0.1:0", migrate=True)


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    server = RegistryServer(settings(tmp_path))
    await server.start()
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        site = Site(server, settings(tmp_path), channel)
        uid = (await site.register("one")).instance.uid
    await server.stop(0)
    server = RegistryServer(settings(tmp_path))
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            again = Site(server, settings(tmp_path), channel)
            request = discovery.ResolveServiceRequest(name="namespaces/shop/services/cart")
            found = await again.discovery.ResolveService(request)
            assert [instance.uid for instance in found.instances] == [uid]
    finally:
        await server.stop(0)


async def test_readiness_follows_the_node(site: Site, status: StatusPage) -> None:
    assert status.failures() == {}
    site.server._uptime._lose("the test")
    assert set(status.failures()) == {"store"}
    # the mirror looks for changes each second, and so finds the database again
    await eventually(lambda: status.failures() == {})
    await site.server.stop(0)
    assert status.failures() == {}


async def test_a_schema_that_is_missing_is_refused_unless_migrating_was_asked_for(
    tmp_path: Path,
) -> None:
    server = RegistryServer(replace(settings(tmp_path), migrate=False))
    with pytest.raises(SchemaOutdated):
        await server.start()


async def test_a_second_node_on_the_same_file_is_told_whose_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.main.LOCK_PATIENCE_SECONDS", 0.0)
    other = RegistryServer(site.settings)
    with pytest.raises(StoreUnavailable, match=str(os.getpid())):
        await other.start()
    assert (await site.register("one")).instance.uid


async def test_a_database_that_is_away_is_waited_for_while_the_node_says_so(
    tmp_path: Path, status: StatusPage
) -> None:
    nowhere = replace(settings(tmp_path), database_url="postgresql://nobody@127.0.0.1:1/none")
    server = RegistryServer(nowhere, status=status)
    starting = asyncio.create_task(server.start())
    try:
        await eventually(lambda: server.grpc_address)
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = await health.Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
            site = Site(server, nowhere, channel)
            call = site.registration.RegisterInstance(registration("one"))
            assert reason(await refusal(call)) == "STORE_UNAVAILABLE"
        assert "mirror" in status.failures()
        assert not starting.done()
    finally:
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert status.failures() == {}


@asynccontextmanager
async def process(data_dir: Path, *, port: int = 0) -> AsyncIterator[asyncio.subprocess.Process]:
    """A node as a process of its own, logging JSON."""
    code = f"""
        from pathlib import Path
        from registry.config import RegistrySettings
        from registry.main import run
        run(RegistrySettings(Path({str(data_dir)!r}), ("eu",), listen="127.0.0.1:{port}",
                             migrate=True))
    """
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(code),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def logged(running: asyncio.subprocess.Process, message: str) -> dict[str, object]:
    """The log line with a message, once it is written."""
    assert running.stderr is not None
    async with asyncio.timeout(90):
        async for line in running.stderr:
            record: dict[str, object] = json.loads(line)
            if record["message"] == message:
                return record
    raise AssertionError(f"the process ended without saying {message!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_ends_in_order_when_it_is_told_to(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with process(tmp_path) as running:
        address = str((await logged(running, "the registry is ready"))["grpc"])
        async with grpc.aio.insecure_channel(address) as channel:
            stub = DiscoveryServiceStub(channel)
            stream = stub.WatchServices(discovery.WatchServicesRequest())
            await stream.read()
            running.send_signal(number)
            status = await refusal(stream.read())
            assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
        assert (await logged(running, "the registry has stopped"))["level"] == "INFO"
        async with asyncio.timeout(30):
            assert await running.wait() == 0


async def test_a_killed_process_leaves_a_database_that_the_next_one_takes_at_once(
    tmp_path: Path,
) -> None:
    async with process(tmp_path) as running:
        address = str((await logged(running, "the registry is ready"))["grpc"])
        async with grpc.aio.insecure_channel(address) as channel:
            stub = RegistrationServiceStub(channel)
            answer = await stub.RegisterInstance(registration("one"))
        running.kill()
        await running.wait()
    server = RegistryServer(settings(tmp_path))
    await server.start()
    try:
        await eventually(lambda: server.leading == {"eu"})
        assert answer.instance.uid in server._mirror.by_incarnation
    finally:
        await server.stop(0)
