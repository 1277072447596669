"""A client's region is that of the longest matching network."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.plan.view import ClientRegions

NETWORKS = ClientRegions(
    [
        ("10.0.0.0/8", "east"),
        ("10.1.0.0/16", "west"),
        ("10.1.2.3/32", "south"),
        ("2001:db8::/32", "east"),
        ("2001:db8:1::/48", "west"),
    ]
)


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("10.2.0.1", "east"),
        ("10.1.0.1", "west"),
        ("10.1.2.3", "south"),
        ("192.0.2.1", None),
        ("2001:db8:2::1", "east"),
        ("2001:db8:1::1", "west"),
        ("2001:db9::1", None),
        ("::ffff:10.1.0.1", "west"),
        ("fe80::1%eth0", None),
        ("", None),
        ("unix", None),
    ],
)
def test_the_longest_prefix_wins(address: str, region: str | None) -> None:
    assert NETWORKS.region_of(address) == region


def test_a_default_route_catches_the_rest_of_its_family() -> None:
    everything = ClientRegions([("0.0.0.0/0", "east")])
    assert everything.region_of("198.51.100.1") == "east"
    assert everything.region_of("2001:db8::1") is None


def test_a_network_in_two_regions_is_refused() -> None:
    with pytest.raises(ValueError, match="is in 'west' and in 'east'"):
        ClientRegions([("10.0.0.0/8", "east"), ("10.0.0.0/8", "west")])


def test_a_bad_network_is_refused() -> None:
    with pytest.raises(ValueError):
        ClientRegions([("10.0.0.1/8", "east")])


def test_an_empty_table_is_false_and_knows_nobody() -> None:
    assert not ClientRegions([])
    assert ClientRegions([]).region_of("10.0.0.1") is None


def _reference(
    networks: list[tuple[int, int, str]], address: int, source: int, bits: int
) -> tuple[str | None, int]:
    """By trying everything in a space of few bits: the region, and the shortest scope for
    which all addresses have it; where `source` was too short to tell, the first that would."""

    def region(of: int, longest: int) -> str | None:
        found = [
            (length, name)
            for start, length, name in networks
            if length <= longest and of >> (bits - length) == start >> (bits - length)
        ]
        return max(found)[1] if found else None

    def inside(length: int) -> range:
        first = address >> (bits - length) << (bits - length)
        return range(first, first + (1 << (bits - length)))

    wanted = region(address, source)
    for scope in range(source + 1):
        if all(region(each, bits) == wanted for each in inside(scope)):
            return wanted, scope
    return wanted, -1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 8), st.sampled_from(["east", "west"])),
        max_size=5,
    ),
    st.integers(0, 255),
    st.integers(1, 8),
)
def test_a_scope_covers_no_address_of_another_region_and_no_more_than_it_must(
    drawn: list[tuple[int, int, str]], number: int, source: int
) -> None:
    """RFC 7871, section 7.2.1, against all addresses of a space of eight bits."""
    chosen = {
        (start >> (8 - length) << (8 - length), length): name for start, length, name in drawn
    }
    networks = [(start, length, name) for (start, length), name in chosen.items()]
    regions = ClientRegions([(f"{start}.0.0.0/{length}", name) for start, length, name in networks])
    address = number >> (8 - source) << (8 - source)
    region, scope = _reference(networks, address, source, 8)
    found = regions.tailoring(4, address << 24, source)
    assert found.region == region
    if scope >= 0:
        # a network within one of its own region may make the scope longer, never wrong
        assert found.scope >= scope
        first = address >> (8 - min(found.scope, 8)) << (8 - min(found.scope, 8))
        assert {region} >= {
            _reference(networks, each, 8, 8)[0]
            for each in range(first, first + (1 << (8 - min(found.scope, 8))))
        }
    else:
        assert found.scope > source, "too little was told"
