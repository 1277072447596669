"""Shares of a region's load by capacity: every row of the table (I28)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.plan.capacity import SCALE, Bearing, Share, shares, spread


def home(healthy: int, counted: int = 10) -> Bearing:
    return Bearing("east", healthy, counted)


def away(
    healthy: int, counted: int = 10, region: str = "west", *, stands_in: bool = True
) -> Bearing:
    return Bearing(region, healthy, counted, stands_in)


@pytest.mark.parametrize(
    ("at_home", "others", "factor", "parts"),
    [
        (home(0, 0), [away(10)], 1.25, {"east": 1.0}),
        (home(10), [away(10)], 1.25, {"east": 1.0}),
        (home(8), [away(10)], 1.25, {"east": 1.0}),
        (home(6), [away(10)], 1.25, {"east": 0.75, "west": 0.25}),
        (home(6), [away(8), away(10, region="north")], 1.25, {"east": 0.75, "north": 0.25}),
        (
            home(5),
            [away(9), away(10, region="north")],
            1.25,
            {"east": 0.625, "west": 0.125, "north": 0.25},
        ),
        (home(0), [away(18)], 1.25, {"west": 1.0}),
        (home(0), [away(14)], 1.25, {"east": 0.25, "west": 0.75}),
        (home(0), [away(8)], 1.25, {"east": 1.0}),
        (home(0), [], 1.25, {"east": 1.0}),
        (home(5), [away(40, stands_in=False)], 1.25, {"east": 1.0}),
        (home(5), [away(40, 0)], 1.0, {"east": 0.5, "west": 0.5}),
        (home(9), [away(10)], 1.0, {"east": 1.0}),
    ],
)
def test_every_row(
    at_home: Bearing, others: list[Bearing], factor: float, parts: dict[str, float]
) -> None:
    found = {share.region: share.part for share in shares(at_home, others, factor)}
    assert found == pytest.approx(parts)


bearings = st.builds(
    Bearing,
    region=st.uuids().map(str),
    healthy=st.integers(0, 50),
    counted=st.integers(50, 60),
    stands_in=st.booleans(),
)


@given(bearings, st.lists(bearings, max_size=5), st.floats(1.0, 10.0))
def test_parts_add_up_and_no_region_is_filled_past_what_it_has_to_spare(
    at_home: Bearing, others: list[Bearing], factor: float
) -> None:
    found = shares(at_home, others, factor)
    assert sum(share.part for share in found) == pytest.approx(1.0)
    by_region = {other.region: other for other in others}
    load = at_home.counted / factor
    for share in found:
        assert share.part > 0.0
        if share.region != at_home.region:
            other = by_region[share.region]
            assert other.stands_in
            assert other.counted / factor + share.part * load <= other.healthy + 1e-6


@pytest.mark.parametrize(
    ("weights", "part", "wanted"),
    [
        ((1,), 1.0, (10_000,)),
        ((1, 1), 1.0, (5000, 5000)),
        ((1, 3), 0.5, (1250, 3750)),
        ((1, 65535), 0.001, (1, 10)),
        ((0, 0), 0.5, (1, 1)),
        ((), 0.5, ()),
    ],
)
def test_weights_are_spread_in_proportion(
    weights: tuple[int, ...], part: float, wanted: tuple[int, ...]
) -> None:
    assert spread(weights, part) == wanted
    assert sum(spread(weights, part)) <= SCALE + len(weights)


def test_a_region_stands_in_unless_it_is_said_not_to() -> None:
    assert shares(home(0), [Bearing("west", 50, 10)], 1.25) == (Share("west", 1.0),)


def test_the_home_share_is_named_first() -> None:
    assert shares(home(6), [away(10)], 1.25)[0] == Share("east", 0.75)
