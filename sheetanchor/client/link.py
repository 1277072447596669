"""One client's connection to a registry: a channel to one node, the next node on failure.

Every try after a failure is a new channel: gRPC's own reconnect backoff would delay
it unseen, and a channel to a node that came back behind the same address may stay stuck.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, TypeVar

import grpc
import grpc.aio

from sheetanchor.client.addresses import AddressRing
from sheetanchor.client.errors import RegistryBusy, RegistryFault, RegistryUnreachable, mapped

Reply = TypeVar("Reply")

_OPTIONS = (
    # a proxy meant for the web must not stand between a service and its registry (I22)
    ("grpc.enable_http_proxy", 0),
    # channels of one process to one address must not share a connection that is stuck
    ("grpc.use_local_subchannel_pool", 1),
    # we retry ourselves, at the next address
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)

TURN_AWAY = (RegistryUnreachable, RegistryBusy, RegistryFault)
"""Failures after which another node may do better."""


class RegistryLink:
    """Calls a registry through whichever of its nodes answers. For one event loop."""

    def __init__(
        self, addresses: tuple[str, ...], options: tuple[tuple[str, int], ...] = ()
    ) -> None:
        """`options` are gRPC channel arguments beside our own."""
        self._options = (*_OPTIONS, *options)
        self._ring = AddressRing(addresses)
        self._channel: grpc.aio.Channel | None = None
        self._address = self._ring.current

    def __repr__(self) -> str:
        state = "open" if self._channel is not None else "closed"
        return f"RegistryLink({self._ring.current!r}, {state}, nodes={len(self._ring)})"

    async def __aenter__(self) -> RegistryLink:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def address(self) -> str:
        """The node that is asked now."""
        return self._ring.current

    @property
    def addresses(self) -> tuple[str, ...]:
        """All nodes."""
        return self._ring.addresses

    def channel(self) -> grpc.aio.Channel:
        """The channel to the current node, opened when there is none."""
        if self._channel is None:
            self._address = self._ring.current
            self._channel = grpc.aio.insecure_channel(self._address, options=self._options)
        return self._channel

    async def turn(self, failed: grpc.aio.Channel | None = None) -> None:
        """Leave the current node for the next one; no-op if `failed` was left already."""
        if failed is not None and failed is not self._channel:
            return
        channel, self._channel = self._channel, None
        self._ring.advance(self._address)
        if channel is not None:
            await channel.close()

    async def call(self, stub: type[Any], method: str, request: Any, timeout_seconds: float) -> Any:
        """Call `method` of the service of `stub` at the current node, once.

        Raises SheetanchorError. After a failure that another node may not share, the
        link has turned to the next one, for the caller's next try.
        """
        channel = self.channel()
        address = self._address
        try:
            with mapped(address):
                return await getattr(stub(channel), method)(
                    request, timeout=timeout_seconds, metadata=trace_metadata()
                )
        except TURN_AWAY:
            await self.turn(channel)
            raise

    async def call_any(
        self, stub: type[Any], method: str, request: Any, timeout_seconds: float
    ) -> Any:
        """Like `call`, tried at each node once; for calls that may be repeated.

        Raises the last node's error, or RegistryUnreachable naming all of them.
        """
        failures: list[RegistryUnreachable] = []
        for _ in self.addresses[1:]:
            try:
                return await self.call(stub, method, request, timeout_seconds)
            except RegistryUnreachable as error:
                failures.append(error)
            except TURN_AWAY:
                continue
        try:
            return await self.call(stub, method, request, timeout_seconds)
        except RegistryUnreachable as error:
            if len(failures) < len(self.addresses) - 1 or not failures:
                raise
            raise RegistryUnreachable(
                f"no registry answered; tried {', '.join(self.addresses)}. Last: {error.message}",
                registries=self.addresses,
            ) from error

    async def close(self) -> None:
        """Close the channel; calls under way fail. A later call opens a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """The W3C trace context of the caller's span, if there is one, as call metadata."""
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple(carrier.items())
