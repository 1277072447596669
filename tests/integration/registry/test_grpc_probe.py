"""gRPC probes of real servers with the standard health service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from certificates import self_signed
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from registry.adapters.probe.grpc_health import answer_evidence, failure_evidence
from registry.adapters.probe.probers import system_probers
from registry.domain.health import Evidence
from registry.domain.instance import Check, CheckKind, Identity
from registry.domain.names import InstanceId, InstanceKey, NamespaceId, ServiceId

KEY = InstanceKey(NamespaceId("shop"), ServiceId("cart"), InstanceId("i1"))
NAME = "namespaces/shop/services/cart/instances/i1"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class NamedHealth(health.aio.HealthServicer):  # type: ignore[misc]  # grpcio-health-checking is untyped
    """A health service that also says who it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC calls it so
        if self._name:
            await context.send_initial_metadata((("sheetanchor-identity", self._name),))
        return await super().Check(request, context)


@asynccontextmanager
async def serving(
    name: str = "", *, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[tuple[int, NamedHealth]]:
    server = grpc.aio.server()
    servicer = NamedHealth(name)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    await servicer.set("", SERVING)
    try:
        yield port, servicer
    finally:
        await server.stop(0)


def check(port: int, kind: CheckKind = CheckKind.GRPC, **fields: Any) -> Check:
    return Check(kind, port, timeout_seconds=30.0, **fields)


async def probe(wanted: Check, ca_file: Path | None = None) -> Evidence:
    return await system_probers(ca_file).probe(wanted, "127.0.0.1", KEY)


async def test_serving_is_validated_and_not_serving_is_an_answer() -> None:
    async with serving() as (port, servicer):
        assert await probe(check(port)) is Evidence.VALIDATED
        await servicer.set("", NOT_SERVING)
        assert await probe(check(port)) is Evidence.NOT_SERVING


async def test_the_service_asked_about_is_the_one_that_counts() -> None:
    async with serving() as (port, servicer):
        assert await probe(check(port, grpc_service="cart.v1")) is Evidence.NOT_SERVING
        await servicer.set("cart.v1", SERVING)
        assert await probe(check(port, grpc_service="cart.v1")) is Evidence.VALIDATED


@pytest.mark.parametrize(
    ("said", "evidence"),
    [
        (NAME, Evidence.VALIDATED),
        ("namespaces/shop/services/cart/instances/i2", Evidence.WRONG_IDENTITY),
        ("", Evidence.WRONG_IDENTITY),
    ],
)
async def test_metadata_tells_who_answers(said: str, evidence: Evidence) -> None:
    async with serving(said) as (port, _):
        assert await probe(check(port, identity=Identity.METADATA)) is evidence


async def test_a_health_service_that_does_not_know_the_instance_has_the_wrong_identity() -> None:
    async with serving() as (port, servicer):
        wanted = check(port, identity=Identity.HEALTH_SERVICE)
        assert await probe(wanted) is Evidence.WRONG_IDENTITY
        await servicer.set(NAME, NOT_SERVING)
        assert await probe(wanted) is Evidence.NOT_SERVING
        await servicer.set(NAME, SERVING)
        assert await probe(wanted) is Evidence.VALIDATED


async def test_a_server_without_a_health_service_does_not_serve() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    assert await probe(check(port)) is Evidence.NOT_SERVING
    await server.stop(0)


async def test_a_closed_port_refuses() -> None:
    async with serving() as (port, _):
        pass
    assert await probe(check(port)) is Evidence.REFUSED


async def test_a_server_that_never_speaks_is_silent() -> None:
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wanted = Check(CheckKind.GRPC, port, timeout_seconds=0.3)
    assert await probe(wanted) is Evidence.TIMEOUT
    server.close()
    for writer in held:
        writer.close()


@pytest.mark.parametrize(
    ("name", "evidence"),
    [("cart.example", Evidence.VALIDATED), ("basket.example", Evidence.WRONG_IDENTITY)],
)
async def test_over_tls_the_certificate_must_bear_the_name(
    tmp_path: Path, name: str, evidence: Evidence
) -> None:
    cert, key = await asyncio.to_thread(self_signed, tmp_path, "cart.example")
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    async with serving(credentials=credentials) as (port, _):
        wanted = check(port, CheckKind.GRPCS, tls_server_name=name)
        assert await probe(wanted, cert) is evidence


@pytest.mark.parametrize(
    ("code", "details", "asked_by_name", "evidence"),
    [
        (grpc.StatusCode.NOT_FOUND, "", True, Evidence.WRONG_IDENTITY),
        (grpc.StatusCode.NOT_FOUND, "", False, Evidence.NOT_SERVING),
        (grpc.StatusCode.UNAVAILABLE, "... Connection refused", True, Evidence.REFUSED),
        (grpc.StatusCode.UNAVAILABLE, "recvmsg: Connection reset", False, Evidence.REFUSED),
        (grpc.StatusCode.UNAVAILABLE, "CERTIFICATE_VERIFY_FAILED", False, Evidence.WRONG_IDENTITY),
        (grpc.StatusCode.UNAVAILABLE, "no route to host", False, Evidence.TIMEOUT),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", True, Evidence.TIMEOUT),
        (grpc.StatusCode.UNIMPLEMENTED, "", False, Evidence.NOT_SERVING),
    ],
)
def test_every_row_of_the_failures_table(
    code: grpc.StatusCode, details: str, asked_by_name: bool, evidence: Evidence
) -> None:
    assert failure_evidence(code, details, asked_by_name=asked_by_name) is evidence


@pytest.mark.parametrize(
    ("status", "identity", "metadata", "evidence"),
    [
        (SERVING, Identity.METADATA, (("sheetanchor-identity", "x"),), Evidence.WRONG_IDENTITY),
        (NOT_SERVING, Identity.METADATA, (), Evidence.WRONG_IDENTITY),
        (SERVING, Identity.METADATA, (("sheetanchor-identity", NAME),), Evidence.VALIDATED),
        (SERVING, Identity.NONE, (), Evidence.VALIDATED),
        (NOT_SERVING, Identity.HEALTH_SERVICE, (), Evidence.NOT_SERVING),
        (SERVICE_UNKNOWN, Identity.NONE, (), Evidence.NOT_SERVING),
    ],
)
def test_every_row_of_the_answers_table(
    status: int, identity: Identity, metadata: tuple[tuple[str, str], ...], evidence: Evidence
) -> None:
    assert answer_evidence(status, identity, NAME, metadata) is evidence
