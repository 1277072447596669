"""A frontend tells each registry what was done to it, until it has been kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from registry_site import eventually

from dns_frontend.feed import herald
from dns_frontend.feed.audit import AuditLog
from dns_frontend.feed.herald import Herald
from sheetanchor.v1 import publication_service_pb2 as messages
from sheetanchor.v1.publication_service_pb2_grpc import (
    PublicationServiceServicer,
    PublicationServiceStub,
    add_PublicationServiceServicer_to_server,
)

PLACED = {"time": "2026-01-02T03:04:05Z", "who": "a", "verb": "pin", "reason": "r", "cell": "eu"}


class Registry(PublicationServiceServicer):
    """Answers as the test says, and remembers what it kept."""

    def __init__(self, *answers: grpc.StatusCode) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.kept: list[str] = []

    async def ReportBreakGlass(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self.asked += 1
        if self.answers:
            await context.abort(self.answers.pop(0), "as the test says")
        self.kept.append(request.cell)
        return messages.ReportBreakGlassResponse()


@asynccontextmanager
async def serving(registry: Registry) -> AsyncIterator[PublicationServiceStub]:
    """A registry at a port of its own."""
    server = grpc.aio.server()
    add_PublicationServiceServicer_to_server(registry, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield PublicationServiceStub(channel)
    await server.stop(None)


@asynccontextmanager
async def speaking(voice: Herald, stub: PublicationServiceStub) -> AsyncIterator[None]:
    """While a stream lasts."""
    task = asyncio.create_task(voice.run(stub))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLog:
    """One deed is in the file."""
    monkeypatch.setattr(herald, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(herald, "LOOK_SECONDS", 0.01)
    made = AuditLog(tmp_path)
    made.append(**PLACED)
    return made


@pytest.mark.parametrize("passing", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED])
async def test_it_is_told_until_it_is_kept_and_then_no_more(
    audit: AuditLog, passing: grpc.StatusCode
) -> None:
    """Also to a registry that was older at first; what comes later is told alone."""
    registry = Registry(passing, passing)
    voice = Herald("f", audit)
    async with serving(registry) as stub:
        async with speaking(voice, stub):
            await eventually(lambda: registry.kept == ["eu"])
            audit.append(**PLACED | {"cell": "us"})
            await eventually(lambda: registry.kept == ["eu", "us"])
            # a word whose answer is lost is told again
            await eventually(lambda: "told=2" in repr(voice))
        async with speaking(voice, stub):
            audit.append(**PLACED | {"cell": "ap"})
            await eventually(lambda: registry.kept == ["eu", "us", "ap"])
    assert registry.asked == 5


@pytest.mark.parametrize("final", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT])
async def test_what_is_not_its_business_holds_up_nothing(
    audit: AuditLog, final: grpc.StatusCode
) -> None:
    """Another registry's cell, or a line that nobody can take, is not told again."""
    registry = Registry(final)
    audit.append(**PLACED | {"cell": "us"})
    async with serving(registry) as stub, speaking(Herald("f", audit), stub):
        await eventually(lambda: registry.kept == ["us"])
        audit.append(**PLACED | {"cell": "ap"})
        await eventually(lambda: registry.kept == ["us", "ap"])
    assert registry.asked == 3
