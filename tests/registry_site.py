"""A registry node as a client sees it: the generated stubs, and words for what tests ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1 import registration_service_pb2 as pb
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceStub
from sheetanchor.v1.discovery_service_pb2_grpc import DiscoveryServiceStub
from sheetanchor.v1.publication_service_pb2_grpc import PublicationServiceStub
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

SERVICE = "namespaces/shop/services/cart"
DEADLINE_SECONDS = 60.0
LEASE_SECONDS = 300
"""Nobody renews, and no lease is to end before its test, however busy the machine."""


@dataclass
class Site:
    """A node and stubs of its services."""

    server: RegistryServer
    settings: RegistrySettings
    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.registration = RegistrationServiceStub(self.channel)
        self.discovery = DiscoveryServiceStub(self.channel)
        self.publication = PublicationServiceStub(self.channel)
        self.admin = AdminServiceStub(self.channel)

    async def register(self, instance_id: str = "one", **fields: Any) -> Any:
        """Register an instance that a lease alone keeps healthy."""
        return await self.registration.RegisterInstance(registration(instance_id, **fields))


def registration(
    instance_id: str = "one",
    *,
    parent: str = SERVICE,
    region: str = "eu",
    check: instance_pb2.HealthCheck.Kind = instance_pb2.HealthCheck.KIND_NONE,
    port: int = 8080,
    request_id: str | None = None,
) -> pb.RegisterInstanceRequest:
    """A good registration, whose lease outlives the test."""
    return pb.RegisterInstanceRequest(
        parent=parent,
        instance_id=instance_id,
        instance=instance_pb2.Instance(
            locality=instance_pb2.Locality(region=region),
            addresses=["127.0.0.1"],
            ports=[instance_pb2.Port(number=port)],
            health_check=instance_pb2.HealthCheck(kind=check),
        ),
        ttl=Duration(seconds=LEASE_SECONDS),
        request_id=str(uuid4()) if request_id is None else request_id,
    )


def details(status: status_pb2.Status) -> dict[str, Any]:
    """The details of a status by the name of their message; each may be there once."""
    found: dict[str, Message] = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        assert name not in found
        message: Message = getattr(error_details_pb2, name)()
        assert packed.Unpack(message)
        found[name] = message
    return found


def reason(status: status_pb2.Status) -> str:
    """The reason of a status; exactly one is there."""
    info = details(status)["ErrorInfo"]
    assert info.domain == "sheetanchor.dev"
    return str(info.reason)


def fields(status: status_pb2.Status) -> list[str]:
    """The fields that a status complains of."""
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    return [violation.field for violation in details(status)["BadRequest"].field_violations]


async def refusal(call: Any) -> status_pb2.Status:
    """The status of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)
    assert status is not None, caught.value
    assert status.code == caught.value.code().value[0]
    return status


async def eventually(true: Callable[[], Any]) -> Any:
    """What `true` (a function, or a coroutine function) says, once it says something."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            said = true()
            said = await said if asyncio.iscoroutine(said) else said
            if said:
                return said
            await asyncio.sleep(0.01)
