"""The emergency half of AdminService: freezes, rollbacks, pins, and what was done by hand."""

from __future__ import annotations

from typing import assert_never

from grpc.aio import ServicerContext

from registry.adapters.rpc.page_token import PageTokens, page_size
from registry.adapters.rpc.translate.audit_entry import audit_entry_message
from registry.adapters.rpc.translate.moment import timestamp
from registry.adapters.rpc.translate.plan import plan_message
from registry.adapters.rpc.translate.resource_name import audit_uid, cell_name, plan_name
from registry.app.audit import Audit
from registry.app.controls import Controls
from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.names import CellName
from registry.domain.preview import Preview
from registry.ports import ALL_CELLS, Freeze
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import audit_entry_pb2
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceServicer

ALL = "cells/-"
TEXT_LIMIT = 256


class ControlService(AdminServiceServicer):
    """Translates; `Controls` and `Audit` do the work."""

    def __init__(self, controls: Controls, audit: Audit, tokens: PageTokens) -> None:
        self._controls = controls
        self._audit = audit
        self._tokens = tokens

    async def FreezeCell(
        self, request: pb.FreezeCellRequest, context: ServicerContext
    ) -> pb.FreezeCellResponse:
        """Stop a cell's automation, or all."""
        said = await self._controls.freeze(
            _scope(request.name), _reason(request.reason), text_of(request.actor),
            request.preview_digest,
        )  # fmt: skip
        match said:
            case Preview():
                return pb.FreezeCellResponse(preview=_preview(said))
            case Freeze():
                return pb.FreezeCellResponse(earlier_freeze=_freeze(said))
            case None:
                return pb.FreezeCellResponse()
            case _:
                assert_never(said)

    async def UnfreezeCell(
        self, request: pb.UnfreezeCellRequest, context: ServicerContext
    ) -> pb.UnfreezeCellResponse:
        """Undo a freeze."""
        done = await self._controls.unfreeze(
            _scope(request.name), text_of(request.reason), text_of(request.actor),
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
            *plan_name(request.name, "name"), _reason(request.reason), text_of(request.actor),
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
            *plan_name(request.name, "name"), _reason(request.reason), text_of(request.actor)
        )
        return pb.PinPlanResponse()

    async def UnpinPlan(
        self, request: pb.UnpinPlanRequest, context: ServicerContext
    ) -> pb.UnpinPlanResponse:
        """Let a plan go with the others."""
        done = await self._controls.unpin(
            *plan_name(request.name, "name"), text_of(request.reason), text_of(request.actor)
        )
        return pb.UnpinPlanResponse(was_pinned=done)

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: ServicerContext
    ) -> pb.ListAuditEntriesResponse:
        """List what was done by hand, the last received first."""
        limit = page_size(request.page_size)
        at = self._tokens.read("audit entries", request.page_token, 2)
        page = await self._audit.entries(None if at is None else (int(at[0]), at[1]), limit)
        after = page.next_after
        return pb.ListAuditEntriesResponse(
            audit_entries=[audit_entry_message(item) for item in page.items],
            next_page_token=(
                ""
                if after is None
                else self._tokens.make("audit entries", (str(after[0]), after[1]))
            ),
        )

    async def GetAuditEntry(
        self, request: pb.GetAuditEntryRequest, context: ServicerContext
    ) -> audit_entry_pb2.AuditEntry:
        """Get one thing that was done by hand."""
        return audit_entry_message(await self._audit.entry(audit_uid(request.name, "name")))


def _scope(name: str) -> CellName | None:
    """A cell, or None for all of them, which must be said: an empty name is nothing (I39)."""
    return None if name == ALL else cell_name(name, "name")


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidField(FieldViolation("reason", "is required: others will ask why"))
    return text_of(text)


def text_of(text: str) -> str:
    """What people wrote, as it can be kept."""
    return text[:TEXT_LIMIT].replace("\0", " ")


def _freeze(made: Freeze) -> pb.Freeze:
    return pb.Freeze(
        name=ALL if made.scope == ALL_CELLS else f"cells/{made.scope}",
        reason=made.reason,
        actor=made.actor,
        create_time=timestamp(made.time_ms),
    )


def _preview(preview: Preview) -> pb.Preview:
    return pb.Preview(digest=preview.digest, effects=preview.effects)
