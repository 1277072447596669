"""The table of a policy's options has all that a policy has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sheetanchor.cli.policy_option import ALL_DOWN, POLICY_OPTIONS
from sheetanchor.v1.service_pb2 import FailoverPolicy, ServicePolicy


def fields(descriptor: Any, prefix: str = "") -> Iterator[str]:
    """The paths of what can be set in a message, the zone's settings apart."""
    for field in descriptor.fields:
        inner = field.message_type
        if inner is not None and inner.name in ("FailoverPolicy", "HealthPolicy"):
            yield from fields(inner, f"{prefix}{field.name}.")
        elif field.name != "zone":
            yield f"{prefix}{field.name}"


def test_every_field_of_a_policy_has_one_option() -> None:
    """A new field of the contract that nobody could type would be found here."""
    assert sorted(row.path for row in POLICY_OPTIONS) == sorted(fields(ServicePolicy.DESCRIPTOR))
    assert len({row.name for row in POLICY_OPTIONS}) == len(POLICY_OPTIONS)


def test_every_answer_of_the_last_resort_can_be_typed() -> None:
    """The contract's values, without its prefix."""
    values = FailoverPolicy.AllDown.keys()[1:]
    assert [f"ALL_DOWN_{word.upper().replace('-', '_')}" for word in ALL_DOWN] == values
