"""A client's region is that of the longest matching network."""

from __future__ import annotations

import pytest

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
