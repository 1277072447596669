"""When a lease is renewed, and how long it is certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetanchor.client.schedule import Schedule, request_id_outlived


@pytest.mark.parametrize(
    ("ttl", "interval", "sent_at", "now", "due_at"),
    [
        (15.0, 4.3, 100.0, 100.1, 104.4),  # as the registry directs, from the reply on
        (15.0, 0.0, 100.0, 100.0, 105.0),  # no advice: a third of the lease
        (15.0, 14.9, 100.0, 100.0, 110.0),  # advice that leaves no second try is cut
        (15.0, 4.0, 100.0, 108.0, 110.0),  # a slow reply has used up part of the lease
        (15.0, 4.0, 100.0, 130.0, 130.05),  # a reply later than the lease: at once
        (15.0, 1e-9, 100.0, 100.0, 100.05),  # never a busy loop
    ],
)
def test_a_renewal_is_due_when_the_registry_says_within_sane_limits(
    ttl: float, interval: float, sent_at: float, now: float, due_at: float
) -> None:
    schedule = Schedule.granted(
        ttl_seconds=ttl, interval_seconds=interval, sent_at=sent_at, now=now
    )
    assert schedule.due_at == pytest.approx(due_at)


def test_a_lease_is_certain_from_the_sending_of_the_renewal_not_from_its_reply() -> None:
    schedule = Schedule.granted(ttl_seconds=15, interval_seconds=5, sent_at=100, now=103)
    assert schedule.certain_until == 115


@given(
    ttl=st.floats(1, 300), interval=st.floats(0, 1000), latency=st.floats(0, 300), late=st.floats(0)
)
def test_a_next_renewal_is_always_ahead_and_leaves_time_for_another_try(
    ttl: float, interval: float, latency: float, late: float
) -> None:
    schedule = Schedule.granted(
        ttl_seconds=ttl, interval_seconds=interval, sent_at=0.0, now=latency
    )
    assert schedule.due_at > latency
    assert schedule.due_at <= max(ttl * 2 / 3, latency + 0.05) + 1e-6
    assert schedule.wait_seconds(schedule.due_at + late) == 0


@pytest.mark.parametrize(("age", "outlived"), [(0.0, False), (14.9, False), (15.0, True)])
def test_a_request_id_is_repeated_for_one_lease_time_only(age: float, outlived: bool) -> None:
    assert request_id_outlived(100.0, 15.0, 100.0 + age) is outlived


@given(ttl=st.floats(1, 300))
def test_a_registry_that_comes_back_is_tried_before_the_full_ttl_that_it_gives_is_over(
    ttl: float,
) -> None:
    """Also when the try before that hangs until its timeout (I23)."""
    schedule = Schedule.granted(ttl_seconds=ttl, interval_seconds=0, sent_at=0, now=0)
    assert schedule.timeout_seconds + schedule.longest_pause_seconds < ttl
