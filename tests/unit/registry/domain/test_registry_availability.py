"""Available time, row by row of `step`."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.availability import (
    Availability,
    Event,
    StoreBack,
    StoreLost,
    Ticked,
    ceiling,
    step,
)

BEGUN = step(Availability(tick_seconds=0.1), Ticked(50.0))


def after(*events: Event, start: Availability = BEGUN) -> Availability:
    return reduce(step, events, start)


def test_the_first_reading_only_begins() -> None:
    assert (BEGUN.available_seconds, BEGUN.floor_seconds, BEGUN.outages) == (0.0, 0.0, 0)


def test_ticks_in_time_advance_it() -> None:
    state = after(Ticked(50.1), Ticked(51.15))
    assert state.available_seconds == pytest.approx(1.15)
    assert (state.floor_seconds, state.outages) == (0.0, 0)


@pytest.mark.parametrize("wakes_at", [51.11, 650.0, 49.0])
def test_a_sleep_does_not_count_and_ends_in_a_floor(wakes_at: float) -> None:
    state = after(Ticked(50.01), Ticked(wakes_at + 0.01))
    assert state.available_seconds == pytest.approx(0.01)
    assert state.floor_seconds == state.available_seconds
    assert state.outages == 1


def test_readings_at_the_same_time_and_as_late_as_may_be_are_no_outage() -> None:
    begun = step(Availability(tick_seconds=0.25), Ticked(50.0))
    state = after(Ticked(50.0), Ticked(51.25), start=begun)
    assert (state.available_seconds, state.outages) == (1.25, 0)


@pytest.mark.parametrize(("at", "most"), [(50.5, 0.5), (49.0, 0.0), (51.25, 1.25), (99.0, 1.25)])
def test_a_ceiling_is_the_time_since_the_last_reading_as_far_as_it_may_count(
    at: float, most: float
) -> None:
    begun = step(Availability(tick_seconds=0.25), Ticked(50.0))
    assert ceiling(begun, at) == most


def test_time_without_the_store_does_not_count() -> None:
    state = after(Ticked(50.5), StoreLost(50.6), Ticked(50.7), StoreLost(50.8), Ticked(51.0))
    assert state.available_seconds == pytest.approx(0.5)
    assert (state.reachable, state.floor_seconds) == (False, 0.0)


def test_the_store_coming_back_sets_the_floor_and_starts_the_clock() -> None:
    state = after(Ticked(50.5), StoreLost(50.6), StoreBack(80.0), Ticked(80.25))
    assert state.available_seconds == pytest.approx(0.75)
    assert state.floor_seconds == pytest.approx(0.5)
    assert state.outages == 1


def test_an_answer_when_nothing_was_lost_is_a_tick() -> None:
    assert after(StoreBack(50.5)) == after(Ticked(50.5))


def test_a_loss_before_the_first_tick_is_an_outage_too() -> None:
    state = after(StoreLost(10.0), StoreBack(20.0), start=Availability(0.1))
    assert (state.available_seconds, state.reachable, state.outages) == (0.0, True, 1)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([Ticked, StoreLost, StoreBack]),
        st.floats(min_value=0.0, max_value=3.0),
    ),
    max_size=40,
)


@given(EVENTS, st.floats(min_value=0.0, max_value=3.0))
def test_no_promise_made_from_the_ceiling_is_broken(
    history: list[tuple[type[Ticked | StoreLost | StoreBack], float]], promise_after: float
) -> None:
    """Available time never runs faster than real time from a ceiling on, and never back."""
    at = 100.0
    state = Availability(0.1)
    for kind, pause in history:
        promised = ceiling(state, at + promise_after)
        at += pause
        before = state
        state = step(state, kind(at))
        assert state.available_seconds >= before.available_seconds
        assert state.floor_seconds <= state.available_seconds
        assert state.available_seconds <= promised + max(0.0, pause - promise_after) + 1e-9
