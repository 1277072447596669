"""The emergency half of AdminService: freezes, rollbacks, pins."""

from __future__ import annotations

from grpc.aio import ServicerContext

from registry.adapters.rpc.translate.plan import plan_message
from registry.adapters.rpc.translate.resource_name import cell_name, plan_name
from registry.app.controls import Controls
from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.names import CellName
from registry.domain.preview import Preview
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceServicer

ALL = "cells/-"
TEXT_LIMIT = 256


class ControlService(AdminServiceServicer):
    """Translates; `Controls` does the work."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    async def FreezeCell(
        self, request: pb.FreezeCellRequest, context: ServicerContext
    ) -> pb.FreezeCellResponse:
        """Stop a cell's automation, or all."""
        preview = await self._controls.freeze(
            _scope(request.name), _reason(request.reason), _text(request.actor),
            request.preview_digest,
        )  # fmt: skip
        return pb.FreezeCellResponse(preview=None if preview is None else _preview(preview))

    async def UnfreezeCell(
        self, request: pb.UnfreezeCellRequest, context: ServicerContext
    ) -> pb.UnfreezeCellResponse:
        """Undo a freeze."""
        done = await self._controls.unfreeze(
            _scope(request.name), _text(request.reason), _text(request.actor),
            request.preview_digest,
        )  # fmt: skip
        if isinstance(done, Preview):
            return pb.UnfreezeCellResponse(preview=_preview(done))
        return pb.UnfreezeCellResponse(was_frozen=done)

    async def RollBackPlan(
        self, request: pb.RollBackPlanRequest, context: ServicerContext
    ) -> pb.RollBackPlanResponse:
        """Publish an older content anew."""
        done = await self._controls.roll_back(
            *plan_name(request.name, "name"), _reason(request.reason), _text(request.actor),
            request.preview_digest,
        )  # fmt: skip
        if isinstance(done, Preview):
            return pb.RollBackPlanResponse(preview=_preview(done))
        return pb.RollBackPlanResponse(plan=plan_message(done))

    async def PinPlan(
        self, request: pb.PinPlanRequest, context: ServicerContext
    ) -> pb.PinPlanResponse:
        """Keep a plan from clean-up."""
        await self._controls.pin(
            *plan_name(request.name, "name"), _reason(request.reason), _text(request.actor)
        )
        return pb.PinPlanResponse()

    async def UnpinPlan(
        self, request: pb.UnpinPlanRequest, context: ServicerContext
    ) -> pb.UnpinPlanResponse:
        """Let a plan go with the others."""
        done = await self._controls.unpin(
            *plan_name(request.name, "name"), _text(request.reason), _text(request.actor)
        )
        return pb.UnpinPlanResponse(was_pinned=done)


def _scope(name: str) -> CellName | None:
    """A cell, or None for all of them, which must be said: an empty name is nothing (I39)."""
    return None if name == ALL else cell_name(name, "name")


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidField(FieldViolation("reason", "is required: others will ask why"))
    return _text(text)


def _text(text: str) -> str:
    """What people wrote, as it can be kept."""
    return text[:TEXT_LIMIT].replace("\0", " ")


def _preview(preview: Preview) -> pb.Preview:
    return pb.Preview(digest=preview.digest, effects=preview.effects)
