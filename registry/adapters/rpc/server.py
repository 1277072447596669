"""The gRPC server: services, health, reflection, limits, and an end without losses.

It listens before the registry is ready, and says so by grpc.health.v1: each service is
NOT_SERVING until `open_gate` is told the services, and again once an end is in sight.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_NAME
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from registry.adapters.rpc.boundary import Boundary
from registry.adapters.rpc.request_size import MAX_TRANSPORT_OCTETS
from sheetanchor.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    discovery_service_pb2,
    discovery_service_pb2_grpc,
    publication_service_pb2,
    publication_service_pb2_grpc,
    registration_service_pb2,
    registration_service_pb2_grpc,
)

log = logging.getLogger(__name__)

OPTIONS: Final[Sequence[tuple[str, Any]]] = (
    ("grpc.max_receive_message_length", MAX_TRANSPORT_OCTETS),
    # plans are cut into parts by their feed; nothing that we send is refused by ourselves
    ("grpc.max_send_message_length", -1),
    # the second process on a port is told, instead of taking half of the connections
    ("grpc.so_reuseport", 0),
    # a peer that vanished without a word is noticed within half a minute, on idle streams too
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # clients may do the same to us: the default takes pings under 5 min apart for an attack
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)

_Status = health_pb2.HealthCheckResponse

REGISTRATION = registration_service_pb2.DESCRIPTOR.services_by_name["RegistrationService"]
DISCOVERY = discovery_service_pb2.DESCRIPTOR.services_by_name["DiscoveryService"]
PUBLICATION = publication_service_pb2.DESCRIPTOR.services_by_name["PublicationService"]
ADMIN = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"]
SERVICES: Final = (REGISTRATION, DISCOVERY, PUBLICATION, ADMIN)


class GrpcListenError(OSError):
    """gRPC cannot be served at the address; the message names it."""


class RpcServer:
    """One listening address, and what may be asked there."""

    def __init__(self) -> None:
        self.address = ""
        """`HOST:PORT` that is served; empty before `listen`."""
        self._boundary = Boundary()
        self._health = health_aio.HealthServicer()
        self._server = grpc.aio.server(options=OPTIONS)
        # Methods that gRPC is told of beforehand are waited for one by one, which costs each call
        # a little for every method there is. Found by name they are all the same to it.
        self._server.add_registered_method_handlers = _ignored
        stand_in = self._boundary.stand_in
        registration_service_pb2_grpc.add_RegistrationServiceServicer_to_server(
            stand_in(REGISTRATION), self._server
        )
        discovery_service_pb2_grpc.add_DiscoveryServiceServicer_to_server(
            stand_in(DISCOVERY), self._server
        )
        publication_service_pb2_grpc.add_PublicationServiceServicer_to_server(
            stand_in(PUBLICATION), self._server
        )
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(stand_in(ADMIN), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.full_name for service in SERVICES]
        reflection.enable_server_reflection(
            [*names, HEALTH_NAME, reflection.SERVICE_NAME], self._server
        )

    def __repr__(self) -> str:
        return f"<RpcServer {self.address or 'not listening'} {self._boundary!r}>"

    async def listen(self, address: str) -> None:
        """Serve at `HOST:PORT`, answering UNAVAILABLE until `open_gate`. Raises GrpcListenError."""
        await self._say(_Status.NOT_SERVING)
        host, _, _ = address.rpartition(":")
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            # gRPC says no more than that it failed
            text = "it is in use, or is no address of this machine"
            raise GrpcListenError(f"gRPC cannot be served at {address}: {text}") from error
        await self._server.start()
        self.address = f"{host}:{port}"

    async def open_gate(
        self,
        registration: registration_service_pb2_grpc.RegistrationServiceServicer,
        discovery: discovery_service_pb2_grpc.DiscoveryServiceServicer,
        publication: publication_service_pb2_grpc.PublicationServiceServicer,
        admin: admin_service_pb2_grpc.AdminServiceServicer,
    ) -> None:
        """The registry is ready: let requests in to its services."""
        self._boundary.open(
            {
                REGISTRATION: registration,
                DISCOVERY: discovery,
                PUBLICATION: publication,
                ADMIN: admin,
            }
        )
        await self._say(_Status.SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, finish what is under way, and send watchers elsewhere."""
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.create_task(self._server.stop(grace_seconds))
        # streams never end by themselves: they would only use up the grace of the others
        self._boundary.end_streams()
        await stopping

    async def _say(self, status: Any) -> None:
        for name in ("", *(service.full_name for service in SERVICES)):
            await self._health.set(name, status)


def _ignored(service: str, handlers: Mapping[str, Any]) -> None:
    """The generic handlers of the same service are added as well."""
