"""How every way to fail is said over gRPC: one table, and the status made from it.

Each status carries exactly one `ErrorInfo` (a reason of the closed list, the domain
`sheetanchor.dev`, the numbers of the message as metadata), and where they help a
`BadRequest` with the fields, a `PreconditionFailure`, or a `RetryInfo`. A `RetryInfo`
is there exactly when trying again may help.

A status travels in HTTP/2 trailers, and a client drops a connection whose trailers pass
its limit (8 KiB by default): what is long here is cut, and says so.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from registry import telemetry
from registry.domain import errors as e
from registry.domain.quantity import counted
from sheetanchor.v1.error_reason_pb2 import ErrorReason

DOMAIN = "sheetanchor.dev"
MESSAGE_LIMIT = 512
"""Characters of a message or description; more is cut."""
VIOLATIONS_LIMIT_OCTETS = 2048
"""Octets of all field violations together; the rest is counted, not listed."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """What one class of error is, over gRPC."""

    code: grpc.StatusCode
    reason: ErrorReason


_Code = grpc.StatusCode
_R = ErrorReason
TABLE: Mapping[type[e.RegistryError], Row] = {
    e.InvalidField: Row(_Code.INVALID_ARGUMENT, _R.ERROR_REASON_INVALID_FIELD),
    e.UnknownRegion: Row(_Code.INVALID_ARGUMENT, _R.ERROR_REASON_UNKNOWN_REGION),
    e.UnknownCell: Row(_Code.INVALID_ARGUMENT, _R.ERROR_REASON_UNKNOWN_CELL),
    e.PageTokenInvalid: Row(_Code.INVALID_ARGUMENT, _R.ERROR_REASON_PAGE_TOKEN_INVALID),
    e.NamespaceNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_NAMESPACE_NOT_FOUND),
    e.ServiceNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_SERVICE_NOT_FOUND),
    e.ServiceUnreadable: Row(_Code.DATA_LOSS, _R.ERROR_REASON_SERVICE_UNREADABLE),
    e.InstanceNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_INSTANCE_NOT_FOUND),
    e.CellNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_CELL_NOT_FOUND),
    e.PlanNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_PLAN_NOT_FOUND),
    e.FrontendNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_FRONTEND_NOT_FOUND),
    e.AuditEntryNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_AUDIT_ENTRY_NOT_FOUND),
    e.ObserverNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_OBSERVER_NOT_FOUND),
    e.LeaseNotFound: Row(_Code.NOT_FOUND, _R.ERROR_REASON_LEASE_NOT_FOUND),
    e.AlreadyExists: Row(_Code.ALREADY_EXISTS, _R.ERROR_REASON_ALREADY_EXISTS),
    e.EtagMismatch: Row(_Code.ABORTED, _R.ERROR_REASON_ETAG_MISMATCH),
    e.PreviewRequired: Row(_Code.FAILED_PRECONDITION, _R.ERROR_REASON_PREVIEW_REQUIRED),
    e.PreviewStale: Row(_Code.ABORTED, _R.ERROR_REASON_PREVIEW_STALE),
    e.IncarnationSuperseded: Row(_Code.FAILED_PRECONDITION, _R.ERROR_REASON_INCARNATION_SUPERSEDED),
    e.LeaseExpired: Row(_Code.FAILED_PRECONDITION, _R.ERROR_REASON_LEASE_EXPIRED),
    e.NoRemoval: Row(_Code.FAILED_PRECONDITION, _R.ERROR_REASON_NO_REMOVAL),
    e.RequestIdReused: Row(_Code.FAILED_PRECONDITION, _R.ERROR_REASON_REQUEST_ID_REUSED),
    e.ServiceNotEmpty: Row(_Code.FAILED_PRECONDITION, _R.ERROR_REASON_SERVICE_NOT_EMPTY),
    e.RevisionCompacted: Row(_Code.OUT_OF_RANGE, _R.ERROR_REASON_REVISION_COMPACTED),
    e.RevisionInFuture: Row(_Code.OUT_OF_RANGE, _R.ERROR_REASON_REVISION_IN_FUTURE),
    e.StoreUnavailable: Row(_Code.UNAVAILABLE, _R.ERROR_REASON_STORE_UNAVAILABLE),
    e.Overloaded: Row(_Code.RESOURCE_EXHAUSTED, _R.ERROR_REASON_OVERLOADED),
    e.ServiceFull: Row(_Code.RESOURCE_EXHAUSTED, _R.ERROR_REASON_SERVICE_FULL),
}

ABSTRACT: frozenset[type[e.RegistryError]] = frozenset({e.NotFound, e.Retryable})
"""Never raised themselves: they only group others."""

INSIDE: frozenset[type[e.RegistryError]] = frozenset(
    {e.SchemaOutdated, e.LeadershipLost, e.CellFrozen, e.RuleBroken}
)
"""Raised to the server's own loops alone. Should one reach a caller, that is a bug."""

