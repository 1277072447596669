"""RegistrationService: instances announce themselves and stay announced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from grpc.aio import ServicerContext

from registry.adapters.rpc.errors import status_of
from registry.adapters.rpc.request_size import MAX_INSTANCE_OCTETS, check_request_size
from registry.adapters.rpc.trace import traced
from registry.adapters.rpc.translate.draft import registration_draft
from registry.adapters.rpc.translate.instance import instance_message, write_instance
from registry.adapters.rpc.translate.lease import write_lease
from registry.adapters.rpc.translate.moment import duration
from registry.adapters.rpc.translate.resource_name import instance_key
from registry.app.heartbeats import Heartbeats
from registry.app.registrar import Registered, Registrar
from registry.domain.admission import BATCH_LIMIT, Draft
from registry.domain.errors import FieldViolation, InvalidField, RegistryError
from registry.domain.names import Incarnation
from sheetanchor.v1 import registration_service_pb2 as pb
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceServicer

PIPELINE = 16
"""Messages of one heartbeat stream that may be under way at once: enough that the next group
commit holds whatever came while the last was written, few enough to bound memory."""


class RegistrationService(RegistrationServiceServicer):
    """Translates; `Registrar` and `Heartbeats` do the work."""

    def __init__(self, registrar: Registrar, heartbeats: Heartbeats) -> None:
        self._registrar = registrar
        self._heartbeats = heartbeats

    async def RegisterInstance(
        self, request: pb.RegisterInstanceRequest, context: ServicerContext
    ) -> pb.RegisterInstanceResponse:
        """Register one instance."""
        with traced(context, "RegisterInstance") as traceparent:
            _check_instance_size(request, "")
            registered = await self._registrar.register(registration_draft(request), traceparent)
            response = pb.RegisterInstanceResponse()
            _write_registered(response, registered)
            return response

    async def BatchRegisterInstances(
        self, request: pb.BatchRegisterInstancesRequest, context: ServicerContext
    ) -> pb.BatchRegisterInstancesResponse:
        """Register many instances, each by itself."""
        if not 1 <= len(request.requests) <= BATCH_LIMIT:
            raise InvalidField(
                FieldViolation(
                    "requests", f"must be 1 to {BATCH_LIMIT}, are {len(request.requests)}"
                )
            )
        with traced(context, "BatchRegisterInstances") as traceparent:
            oversized: dict[int, RegistryError] = {}
            drafts: list[Draft] = []
            for index, item in enumerate(request.requests):
                try:
                    _check_instance_size(item, f"requests[{index}].")
                    drafts.append(registration_draft(item))
                except InvalidField as error:
                    oversized[index] = error
                    # keeps its place and its name, so that a twin of it is refused as well;
                    # without an address it cannot be admitted
                    drafts.append(Draft(item.parent, item.instance_id, region="", addresses=()))
            results, revision = await self._registrar.register_batch(drafts, traceparent)
            response = pb.BatchRegisterInstancesResponse(revision=revision)
            for index, found in enumerate(results):
                result = oversized.get(index, found)
                if isinstance(result, RegistryError):
                    response.results.add(status=status_of(result))
                else:
                    _write_registered(response.results.add().registered, result)
            return response

    async def DeregisterInstance(
        self, request: pb.DeregisterInstanceRequest, context: ServicerContext
    ) -> pb.DeregisterInstanceResponse:
        """Take an instance out at its owner's word."""
        with traced(context, "DeregisterInstance") as traceparent:
            key = instance_key(request.name, "name")
            uid = _required_uid(request.uid)
            revision = await self._registrar.deregister(key, uid, traceparent)
            return pb.DeregisterInstanceResponse(revision=revision)

    async def DrainInstance(
        self, request: pb.DrainInstanceRequest, context: ServicerContext
    ) -> pb.DrainInstanceResponse:
        """Send no new clients to an instance."""
        with traced(context, "DrainInstance") as traceparent:
            key = instance_key(request.name, "name")
            uid = _required_uid(request.uid)
            instance, revision = await self._registrar.drain(key, uid, traceparent)
            return pb.DrainInstanceResponse(instance=instance_message(instance), revision=revision)

    async def Heartbeat(
        self, request: pb.HeartbeatRequest, context: ServicerContext
    ) -> pb.HeartbeatResponse:
        """Renew leases once."""
        return await self._renew(request)

    async def Heartbeats(
        self, requests: AsyncIterator[pb.HeartbeatRequest], context: ServicerContext
    ) -> AsyncGenerator[pb.HeartbeatResponse, None]:
        """Renew leases for as long as the stream lives.

        Messages are taken in while earlier ones wait for the disk, so that they share its
        commits; replies keep the order of the messages.
        """
        replies: asyncio.Queue[asyncio.Task[pb.HeartbeatResponse] | None] = asyncio.Queue(PIPELINE)

        async def take_in() -> None:
            try:
                async for request in requests:
                    check_request_size(request)
                    await replies.put(asyncio.create_task(self._renew(request)))
            finally:
                await replies.put(None)

        taking_in = asyncio.create_task(take_in())
        try:
            while (reply := await replies.get()) is not None:
                yield await reply
            await taking_in
        finally:
            _abandon(taking_in)
            while not replies.empty():
                if left := replies.get_nowait():
                    _abandon(left)

    async def _renew(self, request: pb.HeartbeatRequest) -> pb.HeartbeatResponse:
        renewal = await self._heartbeats.renew(list(request.uids), list(request.not_serving_uids))
        response = pb.HeartbeatResponse(
            ttl=duration(renewal.ttl_seconds),
            renewal_interval=duration(renewal.renewal_interval_seconds),
            revision=renewal.revision,
        )
        for uid, error in renewal.refusals:
            response.refusals.add(uid=uid, status=status_of(error))
        return response


def _abandon(task: asyncio.Task[Any]) -> None:
    """Nobody waits for a task any more; what it was to renew may still be renewed."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _write_registered(response: pb.RegisterInstanceResponse, registered: Registered) -> None:
    instance = registered.instance
    write_instance(response.instance, instance)
    write_lease(
        response.lease,
        instance.key,
        instance.incarnation,
        ttl_seconds=registered.ttl_seconds,
        renewal_interval_seconds=registered.renewal_interval_seconds,
        expire_time_ms=registered.expire_time_ms,
    )
    response.revision = registered.revision


def _check_instance_size(request: pb.RegisterInstanceRequest, prefix: str) -> None:
    # the request's own size is known cheaply, and nearly always settles it
    if request.ByteSize() <= MAX_INSTANCE_OCTETS:
        return
    octets = request.instance.ByteSize()
    if octets > MAX_INSTANCE_OCTETS:
        raise InvalidField(
            FieldViolation(
                f"{prefix}instance", f"is {octets} octets long, more than {MAX_INSTANCE_OCTETS}"
            )
        )


def _required_uid(uid: str) -> Incarnation:
    if not uid:
        raise InvalidField(FieldViolation("uid", "is required: the uid that RegisterInstance gave"))
    return Incarnation(uid)
