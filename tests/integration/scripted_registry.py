"""A registry that does as a test says: real gRPC, invented answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from sheetanchor.cli.demo.port import free_port
from sheetanchor.client.announcement import duration
from sheetanchor.client.errors import DOMAIN
from sheetanchor.v1 import discovery_service_pb2 as discovery
from sheetanchor.v1 import registration_service_pb2 as messages
from sheetanchor.v1.discovery_service_pb2_grpc import (
    DiscoveryServiceServicer,
    add_DiscoveryServiceServicer_to_server,
)
from sheetanchor.v1.registration_service_pb2_grpc import (
    RegistrationServiceServicer,
    add_RegistrationServiceServicer_to_server,
)


def refusal(code: int, reason: str) -> status_pb2.Status:
    """A status as the registry sends it."""
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))
    return status_pb2.Status(code=code, message=f"refused: {reason}", details=[info])


SUPERSEDED = refusal(code_pb2.FAILED_PRECONDITION, "INCARNATION_SUPERSEDED")
LEASE_EXPIRED = refusal(code_pb2.FAILED_PRECONDITION, "LEASE_EXPIRED")
INVALID = refusal(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD")
BUSY = refusal(code_pb2.UNAVAILABLE, "STORE_UNAVAILABLE")
COMPACTED = refusal(code_pb2.OUT_OF_RANGE, "REVISION_COMPACTED")


class ScriptedRegistry(RegistrationServiceServicer, DiscoveryServiceServicer):
    """Grants everything quickly unless told otherwise, and remembers what it was asked."""

    def __init__(self, ttl_seconds: float = 30.0, interval_seconds: float = 0.05) -> None:
        self.ttl_seconds = ttl_seconds
        self.interval_seconds = interval_seconds
        self.registrations: list[messages.RegisterInstanceRequest] = []
        self.beats: list[messages.HeartbeatRequest] = []
        self.calls: list[str] = []
        """Names of the calls as they came; a stream counts once."""
        self.register_with: list[status_pb2.Status] = []
        """Answers to the next registrations, first one first; then they are granted."""
        self.refuse: dict[str, status_pb2.Status] = {}
        """Refusals of renewals, by incarnation."""
        self.answering = asyncio.Event()
        """Cleared, a registration is made and not answered."""
        self.answering.set()
        self.streams_work = True
        self.watches: list[list[discovery.WatchServicesResponse | status_pb2.Status]] = []
        """What the next watches send, first one first; a watch that ran out stays silent."""
        self.watch_requests: list[discovery.WatchServicesRequest] = []
        self.port = 0
        self._server: Any = None
        self._news = asyncio.Event()

    @property
    def address(self) -> str:
        """Where it listens, also while it is stopped."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> ScriptedRegistry:
        """Listen; at the same port as before after a stop."""
        # below the ports of connections, so that nobody's connection takes it meanwhile
        self.port = self.port or free_port()
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        add_RegistrationServiceServicer_to_server(self, self._server)
        add_DiscoveryServiceServicer_to_server(self, self._server)
        self._server.add_insecure_port(self.address)
        await self._server.start()
        return self

    async def stop(self) -> None:
        """Die at once."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until `condition` holds, looked at after every call and now and then."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                waiting = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({waiting}, timeout=0.02)
                waiting.cancel()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._news.set()

    async def RegisterInstance(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self.registrations.append(request)
        self._note("RegisterInstance")
        if self.register_with:
            await context.abort_with_status(rpc_status.to_status(self.register_with.pop(0)))
        await self.answering.wait()
        reply = messages.RegisterInstanceResponse(instance=request.instance, revision=1)
        reply.instance.uid = f"uid-{len(self.registrations)}"
        reply.lease.ttl.CopyFrom(duration(self.ttl_seconds))
        reply.lease.renewal_interval.CopyFrom(duration(self.interval_seconds))
        return reply

    async def Heartbeat(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self._note("Heartbeat")
        return self._renew(request)

    async def Heartbeats(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 (gRPC's name)
        self._note("Heartbeats")
        if not self.streams_work:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no streams here")
        async for request in requests:
            if not self.streams_work:
                await context.abort(grpc.StatusCode.INTERNAL, "stream cut")
            yield self._renew(request)

    async def DrainInstance(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self._note("DrainInstance")
        return messages.DrainInstanceResponse(revision=1)

    async def DeregisterInstance(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self._note(f"DeregisterInstance {request.uid}")
        return messages.DeregisterInstanceResponse(revision=1)

    async def WatchServices(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 (gRPC's name)
        self.watch_requests.append(request)
        self._note("WatchServices")
        for event in self.watches.pop(0) if self.watches else []:
            if isinstance(event, status_pb2.Status):
                await context.abort_with_status(rpc_status.to_status(event))
            yield event
        await asyncio.Event().wait()

    def _renew(self, request: messages.HeartbeatRequest) -> messages.HeartbeatResponse:
        self.beats.append(request)
        self._news.set()
        return messages.HeartbeatResponse(
            ttl=duration(self.ttl_seconds),
            renewal_interval=duration(self.interval_seconds),
            refusals=[
                messages.HeartbeatResponse.Refusal(uid=uid, status=self.refuse[uid])
                for uid in [*request.uids, *request.not_serving_uids]
                if uid in self.refuse
            ],
        )
