"""Addresses of a registry's nodes."""

from __future__ import annotations

import pytest

from sheetanchor.client.addresses import AddressRing, parse_addresses
from sheetanchor.client.announcement import instance_id_for, is_label


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a:1", ("a:1",)),
        (" a:1 , b:2,", ("a:1", "b:2")),
        (["b:2", "a:1", "b:2"], ("b:2", "a:1")),
        ("[::1]:5310", ("[::1]:5310",)),
    ],
)
def test_addresses_are_taken_in_the_order_given_each_once(
    given: str | list[str], expected: tuple[str, ...]
) -> None:
    assert parse_addresses(given) == expected


@pytest.mark.parametrize("given", ["", ",", "a", "a:", ":1", "a:0", "a:65536", "a:x", "a:1,b"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError):
        parse_addresses(given)


def test_the_ring_turns_once_for_a_failure_that_two_callers_saw() -> None:
    ring = AddressRing(("a:1", "b:1", "c:1"))
    failed = ring.current
    ring.advance(failed)
    ring.advance(failed)
    assert ring.current == "b:1"
    ring.advance("b:1")
    ring.advance("c:1")
    assert ring.current == "a:1"


@pytest.mark.parametrize(
    "host", ["web-1.example.org", "10.0.0.1", "", "-", "Ünï", "x" * 200, "A_B"]
)
def test_an_instance_id_made_of_any_host_name_is_a_label(host: str) -> None:
    assert is_label(instance_id_for(host, "8080"))
