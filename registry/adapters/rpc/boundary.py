"""The one place where requests enter and errors leave.

The server is given a stand-in for each service before the service exists: it holds requests
off until the registry is ready, refuses those that are too large, turns what is raised
into a status by the table in `errors`, and measures. It is no
`grpc.aio.ServerInterceptor`: that is handed a path, not a method, and would make a new
handler for each request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc.aio import AbortError, ServicerContext
from grpc_status import rpc_status

from registry import telemetry
from registry.adapters.rpc.errors import status_of
from registry.adapters.rpc.request_size import check_request_size
from registry.domain.errors import StoreUnavailable

Unary = Callable[[Any, ServicerContext], Awaitable[Any]]
Stream = Callable[[Any, ServicerContext], AsyncGenerator[Any, None]]

RETRY_AFTER_SECONDS = 1.0


class Boundary:
    """What stands between the wire and the services of one server."""

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[..., Any]] = {}
        """By the method's full name; empty until the services exist."""
        self._ending = False
        self._streams: set[asyncio.Task[Any]] = set()
        self._writing: set[asyncio.Task[Any]] = set()
        """Those that are handing a response to gRPC, which takes no last word meanwhile."""

    def __repr__(self) -> str:
        word = "ending" if self._ending else "open" if self._handlers else "shut"
        return f"<Boundary {word} streams={len(self._streams)}>"

    def open(self, servicers: Mapping[ServiceDescriptor, object]) -> None:
        """Let requests in to services. Until then they are answered UNAVAILABLE."""
        self._handlers = {
            method.full_name: getattr(servicer, method.name)
            for service, servicer in servicers.items()
            for method in service.methods
        }

    def end_streams(self) -> None:
        """End all streams with UNAVAILABLE, and any that still comes: clients go elsewhere.

        One that is writing ends when that is written, which is soon where the client reads.
        """
        self._ending = True
        for task in self._streams - self._writing:
            task.cancel()

    def stand_in(self, service: ServiceDescriptor) -> Any:
        """What the generated registration function is to take for the service."""
        return SimpleNamespace(
            **{
                method.name: (self._stream if method.server_streaming else self._unary)(method)
                for method in service.methods
            }
        )

    def _unary(self, method: MethodDescriptor) -> Callable[..., Any]:
        clock = time.perf_counter
        record = telemetry.rpc_duration.record
        name = method.full_name
        good = _labels(method, "OK")

        async def call(request: Message, context: ServicerContext) -> Any:
            begun = clock()
            try:
                handler: Unary | None = self._handlers.get(name)
                if handler is None:
                    raise _not_ready()
                check_request_size(request)
                response = await handler(request, context)
            except (asyncio.CancelledError, AbortError):
                raise
            except Exception as error:
                status = status_of(error)
                record(clock() - begun, _labels(method, _code(status)))
                await context.abort_with_status(rpc_status.to_status(status))
            record(clock() - begun, good)
            # Those who waited for one commit are here at once. First each makes its response,
            # then all are sent: so they share system calls, here and at their receivers.
            await asyncio.sleep(0.0)
            return response

        return call

    def _stream(self, method: MethodDescriptor) -> Callable[..., Any]:
        labels = {"method": method.full_name}
        # of a stream of requests each is checked by the handler, as it comes
        check = _unchecked if method.client_streaming else check_request_size

        async def call(request: Any, context: ServicerContext) -> None:
            task = cast("asyncio.Task[Any]", asyncio.current_task())
            self._streams.add(task)
            telemetry.streams.add(1, labels)
            code = "CANCELLED"
            try:
                handler: Stream | None = self._handlers.get(method.full_name)
                if self._ending or handler is None:
                    raise _ending() if self._ending else _not_ready()
                check(request)
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        self._writing.add(task)
                        await context.write(response)
                        self._writing.discard(task)
                        if self._ending:
                            raise _ending()
                code = "OK"
            except AbortError:
                raise
            except grpc.aio.InternalError:
                # The peer vanished under our pen. Were responses yielded, gRPC would write them,
                # log this as a fault of ours, and leave the handler to the garbage collector.
                pass
            except asyncio.CancelledError:
                if not self._ending:
                    raise
                task.uncancel()
                code = "UNAVAILABLE"
                await context.abort_with_status(rpc_status.to_status(status_of(_ending())))
            except Exception as error:
                status = status_of(error)
                code = _code(status)
                await context.abort_with_status(rpc_status.to_status(status))
            finally:
                self._streams.discard(task)
                self._writing.discard(task)
                telemetry.streams.add(-1, labels)
                telemetry.streams_ended.add(1, _labels(method, code))

        return call


def _unchecked(request: Any) -> None:
    pass


def _not_ready() -> StoreUnavailable:
    return StoreUnavailable(
        "this registry node is starting and has not read its database yet. Try again, or "
        "another node.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _ending() -> StoreUnavailable:
    return StoreUnavailable(
        "this registry node is going down. Try another one.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _labels(method: MethodDescriptor, code: str) -> dict[str, str]:
    return {"method": method.full_name, "code": code}


def _code(status: status_pb2.Status) -> str:
    return _CODES[status.code]


_CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}
