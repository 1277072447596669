"""What is too large is refused by the field that makes it so."""

from __future__ import annotations

import pytest

from registry.adapters.rpc.request_size import MAX_REQUEST_OCTETS, check_request_size
from registry.adapters.rpc.translate.moment import duration, seconds_of, timestamp
from registry.domain.errors import InvalidField
from sheetanchor.v1 import instance_pb2 as instance
from sheetanchor.v1 import registration_service_pb2 as pb

BIG = "x" * (MAX_REQUEST_OCTETS + 1)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.DeregisterInstanceRequest(name=BIG, uid="u"), "name"),
        (pb.HeartbeatRequest(uids=[BIG[:600_000], BIG[:600_000]], not_serving_uids=["a"]), "uids"),
        (
            pb.RegisterInstanceRequest(
                parent="namespaces/a/services/b",
                instance=instance.Instance(metadata={"k": BIG}, addresses=["10.0.0.1"]),
            ),
            "instance.metadata",
        ),
        (
            pb.RegisterInstanceRequest(
                instance=instance.Instance(locality=instance.Locality(region="r", zone=BIG))
            ),
            "instance.locality.zone",
        ),
        (
            pb.BatchRegisterInstancesRequest(
                requests=[pb.RegisterInstanceRequest(parent=BIG[:600_000])] * 2
            ),
            "requests",
        ),
    ],
)
def test_a_request_over_a_mebibyte_is_refused_naming_its_largest_field(
    request_: pb.HeartbeatRequest, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        check_request_size(request_)
    assert [v.field for v in caught.value.violations] == [field]


def test_a_request_just_below_is_let_through() -> None:
    check_request_size(pb.DeregisterInstanceRequest(name=BIG[:-10]))


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.0, 4.999999999, 2.9999999999, 300.0])
def test_a_span_survives_its_message(seconds: float) -> None:
    message = duration(seconds)
    assert 0 <= message.nanos < 1_000_000_000
    assert seconds_of(message) == pytest.approx(seconds, abs=1e-9)


def test_a_point_in_time_keeps_its_milliseconds() -> None:
    assert timestamp(1_760_918_400_123).ToMilliseconds() == 1_760_918_400_123
