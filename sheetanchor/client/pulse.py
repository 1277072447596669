"""Renews leases over one stream, and by single calls where streams do not hold.

Some proxies cut or buffer long streams. Whoever stands behind one still has a
registry to reach, so a stream that broke is replaced by a single call at once; only
when that fails too has the node failed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

from sheetanchor.client.errors import RegistryUnreachable, SheetanchorError, mapped
from sheetanchor.client.link import RegistryLink
from sheetanchor.v1 import registration_service_pb2 as messages
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

UNARY_BEATS_AFTER_MUTE_STREAM = 20
"""A stream that never replied is not tried again before this many single renewals."""


class Pulse:
    """Sends renewals one after the other, and hands back the reply to each."""

    def __init__(self, link: RegistryLink) -> None:
        self._link = link
        self._stream: Any = None
        self._channel: Any = None
        self._replies = 0
        self._unary_beats = 0

    def __repr__(self) -> str:
        way = "stream" if self._stream is not None else "single calls"
        return f"Pulse({self._link.address!r}, by {way}, replies={self._replies})"

    @property
    def streaming(self) -> bool:
        """Whether renewals go over a stream now."""
        return self._stream is not None

    async def beat(
        self, request: messages.HeartbeatRequest, timeout_seconds: float
    ) -> messages.HeartbeatResponse:
        """Renew; when this returns, what was renewed is durable. Raises SheetanchorError."""
        if self._stream is None and self._unary_beats > 0:
            self._unary_beats -= 1
        else:
            try:
                return await self._by_stream(request, timeout_seconds)
            except SheetanchorError:
                if self._replies == 0:
                    self._unary_beats = UNARY_BEATS_AFTER_MUTE_STREAM
                self.stop()
        try:
            reply: messages.HeartbeatResponse = await self._link.call(
                RegistrationServiceStub, "Heartbeat", request, timeout_seconds
            )
        except SheetanchorError:
            # the node failed, not just the stream: the next one may stream well
            self._unary_beats = 0
            raise
        return reply

    async def _by_stream(
        self, request: messages.HeartbeatRequest, timeout_seconds: float
    ) -> messages.HeartbeatResponse:
        channel = self._link.channel()
        if self._stream is None or self._channel is not channel:
            self.stop()
            self._channel = channel
            self._stream = RegistrationServiceStub(channel).Heartbeats()
            self._replies = 0
        with mapped(self._link.address):
            async with asyncio.timeout(timeout_seconds):
                await self._stream.write(request)
                reply = await self._stream.read()
        if reply is grpc.aio.EOF:
            raise RegistryUnreachable(
                f"registry {self._link.address} closed the stream",
                registries=(self._link.address,),
            )
        self._replies += 1
        response: messages.HeartbeatResponse = reply
        return response

    def stop(self) -> None:
        """Give the stream up; the next beat opens a new one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
