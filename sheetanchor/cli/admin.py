"""The operators' side of the admin RPC: calls, pages, and how a refusal ends the command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.field import refusal_text
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import Kind
from sheetanchor.client.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PreviewRequired,
    RegistryBusy,
    RegistryUnreachable,
    RevisionUnavailable,
    SheetanchorError,
)
from sheetanchor.client.link import RegistryLink
from sheetanchor.v1 import admin_service_pb2, discovery_service_pb2, registration_service_pb2
from sheetanchor.v1.admin_service_pb2_grpc import AdminServiceStub
from sheetanchor.v1.discovery_service_pb2_grpc import DiscoveryServiceStub
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

T = TypeVar("T")

TIMEOUT_SECONDS = 5.0
PAGE = 1000
LARGEST_REPLY = ("grpc.max_receive_message_length", 256 * 1024 * 1024)
"""A page of instances, each with all the metadata that it may have; a plan of a large cell."""

EXITS: Mapping[type[SheetanchorError], ExitCode] = {
    InvalidRequest: ExitCode.USAGE,
    NotFound: ExitCode.NOT_FOUND,
    Conflict: ExitCode.CONFLICT,
    PreviewRequired: ExitCode.CONFLICT,
    RevisionUnavailable: ExitCode.CONFLICT,
    RegistryBusy: ExitCode.BUSY,
    RegistryUnreachable: ExitCode.UNREACHABLE,
}
"""How each refusal ends the command; any other is FAILED."""


class Admin:
    """A registry, asked node after node until one answers. Raises SheetanchorError."""

    def __init__(self, link: RegistryLink) -> None:
        self._link = link

    async def call(self, method: str, **fields: Any) -> Any:
        """Call a method of AdminService."""
        request = getattr(admin_service_pb2, f"{method}Request")(**_sayable(fields))
        return await self._link.call_any(AdminServiceStub, method, request, TIMEOUT_SECONDS)

    async def call_as_owner(self, method: str, **fields: Any) -> Any:
        """Call a method of RegistrationService, in the place of an instance's owner."""
        request = getattr(registration_service_pb2, f"{method}Request")(**_sayable(fields))
        return await self._link.call_any(RegistrationServiceStub, method, request, TIMEOUT_SECONDS)

    async def discover(self, method: str, **fields: Any) -> Any:
        """Call a method of DiscoveryService."""
        request = getattr(discovery_service_pb2, f"{method}Request")(**_sayable(fields))
        return await self._link.call_any(DiscoveryServiceStub, method, request, TIMEOUT_SECONDS)

    async def get(self, kind: Kind, name: str) -> Any:
        """One resource by its full name."""
        return await self.call(f"Get{kind.rpc_singular}", name=name)

    async def list_all(self, kind: Kind, parent: str = "", limit: int = 0) -> list[Any]:
        """All resources of a kind, or the first `limit`, page after page."""
        fields: dict[str, Any] = {"page_size": min(limit or PAGE, PAGE)}
        if kind.parents:
            fields["parent"] = parent
        found: list[Any] = []
        while True:
            page = await self.call(f"List{kind.rpc_plural}", **fields)
            found += getattr(page, kind.reply_field)
            if not page.next_page_token or 0 < limit <= len(found):
                return found[:limit] if limit else found
            fields["page_token"] = page.next_page_token


def ask(nodes: tuple[str, ...], work: Callable[[Admin], Awaitable[T]]) -> T:
    """Do `work` at a registry. Raises Failure."""

    async def run() -> T:
        async with RegistryLink(nodes, (LARGEST_REPLY,)) as link:
            return await work(Admin(link))

    try:
        return asyncio.run(run())
    except SheetanchorError as error:
        raise failure_of(error) from error


def failure_of(error: SheetanchorError) -> Failure:
    """The refusal as the command's end."""
    if isinstance(error, InvalidRequest):
        return Failure(refusal_text(error), EXITS[InvalidRequest])
    for kind in type(error).__mro__:
        if kind in EXITS:
            return Failure(error.message, EXITS[kind])
    return Failure(error.message, ExitCode.FAILED)


def _sayable(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    # what was typed in another encoding comes as lone surrogates, which no message can hold; an
    # emergency does not wait for a terminal to be set right
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }
