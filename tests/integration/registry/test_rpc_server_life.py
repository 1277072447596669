"""The gRPC server from before the registry is ready to after it is told to go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from registry_site import eventually

from registry.adapters.rpc.server import SERVICES, RpcServer
from registry.domain.errors import Overloaded
from sheetanchor.v1 import (
    admin_service_pb2_grpc,
    discovery_service_pb2,
    discovery_service_pb2_grpc,
    publication_service_pb2_grpc,
    registration_service_pb2,
    registration_service_pb2_grpc,
)

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass
class Door(registration_service_pb2_grpc.RegistrationServiceServicer):
    """A registration service that fails as it is told, or waits."""

    error: Exception | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def DeregisterInstance(self, request: Any, context: Any) -> Any:  # noqa: N802 (named as in the contract)
        """Wait, or fail."""
        self.entered.set()
        if self.error is not None:
            raise self.error
        await self.release.wait()
        return registration_service_pb2.DeregisterInstanceResponse(revision=7)


class Watch(discovery_service_pb2_grpc.DiscoveryServiceServicer):
    """A watch that says one thing and then nothing, or goes on without end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self.is_endless = False
        self.told = 0

    async def WatchServices(  # noqa: N802 (named as in the contract)
        self, request: Any, context: Any
    ) -> AsyncGenerator[Any, None]:
        """One message, then silence."""
        try:
            self.begun.set()
            yield discovery_service_pb2.WatchServicesResponse(revision=1)
            while self.is_endless:
                yield LONG_RESPONSE
                self.told += 1
            await asyncio.Event().wait()
        finally:
            self.closed.set()


LONG_RESPONSE = discovery_service_pb2.WatchServicesResponse(
    changes={"changes": [{"removed_instance": "x" * 256 * 1024}]}
)


