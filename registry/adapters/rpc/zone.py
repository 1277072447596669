"""The part of AdminService that shows and edits the zone's settings."""

from __future__ import annotations

from collections.abc import Collection

from grpc.aio import ServicerContext

from registry.adapters.rpc.by_hand import deed_of
from registry.adapters.rpc.translate.rollout import acts_at_once
from registry.adapters.rpc.translate.zone import (
    ALL,
    NAME,
    revised_settings,
    zone_message,
    zone_name,
    zone_paths,
)
from registry.app.audit import Scribe
from registry.app.zone_editor import ZoneEditor
from registry.domain.audit import Act
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import zone_pb2
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceServicer


class ZoneService(AdminServiceServicer):
    """Translates; `ZoneEditor` does the work."""

    _zone: ZoneEditor
    _scribe: Scribe
    _regions: Collection[str]

    async def GetZone(self, request: pb.GetZoneRequest, context: ServicerContext) -> zone_pb2.Zone:
        """Get the zone's settings."""
        zone_name(request.name, "name")
        return zone_message(await self._zone.get())

    async def UpdateZone(
        self, request: pb.UpdateZoneRequest, context: ServicerContext
    ) -> zone_pb2.Zone:
        """Update the zone's settings."""
        asked = request.zone
        zone_name(asked.name, "zone.name")
        paths = zone_paths(request.update_mask.paths)
        at_once = acts_at_once(request.rollout)
        detail = ", ".join(paths) + (" at once" if at_once else "")
        changed = await self._zone.update(
            asked.etag,
            lambda current: revised_settings(current, asked, paths, self._regions),
            at_once=at_once,
            deed=deed_of(self._scribe, Act.UPDATE_ZONE, NAME, request, detail),
            only_look=request.validate_only,
            replaces=ALL in paths,
        )
        return zone_message(changed)
