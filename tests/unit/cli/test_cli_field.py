"""A refusal names what was typed, not what was sent."""

from __future__ import annotations

import pytest

from sheetanchor.cli.field import OPTIONS, option_of, refusal_text
from sheetanchor.client import FieldViolation, InvalidRequest
from sheetanchor.v1 import instance_pb2, service_pb2, zone_pb2


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("service.policy.record_ttl_seconds", "--ttl"),
        ("instance.ports[0]", "--port"),
        ("zone.settings.client_networks", "--network"),
        ("instance.cell", "instance.cell"),
    ],
)
def test_field_is_told_as_the_option_that_fills_it(field: str, option: str) -> None:
    """One that no option fills keeps its own name."""
    assert option_of(field) == option


def test_all_faults_are_told_and_which_of_many() -> None:
    """And where the registry named no field, its own message."""
    faults = (FieldViolation("ttl", "too long"), FieldViolation("instance.ports[1]", "is 0"))
    assert refusal_text(InvalidRequest("x", violations=faults)) == (
        "--ttl: too long; --port (value 2): is 0"
    )
    assert refusal_text(InvalidRequest("unknown region mars")) == "unknown region mars"


@pytest.mark.parametrize("field", OPTIONS)
def test_fields_of_the_table_are_of_the_contract(field: str) -> None:
    """A renamed field would not be told any more."""
    first, *rest = field.split(".")
    messages = {
        "instance": instance_pb2.Instance,
        "service": service_pb2.Service,
        "zone": zone_pb2.Zone,
    }
    message = messages.get(first)
    descriptor = message.DESCRIPTOR if message is not None else None
    for part in rest:
        assert descriptor is not None
        found = descriptor.fields_by_name[part]
        descriptor = found.message_type
