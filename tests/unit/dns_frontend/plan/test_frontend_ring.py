"""Turns: who is told first, and how often."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.plan.ring import TURNS_MAXIMUM, scattered, turns


def test_equal_weights_take_equal_turns() -> None:
    assert turns([100, 100, 100]) == (0, 1, 2)
    assert turns([0, 0]) == (0, 1)
    assert turns([7]) == (0,)


def test_a_weight_is_how_often_one_is_first_and_turns_are_spread() -> None:
    found = turns([300, 100])
    assert Counter(found) == {0: 48, 1: 16}
    assert max(len(run) for run in "".join(map(str, found)).split("1")) <= 3


def test_a_weight_of_zero_is_never_first() -> None:
    assert 1 not in turns([10, 0, 20])


@settings(deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=1, max_size=300))
def test_every_weight_has_its_share_to_within_a_turn(weights: list[int]) -> None:
    found = Counter(turns(weights))
    total = sum(weights)
    if len(set(weights)) == 1:
        assert set(found.values()) == {1}
        return
    length = max(TURNS_MAXIMUM, len(weights))
    assert set(found) == {index for index, weight in enumerate(weights) if weight}
    for index, count in found.items():
        assert abs(count - weights[index] * length / total) <= 1


@settings(deadline=None)
@given(st.lists(st.ip_addresses(v=4).map(str), min_size=2, max_size=60, unique=True), st.data())
def test_an_address_that_leaves_moves_no_other(addresses: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(addresses))
    rest = [address for address in addresses if address != gone]
    order = [addresses[index] for index in scattered(addresses)]
    assert [address for address in order if address != gone] == [
        rest[index] for index in scattered(rest)
    ]
