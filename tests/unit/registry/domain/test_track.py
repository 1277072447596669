"""What is remembered of removals and peaks: bounded, and good for the next leader (I8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.track import Track, TrackRecord, elapsed_seconds, restored

DAY = 86_400.0
QUARTER = 900.0
NOW_MS = 1_760_000_000_000


def record(track: Track, now: float, window_seconds: float = 300.0) -> TrackRecord | None:
    return track.record(now, NOW_MS, window_seconds=window_seconds, peak_seconds=DAY)


@pytest.mark.parametrize(
    ("passed_seconds", "elapsed"),
    [(-7200.0, 0.0), (-1.0, 0.0), (0.0, 0.0), (3600.0, 0.0), (3601.0, 1.0), (90_000.0, 86_400.0)],
)
def test_every_row_of_the_time_between_two_leaders(passed_seconds: float, elapsed: float) -> None:
    written = TrackRecord(NOW_MS)
    assert elapsed_seconds(written, NOW_MS + round(passed_seconds * 1000)) == elapsed


def test_removals_are_counted_by_the_second_and_leave_with_the_last_of_it() -> None:
    track = Track(level=10)
    for now in (4.0, 4.25, 4.75, 5.0):
        track.charge(now, DAY)
    assert list(track.removals) == [(4.75, 3), (5.0, 1)]
    assert track.level == 6
    assert track.used(304.5, 300.0) == 4
    assert track.used(304.75, 300.0) == 1
    assert track.used(305.0, 300.0) == 0


@pytest.mark.parametrize(("budget", "at"), [(1, 40.0), (2, 30.0), (3, 30.0), (4, 20.0)])
def test_there_is_room_when_fewer_than_the_budget_are_left(budget: int, at: float) -> None:
    track = Track()
    for now, count in ((10.0, 1), (20.0, 2), (30.0, 1)):
        track.removals.append((now, count))
    assert track.room_at(budget, 10.0) == at
    assert Track().room_at(budget, 10.0) < 0.0, "at any time"


def test_what_the_answers_show_by_themselves_needs_no_record() -> None:
    track = Track()
    for now, level in ((0.0, 1), (1.0, 5), (2.0, 9)):
        track.note(level, now, DAY)
    assert record(track, 3.0) is None


def test_a_fall_is_recorded_until_its_peak_is_a_day_old() -> None:
    track = Track()
    track.note(9, 0.0, DAY)
    track.note(4, 10.0, DAY)
    assert record(track, 12.0) == TrackRecord(NOW_MS, (), ((2_000, 9), (2_000, 4)))
    assert record(track, 10.0 + DAY) is None


def test_a_removal_is_recorded_while_its_window_lasts() -> None:
    track = Track()
    track.note(9, 0.0, DAY)
    track.charge(10.0, DAY)
    track.note(9, 11.0, DAY)
    assert record(track, 12.0, 30.0) == TrackRecord(NOW_MS, ((2_000, 1),), ((1_000, 9),))
    assert record(track, 40.0, 30.0) is None


def test_a_new_leader_goes_on_by_ages_and_by_its_own_clock() -> None:
    kept = TrackRecord(NOW_MS, ((2_000, 3),), ((3_600_000, 9), (0, 4)))
    at_once = restored(kept, 50.0, NOW_MS + 1000)
    assert list(at_once.removals) == [(48.0, 3)]
    assert list(at_once.peaks) == [(-3550.0, 9), (50.0, 4)]
    assert at_once.level == 0, "which is to be noted"
    hours_later = restored(kept, 50.0, NOW_MS + 3 * 3_600_000)
    assert list(hours_later.removals) == [(-7152.0, 3)]
    assert list(hours_later.peaks) == [(-10_750.0, 9), (-7150.0, 4)], "three hours, less one"


def test_a_peak_is_a_peak_for_a_day_whoever_leads() -> None:
    track = Track()
    track.note(10, 0.0, DAY)
    track.note(4, 1.0, DAY)
    kept = record(track, 1.0)
    assert kept is not None
    track = restored(kept, 1000.0, NOW_MS)
    track.note(4, 1000.0, DAY)
    assert track.peak(1000.0 + DAY - 0.5, DAY) == 10
    assert track.peak(1000.0 + DAY, DAY) == 4


def test_peaks_of_one_quarter_of_an_hour_are_kept_as_one_the_highest_at_the_latest_time() -> None:
    track = Track()
    assert track.peak(0.0, DAY) == 0, "before anything was noted"
    for now, level in ((0.0, 9), (1.0, 8), (2.0, 7)):
        track.note(level, now, DAY)
    assert list(track.peaks) == [(2.0, 9), (2.0, 7)]
    track.note(6, QUARTER - 1.0, DAY)
    track.note(5, QUARTER + 0.5, DAY)
    assert list(track.peaks) == [(QUARTER - 1.0, 9), (QUARTER + 0.5, 6), (QUARTER + 0.5, 5)]


@given(
    st.lists(
        st.tuples(st.floats(0.0, 4000.0, allow_nan=False), st.integers(0, 3000)),
        min_size=1,
        max_size=400,
    )
)
def test_memory_is_bounded_and_a_peak_never_counts_for_less_time(
    steps: list[tuple[float, int]],
) -> None:
    """Against a memory of everything: never a lower peak, nor one older than a quarter more."""
    track, now = Track(), 0.0
    history: list[tuple[float, float, int]] = []
    for pause, level in steps:
        if history:
            history[-1] = history[-1][0], now + pause, history[-1][2]
        now += pause
        track.note(level, now, DAY)
        history.append((now, now, level))
        least = max(each for _, until, each in history if until > now - DAY)
        most = max(each for _, until, each in history if until > now - DAY - QUARTER)
        assert least <= track.peak(now, DAY) <= most
        assert len(track.peaks) <= DAY / QUARTER + 2


def test_a_slow_fall_in_small_steps_takes_no_more_room_than_a_day_has_quarters() -> None:
    track = Track()
    for level in range(100_000, 0, -1):
        track.note(level, (100_000 - level) * 1.0, DAY)
    assert len(track.peaks) <= 98
    for tenth in range(100_000):
        track.charge(100_000.0 + tenth / 10, DAY)
        track.used(100_000.0 + tenth / 10, 300.0)
    assert len(track.removals) <= 301
