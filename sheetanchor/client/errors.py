"""Every way in which a call to the registry can fail, as one tree.

The message says what, why and what next; the data are attributes, never to be parsed
out of the text. `from_rpc_error` and `from_status` are the one place where a gRPC
status becomes one of these.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "sheetanchor.dev"
"""The `ErrorInfo.domain` of the registry; reasons of other domains are not ours to read."""


class SheetanchorError(Exception):
    """Something that was asked of a registry did not happen."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RegistryUnreachable(SheetanchorError):
    """No registry answered in time. Whether the call took effect is not known; retry it."""

    def __init__(self, message: str, *, registries: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.registries = registries


class RegistryRefusal(SheetanchorError):
    """A registry answered, and did not do what was asked. Nothing was changed.

    `reason` is from the contract's closed list (`sheetanchor.v1.ErrorReason`, without
    prefix), or the name of the status code when the answer gave none; `metadata` holds
    the names and numbers of the message.
    """

    def __init__(
        self, message: str, *, reason: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = dict(metadata or {})


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that breaks its rule; `field` is a path as `instance.ports[0].number`."""

    field: str
    description: str


class InvalidRequest(RegistryRefusal):
    """One or more fields break their documented rules; `violations` names them."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "INVALID_FIELD",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.violations = violations


class NotFound(RegistryRefusal):
    """What was named does not exist."""


class Conflict(RegistryRefusal):
    """The request does not fit what is there: read again, then decide."""


class PreviewRequired(Conflict):
    """What is asked for destroys, and takes a look first.

    `effects` say what would happen; to have it done, send the call again with
    `preview_digest`, which fits while things are as they are now.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "PREVIEW_REQUIRED",
        metadata: Mapping[str, str] | None = None,
        effects: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.effects = effects

    @property
    def preview_digest(self) -> str:
        """What the second call has to send."""
        return self.metadata.get("preview_digest", "")


class IncarnationSuperseded(RegistryRefusal):
    """A newer registration of the same instance exists; this one has no say any more."""


class LeaseLost(RegistryRefusal):
    """The lease ran out or is not known; register again."""


class RevisionUnavailable(RegistryRefusal):
    """A watch cannot be resumed at that revision; begin anew with a snapshot."""


class RegistryBusy(RegistryRefusal):
    """Nothing was changed, and the same call may succeed after `retry_after_seconds`."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "OVERLOADED",
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float = 1.0,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after_seconds = retry_after_seconds


class RegistryFault(RegistryRefusal):
    """The registry failed in a way it does not explain: a bug, or not a sheetanchor registry."""


REASONS: Mapping[str, type[RegistryRefusal]] = {
    "INVALID_FIELD": InvalidRequest,
    "UNKNOWN_REGION": InvalidRequest,
    "UNKNOWN_CELL": InvalidRequest,
    "PAGE_TOKEN_INVALID": InvalidRequest,
    "NAMESPACE_NOT_FOUND": NotFound,
    "SERVICE_NOT_FOUND": NotFound,
    "INSTANCE_NOT_FOUND": NotFound,
    "CELL_NOT_FOUND": NotFound,
    "PLAN_NOT_FOUND": NotFound,
    "FRONTEND_NOT_FOUND": NotFound,
    "AUDIT_ENTRY_NOT_FOUND": NotFound,
    "OBSERVER_NOT_FOUND": NotFound,
    "ALREADY_EXISTS": Conflict,
    "ETAG_MISMATCH": Conflict,
    "REQUEST_ID_REUSED": Conflict,
    "SERVICE_NOT_EMPTY": Conflict,
    "NO_REMOVAL": Conflict,
    "PREVIEW_STALE": Conflict,
    "PREVIEW_REQUIRED": PreviewRequired,
    "INCARNATION_SUPERSEDED": IncarnationSuperseded,
    "LEASE_EXPIRED": LeaseLost,
    "LEASE_NOT_FOUND": LeaseLost,
    "REVISION_COMPACTED": RevisionUnavailable,
    "REVISION_IN_FUTURE": RevisionUnavailable,
    "STORE_UNAVAILABLE": RegistryBusy,
    "OVERLOADED": RegistryBusy,
    "SERVICE_FULL": RegistryBusy,
    "SERVICE_UNREADABLE": RegistryFault,
    "INTERNAL": RegistryFault,
}
"""Which class each reason of the contract becomes."""

_CODES: Mapping[int, type[RegistryRefusal]] = {
    code_pb2.INVALID_ARGUMENT: InvalidRequest,
    code_pb2.NOT_FOUND: NotFound,
    code_pb2.ALREADY_EXISTS: Conflict,
    code_pb2.ABORTED: Conflict,
    code_pb2.FAILED_PRECONDITION: Conflict,
    code_pb2.RESOURCE_EXHAUSTED: RegistryBusy,
}
"""For answers without a reason of ours: an oversized message, or a proxy speaking."""


def from_status(status: status_pb2.Status) -> RegistryRefusal:
    """The error that a `google.rpc.Status` stands for."""
    reason = ""
    metadata: dict[str, str] = {}
    violations: tuple[FieldViolation, ...] = ()
    effects: tuple[str, ...] = ()
    retry_after_seconds = 1.0
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            if info.domain == DOMAIN:
                reason, metadata = info.reason, dict(info.metadata)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest()
            detail.Unpack(request)
            violations = tuple(
                FieldViolation(v.field, v.description) for v in request.field_violations
            )
        elif detail.Is(error_details_pb2.PreconditionFailure.DESCRIPTOR):
            failure = error_details_pb2.PreconditionFailure()
            detail.Unpack(failure)
            effects = tuple(v.description for v in failure.violations)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            delay = retry.retry_delay
            retry_after_seconds = max(0.0, delay.seconds + delay.nanos / 1e9)
    kind = REASONS.get(reason) or _CODES.get(status.code, RegistryFault)
    data: dict[str, Any] = {
        "reason": reason or code_pb2.Code.Name(status.code),
        "metadata": metadata,
    }
    if issubclass(kind, InvalidRequest):
        data["violations"] = violations
    elif issubclass(kind, PreviewRequired):
        data["effects"] = effects
    elif issubclass(kind, RegistryBusy):
        data["retry_after_seconds"] = retry_after_seconds
    return kind(status.message or "the registry gave no message", **data)


def from_rpc_error(error: grpc.RpcError, registry: str) -> SheetanchorError:
    """The error that a failed call to `registry` stands for.

    UNAVAILABLE and DEADLINE_EXCEEDED without the registry's own details come from the
    transport, not from a registry: nobody answered.
    """
    status = _status_of(error)
    if status is not None and status.details:
        return from_status(status)
    code, text = error.code(), error.details() or "no details"
    if code in _NOBODY:
        return RegistryUnreachable(
            f"registry {registry} did not answer: {_plain(text)}", registries=(registry,)
        )
    if found := _FOREIGN.search(text):
        # An HTTP answer where gRPC was asked for: a web server, or a proxy that knows no such way.
        return RegistryUnreachable(
            f"no registry answers at {registry}: whoever does sent the HTTP status {found[1]}. "
            "Is it the address and port that a registry serves gRPC at, and does a proxy between "
            "pass gRPC on?",
            registries=(registry,),
        )
    return from_status(status_pb2.Status(code=code.value[0], message=text))


@contextmanager
def mapped(registry: str) -> Iterator[None]:
    """Turn what gRPC raises inside the block into an error of this tree, cause kept."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error, registry) from error
    except asyncio.CancelledError as error:
        # gRPC raises this as well when a call dies because its channel was closed
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RegistryUnreachable(
            f"the call to registry {registry} was given up", registries=(registry,)
        ) from error
    except asyncio.InvalidStateError as error:
        # gRPC's word for writing to a stream that the other side has ended meanwhile
        raise RegistryUnreachable(
            f"registry {registry} ended the stream", registries=(registry,)
        ) from error
    except TimeoutError as error:
        raise RegistryUnreachable(
            f"registry {registry} did not answer in time", registries=(registry,)
        ) from error


# gRPC's core tells the addresses that it tried, which we do, and then the system's word
_CORE = re.compile(
    r"failed to connect to all addresses; last error: \w+: \S+: "
    r"(?:Failed to connect to remote host: )?"
)


def _plain(text: str) -> str:
    return _CORE.sub("", text)


_FOREIGN = re.compile(r"http2 header with status: (\d{3})", re.ASCII | re.IGNORECASE)
_NOBODY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)


def _status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    try:
        status: status_pb2.Status | None = rpc_status.from_call(error)
    except ValueError:  # details that contradict the code: then the code alone counts
        return None
    return status
