"""What a frontend tells its registry may be lost, and then its teller goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from frontend_site import settings

from dns_frontend.feed.canary import StageReport
from dns_frontend.feed.observer import SightReport
from dns_frontend.feed.report import tell_sight, tell_stage
from dns_frontend.plan.entry import ServiceKey
from sheetanchor.v1.publication_service_pb2_grpc import (
    PublicationServiceServicer,
    PublicationServiceStub,
    add_PublicationServiceServicer_to_server,
)

STAGE = StageReport("eu", ServiceKey("shop", "cart"), "t1", "")
SIGHT = SightReport("eu", 1, None, False, 5.0)
Tell = Callable[[Any, str, Path], Awaitable[object]]


class MuteRegistry(PublicationServiceServicer):
    """Hears a report, and answers nothing."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def ReportStage(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self.asked.set()
        await asyncio.Event().wait()

    async def ReportObservations(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        await self.ReportStage(request, context)


@pytest.fixture
async def registry() -> AsyncIterator[tuple[MuteRegistry, str]]:
    """One at an address of its own."""
    mute, server = MuteRegistry(), grpc.aio.server()
    add_PublicationServiceServicer_to_server(mute, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield mute, f"127.0.0.1:{port}"
    await server.stop(None)


async def stage(stub: Any, registry: str, directory: Path) -> object:
    return await tell_stage(stub, registry, settings(directory, (registry,)), STAGE)


async def sight(stub: Any, registry: str, directory: Path) -> object:
    return await tell_sight(stub, registry, settings(directory, (registry,)), SIGHT)


@pytest.mark.parametrize("tell", [stage, sight])
async def test_a_report_dies_with_its_channel_and_not_its_teller(
    registry: tuple[MuteRegistry, str], tmp_path: Path, tell: Tell
) -> None:
    """The follower leaves a registry whenever it will; others may be speaking to it just then."""
    mute, address = registry
    channel = grpc.aio.insecure_channel(address)
    telling = asyncio.ensure_future(tell(PublicationServiceStub(channel), address, tmp_path))
    await mute.asked.wait()
    await channel.close()
    assert not await telling


@pytest.mark.parametrize("tell", [stage, sight])
async def test_a_teller_that_is_cancelled_ends(
    registry: tuple[MuteRegistry, str], tmp_path: Path, tell: Tell
) -> None:
    mute, address = registry
    async with grpc.aio.insecure_channel(address) as channel:
        telling = asyncio.ensure_future(tell(PublicationServiceStub(channel), address, tmp_path))
        await mute.asked.wait()
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
