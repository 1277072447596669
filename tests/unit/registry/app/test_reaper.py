"""When expired instances are reaped."""

from __future__ import annotations

from plan_samples import instance

from registry.app.reaper import AGAIN_SECONDS, REAP_LIMIT, Reaper
from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, State
from registry.domain.operation import Reap

WALL = 1_000_000_000


def expired(name: str = "i1", since_ms: int = WALL) -> Instance:
    return instance(
        name,
        Health.UNHEALTHY,
        Evidence.LEASE_EXPIRED,
        state=State.EXPIRED,
        state_time_ms=since_ms,
    )


def test_an_expired_instance_is_reaped_after_its_time_and_nothing_else_ever() -> None:
    reaper = Reaper(600.0)
    reaper.put(instance("alive"), 0.0, WALL)
    reaper.put(instance("leaving", state=State.DRAINING), 0.0, WALL)
    one = expired()
    reaper.put(one, 0.0, WALL)
    assert reaper.due(599.9) == []
    assert reaper.due(600.0) == [Reap(one.key, one.incarnation)]


def test_a_restart_does_not_begin_the_wait_anew() -> None:
    reaper = Reaper(600.0)
    reaper.put(expired(since_ms=WALL - 500_000), 0.0, WALL)
    assert reaper.due(99.9) == []
    assert len(reaper.due(100.0)) == 1


def test_a_wall_clock_that_jumps_after_the_first_sight_changes_nothing() -> None:
    """I36."""
    reaper = Reaper(600.0)
    reaper.put(expired(), 0.0, WALL)
    reaper.put(expired(), 1.0, WALL + 3_600_000)
    assert reaper.due(599.0) == []


def test_a_wall_clock_that_is_behind_only_makes_it_wait_its_full_time() -> None:
    reaper = Reaper(600.0)
    reaper.put(expired(since_ms=WALL + 3_600_000), 0.0, WALL)
    assert len(reaper.due(600.0)) == 1


def test_what_is_still_there_comes_up_again_until_it_is_forgotten() -> None:
    reaper = Reaper(0.0)
    one = expired()
    reaper.put(one, 0.0, WALL)
    assert len(reaper.due(0.0)) == 1
    assert reaper.due(AGAIN_SECONDS - 1) == []
    assert len(reaper.due(AGAIN_SECONDS)) == 1
    reaper.forget(one.incarnation)
    assert reaper.due(1000.0) == []


def test_a_mass_of_them_is_reaped_in_groups() -> None:
    reaper = Reaper(0.0)
    for number in range(REAP_LIMIT + 10):
        reaper.put(expired(f"i{number}"), 0.0, WALL)
    assert (len(reaper.due(0.0)), len(reaper.due(0.0))) == (REAP_LIMIT, 10)
