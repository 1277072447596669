"""DiscoveryService: clients find instances without DNS, and follow their coming and going."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from grpc.aio import ServicerContext

from registry.adapters.rpc.translate.instance import instance_message
from registry.adapters.rpc.translate.resource_name import ANY, parent_ids, service_key
from registry.adapters.rpc.translate.service_event import service_event_message
from registry.app.resolver import Resolver
from registry.app.service_feed import ServiceFeed
from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.names import NamespaceId, Revision, ServiceId
from sheetanchor.v1 import discovery_service_pb2 as pb
from sheetanchor.v1.discovery_service_pb2_grpc import DiscoveryServiceServicer


class DiscoveryService(DiscoveryServiceServicer):
    """Translates; `Resolver` and `ServiceFeed` do the work."""

    def __init__(self, resolver: Resolver, feed: ServiceFeed) -> None:
        self._resolver = resolver
        self._feed = feed

    async def ResolveService(
        self, request: pb.ResolveServiceRequest, context: ServicerContext
    ) -> pb.ResolveServiceResponse:
        """Tell the endpoints of a service."""
        instances, revision = self._resolver.resolve(
            service_key(request.name, "name"), request.region, request.include_unvalidated
        )
        return pb.ResolveServiceResponse(
            instances=[instance_message(instance) for instance in instances], revision=revision
        )

    async def WatchServices(
        self, request: pb.WatchServicesRequest, context: ServicerContext
    ) -> AsyncGenerator[pb.WatchServicesResponse, None]:
        """Follow instances and services."""
        if request.start_revision < 0:
            raise InvalidField(
                FieldViolation("start_revision", f"{request.start_revision} is negative")
            )
        namespace, service = parent_ids(request.parent, "parent", ("namespaces", "services"))
        if service is not None and namespace is None:
            raise InvalidField(
                FieldViolation("parent", f"a service needs its namespace; {ANY!r} is not followed")
            )
        events = self._feed.watch(
            None if namespace is None else NamespaceId(namespace),
            None if service is None else ServiceId(service),
            Revision(request.start_revision),
        )
        async with aclosing(events):
            async for event in events:
                yield service_event_message(event)
