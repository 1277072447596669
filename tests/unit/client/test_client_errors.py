"""gRPC statuses become errors of one tree."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

from sheetanchor.client.errors import (
    DOMAIN,
    REASONS,
    InvalidRequest,
    NotFound,
    PreviewRequired,
    RegistryBusy,
    RegistryFault,
    RegistryRefusal,
    RegistryUnreachable,
    from_rpc_error,
    from_status,
)
from sheetanchor.v1.error_reason_pb2 import ErrorReason


def status(code: int, *details: Message) -> status_pb2.Status:
    packed = []
    for detail in details:
        item = any_pb2.Any()
        item.Pack(detail)
        packed.append(item)
    return status_pb2.Status(code=code, message="why, and what next", details=packed)


def test_every_reason_of_the_contract_has_a_class() -> None:
    contract = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118 (the enum wrapper is no mapping)
    assert set(REASONS) == contract - {"UNSPECIFIED"}


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_reason_alone_decides_the_class_whatever_the_code(reason: str) -> None:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata={"lease": "7"})
    error = from_status(status(code_pb2.UNKNOWN, info))
    assert type(error) is REASONS[reason]
    assert (error.reason, error.metadata) == (reason, {"lease": "7"})
    assert error.message == "why, and what next"


def test_field_violations_are_data() -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="parent", description="empty")
    error = from_status(
        status(
            code_pb2.INVALID_ARGUMENT,
            error_details_pb2.ErrorInfo(reason="INVALID_FIELD", domain=DOMAIN),
            error_details_pb2.BadRequest(field_violations=[violation]),
        )
    )
    assert isinstance(error, InvalidRequest)
    assert [(v.field, v.description) for v in error.violations] == [("parent", "empty")]


def test_a_preview_is_data() -> None:
    info = error_details_pb2.ErrorInfo(
        reason="PREVIEW_REQUIRED", domain=DOMAIN, metadata={"preview_digest": "d1"}
    )
    failure = error_details_pb2.PreconditionFailure()
    for effect in ("a goes", "b goes"):
        failure.violations.add(type="PREVIEW_REQUIRED", description=effect)
    error = from_status(status(code_pb2.FAILED_PRECONDITION, info, failure))
    assert isinstance(error, PreviewRequired)
    assert (error.preview_digest, error.effects) == ("d1", ("a goes", "b goes"))


def test_the_registrys_wish_for_a_pause_is_in_seconds() -> None:
    retry = error_details_pb2.RetryInfo(
        retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000)
    )
    info = error_details_pb2.ErrorInfo(reason="OVERLOADED", domain=DOMAIN)
    error = from_status(status(code_pb2.RESOURCE_EXHAUSTED, info, retry))
    assert isinstance(error, RegistryBusy)
    assert error.retry_after_seconds == 1.5


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (code_pb2.NOT_FOUND, NotFound),
        (code_pb2.RESOURCE_EXHAUSTED, RegistryBusy),
        (code_pb2.UNIMPLEMENTED, RegistryFault),
        (code_pb2.INTERNAL, RegistryFault),
    ],
)
def test_an_answer_without_a_reason_of_ours_is_read_by_its_code(
    code: int, kind: type[RegistryRefusal]
) -> None:
    foreign = error_details_pb2.ErrorInfo(reason="LEASE_EXPIRED", domain="elsewhere.example")
    for answer in (status(code), status(code, foreign)):
        error = from_status(answer)
        assert type(error) is kind
        assert error.reason == code_pb2.Code.Name(code)


def test_who_answers_http_and_no_grpc_is_no_registry() -> None:
    """A web server's address, or a proxy that does not pass gRPC on: no word of HTTP/2 frames."""
    error = from_rpc_error(
        AioRpcError(
            grpc.StatusCode.UNIMPLEMENTED,
            Metadata(),
            Metadata(),
            details="Received http2 header with status: 404",
        ),
        "192.0.2.1:80",
    )
    assert isinstance(error, RegistryUnreachable)
    assert error.registries == ("192.0.2.1:80",)
    assert "no registry answers at 192.0.2.1:80" in str(error)
    assert "HTTP status 404" in str(error)
    assert "http2 header" not in str(error)
