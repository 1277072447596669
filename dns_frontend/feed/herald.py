"""Tells a registry what was done to this frontend by hand, while nobody could be asked.

Rule: each deed is told until that registry has kept it, or has said that its cell is
another's. What it has kept already, after a restart of either, it takes for the same.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from dns_frontend.feed.audit import PIN, AuditLog, Deed
from sheetanchor.v1 import publication_service_pb2 as messages

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
RETRY_SECONDS = 5.0
TIMEOUT_SECONDS = 5.0
_ABOUT_THE_DEED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
"""Answers that telling it again would get again."""
_Act = messages.ReportBreakGlassRequest


class Herald:
    """One frontend's voice at one cluster. For one event loop."""

    def __init__(
        self, frontend: str, audit: AuditLog, *, draw: Callable[[], float] = random.random
    ) -> None:
        self._frontend = frontend
        self._audit = audit
        self._draw = draw
        self._told: set[str] = set()

    def __repr__(self) -> str:
        return f"<Herald {self._frontend} told={len(self._told)}>"

    async def run(self, stub: Any) -> None:
        """Tell what is in the file, and what comes, while the stream lasts."""
        seen = 0
        while True:
            mark = await asyncio.to_thread(self._audit.mark)
            if mark != seen:
                deeds = await asyncio.to_thread(self._audit.last)
                # what left the file's end is told no more, and need not be remembered
                self._told &= {deed.uid for deed in deeds}
                if all([await self._tell(stub, deed) for deed in deeds]):
                    seen = mark
                else:
                    await asyncio.sleep(RETRY_SECONDS * (0.5 + self._draw()))
            await asyncio.sleep(LOOK_SECONDS)

    async def _tell(self, stub: Any, deed: Deed) -> bool:
        """Whether it need not be told again."""
        if deed.uid in self._told:
            return True
        try:
            await stub.ReportBreakGlass(report_of(self._frontend, deed), timeout=TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            trouble = {"frontend": self._frontend, "cell": deed.cell, "error": error.details()}
            if error.code() not in _ABOUT_THE_DEED:
                log.info("a registry took no word of what was done by hand", extra=trouble)
                return False
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                log.error("a registry refuses our word of what was done by hand", extra=trouble)
        self._told.add(deed.uid)
        return True


def report_of(frontend: str, deed: Deed) -> messages.ReportBreakGlassRequest:
    """The message that tells of a deed."""
    at = Timestamp()
    try:
        at.FromJsonString(deed.time)
    except ValueError:
        at = Timestamp()  # the registry has its own time of it as well
    return messages.ReportBreakGlassRequest(
        frontend_id=frontend,
        act_uid=deed.uid[:64],
        cell=deed.cell,
        act=_Act.ACT_PIN if deed.verb == PIN else _Act.ACT_LIFT,
        actor=deed.who or "unknown",
        reason=deed.reason or "none was given",
        act_time=at,
        generation=max(0, min(deed.generation, 2**63 - 1)),
        digest=deed.digest[:64],
        file=deed.file,
    )