@dataclass
class Site:
    """A server with its doubles, and a channel to it."""

    server: RpcServer
    door: Door
    watch: Watch
    channel: grpc.aio.Channel

    async def open_gate(self) -> None:
        """The registry is ready."""
        await self.server.open_gate(
            self.door,
            self.watch,
            publication_service_pb2_grpc.PublicationServiceServicer(),
            admin_service_pb2_grpc.AdminServiceServicer(),
        )

    async def health(self, service: str) -> int:
        """What grpc.health.v1 says of a service."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
        return int(answer.status)

    def deregister(self) -> Any:
        """A unary call."""
        stub = registration_service_pb2_grpc.RegistrationServiceStub(self.channel)
        return stub.DeregisterInstance(
            registration_service_pb2.DeregisterInstanceRequest(), timeout=30
        )

    def follow(self) -> Any:
        """A stream."""
        stub = discovery_service_pb2_grpc.DiscoveryServiceStub(self.channel)
        return stub.WatchServices(discovery_service_pb2.WatchServicesRequest(), timeout=30)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A server that listens, with its gate shut."""
    door, watch = Door(), Watch()
    server = RpcServer()
    await server.listen("127.0.0.1:0")
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Site(server, door, watch, channel)
    await server.stop(0)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the status of a failed call."""
    status = rpc_status.from_call(error)
    assert status is not None
    infos = [d for d in status.details if d.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    return str(info.reason)


async def test_until_the_gate_opens_every_service_says_that_it_does_not_serve(site: Site) -> None:
    names = ["", *(service.full_name for service in SERVICES)]
    assert [await site.health(name) for name in names] == [NOT_SERVING] * 5
    with pytest.raises(grpc.aio.AioRpcError) as unary:
        await site.deregister()
    with pytest.raises(grpc.aio.AioRpcError) as stream:
        await site.follow().read()
    for error in (unary.value, stream.value):
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert reason_of(error) == "STORE_UNAVAILABLE"
    assert not site.door.entered.is_set()
    await site.open_gate()
    assert [await site.health(name) for name in names] == [SERVING] * 5


async def test_health_can_be_watched(site: Site) -> None:
    stub = health_pb2_grpc.HealthStub(site.channel)
    name = SERVICES[0].full_name
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=30)
    assert (await watch.read()).status == NOT_SERVING
    await site.open_gate()
    assert (await watch.read()).status == SERVING


async def test_reflection_lists_the_services(site: Site) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(site.channel)
    call = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=30
    )
    answer = await call.read()
    found = {service.name for service in answer.list_services_response.service}
    assert {service.full_name for service in SERVICES} < found
    assert "grpc.health.v1.Health" in found


async def test_what_a_handler_raises_arrives_as_its_status(site: Site) -> None:
    await site.open_gate()
    site.door.error = Overloaded("full", retry_after_seconds=2.0, waiting=9)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await site.deregister()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(caught.value) == "OVERLOADED"


async def test_a_bug_in_a_handler_is_internal_and_hurts_no_other_call(site: Site) -> None:
    await site.open_gate()
    site.door.error = ZeroDivisionError("secret")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await site.deregister()
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert reason_of(caught.value) == "INTERNAL"
    assert "secret" not in (caught.value.details() or "")
    site.door.error = None
    site.door.release.set()
    assert (await site.deregister()).revision == 7


async def test_on_the_way_out_calls_are_finished_and_streams_are_sent_elsewhere(
    site: Site,
) -> None:
    await site.open_gate()
    call = asyncio.ensure_future(site.deregister())
    await site.door.entered.wait()
    stream = site.follow()
    assert (await stream.read()).revision == 1
    stopping = asyncio.create_task(site.server.stop(60))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(caught.value) == "STORE_UNAVAILABLE"
    async with asyncio.timeout(30):
        await site.watch.closed.wait()
    assert not stopping.done()
    site.door.release.set()
    assert (await call).revision == 7
    async with asyncio.timeout(30):
        await stopping


async def test_a_stream_that_is_being_written_to_is_sent_elsewhere_as_well(site: Site) -> None:
    """What is half written is written first: gRPC takes no status in the middle of a response."""
    await site.open_gate()
    stream = site.follow()
    reading = asyncio.ensure_future(stream.read())
    await site.watch.begun.wait()
    async with asyncio.timeout(30):
        await site.server.stop(60)
    assert (await reading).revision == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(caught.value) == "STORE_UNAVAILABLE"
    assert site.watch.closed.is_set()


async def test_a_watcher_that_goes_away_leaves_nothing_behind(site: Site) -> None:
    await site.open_gate()
    stream = site.follow()
    assert (await stream.read()).revision == 1
    stream.cancel()
    async with asyncio.timeout(30):
        await site.watch.closed.wait()
    await eventually(lambda: "streams=0" in repr(site.server))


@pytest.mark.parametrize("how", ["cancelled", "disconnected"])
async def test_a_watcher_that_vanishes_while_it_is_written_to_is_no_fault_of_ours(
    site: Site, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that does not read blocks its own stream; when it goes, all of that is let go of."""
    await site.open_gate()
    site.watch.is_endless = True
    channel = grpc.aio.insecure_channel(site.server.address)
    stub = discovery_service_pb2_grpc.DiscoveryServiceStub(channel)
    stream = stub.WatchServices(discovery_service_pb2.WatchServicesRequest())
    assert (await stream.read()).revision == 1
    told = -1
    while told != site.watch.told:
        told = site.watch.told
        await asyncio.sleep(0.2)
    assert not site.watch.closed.is_set()
    if how == "cancelled":
        stream.cancel()
    await channel.close()
    async with asyncio.timeout(30):
        await site.watch.closed.wait()
    await eventually(lambda: "streams=0" in repr(site.server))
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_port_that_is_taken_is_refused_by_name(site: Site) -> None:
    other = RpcServer()
    with pytest.raises(OSError, match=site.server.address):
        await other.listen(site.server.address)
    await other.stop(0)
