"""Every way to fail has one status, complete and short enough to travel."""

from __future__ import annotations

import logging

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from registry.adapters.rpc.errors import ABSTRACT, DOMAIN, INSIDE, RESERVED, TABLE, status_of
from registry.domain import errors as e
from sheetanchor.v1.error_reason_pb2 import ErrorReason

VIOLATION = e.FieldViolation("instance.ports[0].number", "must be 1 to 65535, is 70000")


def subclasses(root: type[e.RegistryError]) -> set[type[e.RegistryError]]:
    """All classes below `root`."""
    direct = set(root.__subclasses__())
    return direct.union(*(subclasses(each) for each in direct))


def example(kind: type[e.RegistryError]) -> e.RegistryError:
    """An error of a class, as the registry raises it."""
    if issubclass(kind, e.InvalidField):
        return kind(VIOLATION)
    if issubclass(kind, e.ServiceFull):
        return kind("no room", field="instance", retry_after_seconds=1.5, limit=2000)
    if issubclass(kind, e.Retryable):
        return kind("no answer", retry_after_seconds=1.5, waiting=4096)
    if issubclass(kind, e.PreviewRequired):
        return kind("look first", digest="d1", effects=("a goes", "b goes"), name="namespaces/a")
    return kind("namespaces/a is not there. Look again.", name="namespaces/a")


def details(status: status_pb2.Status) -> dict[str, Message]:
    """The details by the name of their message; each kind may be there once."""
    found: dict[str, Message] = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        assert name not in found
        message: Message = getattr(error_details_pb2, name)()
        assert packed.Unpack(message)
        found[name] = message
    return found


def test_every_class_of_error_is_in_the_table_or_is_known_never_to_travel() -> None:
    assert subclasses(e.RegistryError) == set(TABLE) | ABSTRACT | INSIDE
    assert not set(TABLE) & (ABSTRACT | INSIDE)


def test_every_reason_of_the_contract_is_used_once_or_reserved() -> None:
    used = [row.reason for row in TABLE.values()]
    assert len(used) == len(set(used))
    assert {*used, *RESERVED} == set(ErrorReason.values())
    assert not set(used) & set(RESERVED)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_a_status_has_one_info_and_the_details_that_its_code_asks_for(
    kind: type[e.RegistryError],
) -> None:
    status = status_of(example(kind))
    row = TABLE[kind]
    found = details(status)
    info = found["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert status.code == row.code.value[0]
    assert info.domain == DOMAIN == "sheetanchor.dev"
    assert f"ERROR_REASON_{info.reason}" == ErrorReason.Name(row.reason)
    assert ("BadRequest" in found) == (
        row.code is grpc.StatusCode.INVALID_ARGUMENT or kind is e.ServiceFull
    )
    assert ("PreconditionFailure" in found) == (row.code is grpc.StatusCode.FAILED_PRECONDITION)
    assert ("RetryInfo" in found) == (
        row.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    )


def test_the_numbers_of_a_message_are_in_the_metadata_too() -> None:
    info = details(status_of(example(e.Overloaded)))["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert dict(info.metadata) == {"waiting": "4096"}


def test_a_retry_says_when() -> None:
    retry = details(status_of(example(e.StoreUnavailable)))["RetryInfo"]
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1500


def test_violations_name_their_fields() -> None:
    bad = details(status_of(e.InvalidField(VIOLATION, e.FieldViolation("ttl", "too short"))))
    request = bad["BadRequest"]
    assert isinstance(request, error_details_pb2.BadRequest)
    assert [v.field for v in request.field_violations] == ["instance.ports[0].number", "ttl"]
    assert request.field_violations[0].description == VIOLATION.description


def test_a_status_of_a_thousand_long_violations_still_fits_into_the_trailers() -> None:
    many = [e.FieldViolation(f"requests[{n}].parent", "é" * 5000) for n in range(1000)]
    status = status_of(e.InvalidField(*many))
    trailers = rpc_status.to_status(status).trailing_metadata
    octets = sum(len(value) * 4 // 3 for _, value in trailers) + 3 * len(status.message.encode())
    assert octets < 8000
    request = details(status)["BadRequest"]
    assert isinstance(request, error_details_pb2.BadRequest)
    assert request.field_violations[0].field == "requests[0].parent"
    assert "more violations" in request.field_violations[-1].description


def test_a_preview_travels_with_the_refusal_and_fits_however_long_it_is() -> None:
    """Its effects are violations, its digest is data; what does not fit is counted."""
    found = details(status_of(example(e.PreviewRequired)))
    info, failure = found["ErrorInfo"], found["PreconditionFailure"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert isinstance(failure, error_details_pb2.PreconditionFailure)
    assert info.metadata["preview_digest"] == "d1"
    assert [v.description for v in failure.violations] == ["a goes", "b goes"]
    assert {v.subject for v in failure.violations} == {"namespaces/a"}
    many = tuple("é" * 400 for _ in range(1000))
    long = status_of(e.PreviewRequired("look first", digest="d1", effects=many, name="a"))
    trailers = rpc_status.to_status(long).trailing_metadata
    assert sum(len(value) * 4 // 3 for _, value in trailers) < 8000
    failure = details(long)["PreconditionFailure"]
    assert isinstance(failure, error_details_pb2.PreconditionFailure)
    shown = len(failure.violations) - 1
    assert failure.violations[-1].description == f"and {1000 - shown} more effects"


@pytest.mark.parametrize(
    "error",
    [ValueError("secret of the database"), e.LeadershipLost("epoch 3"), e.SchemaOutdated("0001")],
    ids=lambda error: type(error).__name__,
)
def test_what_nobody_foresaw_is_internal_and_tells_only_an_id_that_is_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status = status_of(error)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    info = details(status)["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert info.reason == "INTERNAL"
    (record,) = caplog.records
    assert record.__dict__["bug_id"] == info.metadata["bug_id"]
    assert info.metadata["bug_id"] in status.message
    assert str(error) not in status.message
