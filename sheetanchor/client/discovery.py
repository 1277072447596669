"""Finds a service's instances, and follows their coming and going, without DNS."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio

from sheetanchor.client.addresses import parse_addresses
from sheetanchor.client.backoff import Backoff
from sheetanchor.client.errors import (
    RegistryBusy,
    RegistryFault,
    RegistryUnreachable,
    RevisionUnavailable,
    mapped,
)
from sheetanchor.client.link import RegistryLink
from sheetanchor.v1 import discovery_service_pb2 as messages
from sheetanchor.v1 import instance_pb2, service_pb2
from sheetanchor.v1.discovery_service_pb2_grpc import DiscoveryServiceStub

SILENCE_SECONDS = 15.0
"""A live stream sends checkpoints; one that says nothing this long is taken for dead."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The instances of a service that one registry knows."""

    instances: tuple[instance_pb2.Instance, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All there is, to begin from; whatever is known from before is void."""

    services: tuple[service_pb2.Service, ...]
    instances: tuple[instance_pb2.Instance, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened since, in order of revision."""

    changes: tuple[messages.Change, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Nothing else happened up to `revision`; the stream lives."""

    revision: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The stream broke, and is being resumed; what is known is as of `revision`."""

    error: RegistryUnreachable | RegistryBusy | RegistryFault
    revision: int


Event = Snapshot | Changes | Checkpoint | Interrupted


async def resolve(
    service: str,
    *,
    namespace: str = "default",
    region: str = "",
    include_unvalidated: bool = False,
    registries: str | Sequence[str] = "127.0.0.1:5310",
    timeout: float = 5.0,
) -> Resolution:
    """The validated instances of a service, in ascending order of name.

    `region` narrows to one region; `include_unvalidated` adds those of any health. Each
    registry node is asked once, for at most `timeout` seconds. Raises SheetanchorError;
    NotFound when there is no such service.
    """
    async with RegistryLink(parse_addresses(registries)) as link:
        reply = await link.call_any(
            DiscoveryServiceStub,
            "ResolveService",
            messages.ResolveServiceRequest(
                name=f"namespaces/{namespace}/services/{service}",
                region=region,
                include_unvalidated=include_unvalidated,
            ),
            timeout,
        )
    return Resolution(tuple(reply.instances), reply.revision)


async def watch(
    *,
    namespace: str = "",
    service: str = "",
    start_revision: int = 0,
    registries: str | Sequence[str] = "127.0.0.1:5310",
    backoff: Backoff | None = None,
) -> AsyncIterator[Event]:
    """Follow one service, one namespace, or everything, for ever.

    Begins with a Snapshot, or after `start_revision` when given. A broken stream yields
    one Interrupted and is resumed where it broke, at the next registry node; where
    that is no longer possible, a new Snapshot follows. A service without a namespace is
    one of `default`. Raises RegistryRefusal for requests that no retry can help.
    """
    parent = _parent(namespace, service)
    backoff = backoff or Backoff()
    revision, failures = start_revision, 0
    async with RegistryLink(parse_addresses(registries)) as link:
        while True:
            channel = link.channel()
            try:
                async for event in _stream(channel, link.address, parent, revision):
                    revision, failures = event.revision, 0
                    yield event
            except RevisionUnavailable:
                revision = 0
                continue
            except (RegistryUnreachable, RegistryBusy, RegistryFault) as error:
                failures += 1
                if failures == 1:
                    yield Interrupted(error, revision)
                wish = error.retry_after_seconds if isinstance(error, RegistryBusy) else 0.0
                await link.turn(channel)
                await asyncio.sleep(
                    backoff.delay_seconds(failures, len(link.addresses), random.random(), wish)
                )


async def _stream(
    channel: grpc.aio.Channel, registry: str, parent: str, start_revision: int
) -> AsyncIterator[Snapshot | Changes | Checkpoint]:
    """One stream's events, a snapshot put together from its parts. Ends by raising only."""
    services: list[service_pb2.Service] = []
    instances: list[instance_pb2.Instance] = []
    call: Any = DiscoveryServiceStub(channel).WatchServices(
        messages.WatchServicesRequest(parent=parent, start_revision=start_revision)
    )
    try:
        while True:
            with mapped(registry):
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await call.read()
            if message is grpc.aio.EOF:
                raise RegistryUnreachable(
                    f"registry {registry} ended the watch", registries=(registry,)
                )
            match message.WhichOneof("event"):
                case "snapshot":
                    services.extend(message.snapshot.services)
                    instances.extend(message.snapshot.instances)
                    if message.snapshot.complete:
                        yield Snapshot(tuple(services), tuple(instances), message.revision)
                        services, instances = [], []
                case "changes":
                    yield Changes(tuple(message.changes.changes), message.revision)
                case "checkpoint":
                    yield Checkpoint(message.revision)
                case _:  # an event of a later version: its revision counts all the same
                    yield Checkpoint(message.revision)
    finally:
        call.cancel()


def _parent(namespace: str, service: str) -> str:
    if service:
        return f"namespaces/{namespace or 'default'}/services/{service}"
    return f"namespaces/{namespace}" if namespace else ""
