"""The part of AdminService that shows observers."""

from __future__ import annotations

from grpc.aio import ServicerContext

from registry.adapters.rpc.page_token import PageTokens, page_size
from registry.adapters.rpc.translate.observer import observer_message
from registry.adapters.rpc.translate.resource_name import cell_name, observer_name
from registry.app.observers import Observers
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import observer_pb2
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceServicer


class ObservationService(AdminServiceServicer):
    """Translates; `Observers` does the work."""

    _observers: Observers
    _tokens: PageTokens

    async def ListObservers(
        self, request: pb.ListObserversRequest, context: ServicerContext
    ) -> pb.ListObserversResponse:
        """List who probes, by cell and name."""
        limit = page_size(request.page_size)
        cell = cell_name(request.parent, "parent") if request.parent else None
        made_for = f"observers of {cell}"
        cell_after, after = self._tokens.read(made_for, request.page_token, 2) or ("", "")
        found = await self._observers.list(cell, (cell_after, after))
        now_ms = self._observers.unix_ms()
        last = found[limit - 1] if len(found) > limit else None
        token = "" if last is None else self._tokens.make(made_for, (last.cell, last.observer))
        return pb.ListObserversResponse(
            observers=[observer_message(item, now_ms) for item in found[:limit]],
            next_page_token=token,
        )

    async def GetObserver(
        self, request: pb.GetObserverRequest, context: ServicerContext
    ) -> observer_pb2.Observer:
        """Get an observer."""
        found = await self._observers.get(*observer_name(request.name, "name"))
        return observer_message(found, self._observers.unix_ms())