RESERVED: Mapping[ErrorReason, str] = {
    _R.ERROR_REASON_UNSPECIFIED: "the zero value, never sent",
    _R.ERROR_REASON_INTERNAL: "a bug: no class of error has it, any unforeseen exception gets it",
}
"""Reasons that no row has, and why."""


def status_of(error: BaseException) -> status_pb2.Status:
    """The status that tells a caller of `error`. An unforeseen one is logged with an id."""
    row = TABLE.get(type(error))  # type: ignore[arg-type]  # a foreign class is not found
    if row is None or not isinstance(error, e.RegistryError):
        return _bug(error)
    details: list[Message] = [_info(row.reason, error.details)]
    match error:
        case e.InvalidField():
            details.append(_bad_request(error.violations))
        case e.Retryable():
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromNanoseconds(int(error.retry_after_seconds * 1e9))
            details.append(retry)
            if isinstance(error, e.ServiceFull):
                details.append(_bad_request((e.FieldViolation(error.field, error.message),)))
        case _ if row.code is _Code.FAILED_PRECONDITION:
            details.append(_precondition(row.reason, error))
    return _status(row.code, error.message, details)


def _bug(error: BaseException) -> status_pb2.Status:
    bug_id = secrets.token_hex(6)
    telemetry.rpc_bugs.add(1)
    _log.error(
        "a request met a bug",
        extra={"bug_id": bug_id},
        exc_info=(type(error), error, error.__traceback__),
    )
    info = _info(_R.ERROR_REASON_INTERNAL, {"bug_id": bug_id})
    # nothing of the exception itself: it may hold what the caller must not see
    text = f"A bug in the registry. Its operators find it in the logs by bug_id {bug_id}."
    return _status(_Code.INTERNAL, text, [info])


def _status(code: grpc.StatusCode, message: str, details: list[Message]) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=_cut(message))
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _info(reason: ErrorReason, metadata: Mapping[str, str]) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(
        reason=_reason_name(reason),
        domain=DOMAIN,
        metadata={key: _cut(value) for key, value in metadata.items()},
    )


def _bad_request(violations: tuple[e.FieldViolation, ...]) -> error_details_pb2.BadRequest:
    bad = error_details_pb2.BadRequest()
    octets = 0
    for index, violation in enumerate(violations):
        field, description = _cut(violation.field), _cut(violation.description)
        octets += len(field.encode()) + len(description.encode())
        if octets > VIOLATIONS_LIMIT_OCTETS and index:
            left = len(violations) - index
            bad.field_violations.add(field="", description=f"and {counted(left, 'more violation')}")
            break
        bad.field_violations.add(field=field, description=description)
    return bad


def _precondition(
    reason: ErrorReason, error: e.RegistryError
) -> error_details_pb2.PreconditionFailure:
    """What is in the way; of a preview, what would happen, a violation each."""
    failure = error_details_pb2.PreconditionFailure()
    subject = _cut(error.details.get("name") or error.details.get("uid", ""))
    texts = error.effects if isinstance(error, e.PreviewRequired) else (error.message,)
    octets = 0
    for index, text in enumerate(map(_cut, texts)):
        octets += len(text.encode())
        if octets > VIOLATIONS_LIMIT_OCTETS and index:
            text = f"and {counted(len(texts) - index, 'more effect')}"
        failure.violations.add(type=_reason_name(reason), subject=subject, description=text)
        if octets > VIOLATIONS_LIMIT_OCTETS:
            break
    return failure


def _reason_name(reason: ErrorReason) -> str:
    return ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_LIMIT else f"{text[: MESSAGE_LIMIT - 1]}…"
