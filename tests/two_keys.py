"""Destroys in two calls, as who means it does: the preview is taken, and its digest sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc.aio
from registry_site import refusal

from registry.domain.change import Change
from registry.domain.errors import PreviewRequired
from registry.domain.names import Revision
from registry.domain.operation import DeleteService, UpdateService
from registry.domain.service import Service
from registry.ports import Store
from sheetanchor.client import errors


async def edited(
    store: Store, edit: DeleteService | UpdateService
) -> tuple[Service, Sequence[Change], Revision]:
    """Carry out an edit that may need a second key."""
    try:
        return await store.edit_service(edit)
    except PreviewRequired as shown:
        confirmed: dict[str, Any] = {"preview_digest": shown.digest}
        fields = {name: getattr(edit, name) for name in type(edit).__slots__}
        return await store.edit_service(type(edit)(**fields | confirmed))


async def preview(call: Any) -> errors.PreviewRequired:
    """The preview that a call is refused with."""
    found = errors.from_status(await refusal(call))
    assert isinstance(found, errors.PreviewRequired), found
    return found


async def confirmed(method: Any, request: Any) -> Any:
    """Make a call that needs a second key; tried again while things move under it."""
    while True:
        request.preview_digest = ""
        shown = await preview(method(request))
        request.preview_digest = shown.preview_digest
        try:
            return await method(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ABORTED:
                raise
