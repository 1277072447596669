"""When instances are probed, and what their results amount to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from plan_samples import instance

from registry.app.probe_schedule import KEPT_IN_MIND, STARTING_TRIES, ProbeSchedule, Target
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, State
from registry.domain.operation import Judge
from registry.domain.service import HealthPolicy

OK, NO, SILENCE = Evidence.VALIDATED, Evidence.REFUSED, Evidence.TIMEOUT
NEW = instance("i1", Health.UNKNOWN, Evidence.NONE)
HEALTHY = instance("i1")
REFUSING = instance("i1", Health.UNHEALTHY, Evidence.REFUSED)


def take(schedule: ProbeSchedule, now: float) -> Target:
    target = schedule.take(now)
    assert target is not None
    return target


def taken_by(schedule: ProbeSchedule, now: float) -> int:
    count = 0
    while schedule.take(now) is not None:
        count += 1
    return count


def test_a_new_instance_is_probed_at_once_and_then_within_every_interval() -> None:
    schedule = ProbeSchedule()
    schedule.put(NEW, 100.0)
    assert schedule.next_due() == 100.0
    verdict = schedule.settle(take(schedule, 100.0), OK, 100.1)
    assert verdict == Judge(NEW.key, NEW.incarnation, Health.HEALTHY, OK)
    schedule.put(HEALTHY, 100.2)
    now = 100.1
    for _ in range(5):
        due = schedule.next_due()
        assert due is not None
        assert now < due <= now + 5.0
        assert schedule.take(due - 0.01) is None
        assert schedule.settle(take(schedule, due), OK, due) is None
        now = due


def test_an_instance_is_validated_though_others_are_forgotten_as_it_comes() -> None:
    schedule = ProbeSchedule()
    schedule.begin([instance(f"i{n}") for n in range(KEPT_IN_MIND)], 100.0)
    new = instance("new", Health.UNKNOWN, Evidence.NONE)
    schedule.put(new, 100.0)
    verdict = schedule.settle(take(schedule, 100.0), OK, 100.1)
    assert verdict == Judge(new.key, new.incarnation, Health.HEALTHY, OK)


def test_taking_over_a_cell_spreads_its_probes_over_an_interval_but_tries_new_ones_at_once() -> (
    None
):
    schedule = ProbeSchedule()
    schedule.begin([instance(f"i{n}") for n in range(100)], 0.0)
    schedule.begin([instance("new", Health.UNKNOWN, Evidence.NONE)], 0.0)
    assert take(schedule, 0.0).instance.key.instance == "new"
    due = [taken_by(schedule, second) for second in range(1, 6)]
    assert sum(due) == 100
    assert all(5 <= count <= 40 for count in due)


def test_what_is_not_active_or_has_no_check_is_never_probed() -> None:
    schedule = ProbeSchedule()
    for other in (
        instance("i1", state=State.DRAINING),
        instance("i2", state=State.EXPIRED),
        instance("i3", check=Check(CheckKind.NONE)),
    ):
        schedule.put(other, 0.0)
    assert len(schedule) == 0
    schedule.put(HEALTHY, 0.0)
    schedule.put(replace(HEALTHY, state=State.DRAINING), 1.0)
    assert schedule.next_due() is None


def test_three_failures_in_a_row_make_unhealthy_and_two_successes_healthy_again() -> None:
    schedule = ProbeSchedule()
    schedule.put(HEALTHY, 0.0)
    now = 10.0
    assert schedule.settle(take(schedule, now), SILENCE, now) is None
    now += 1.0
    assert schedule.next_due() == now
    for result, verdict in ((NO, None), (NO, Judge(NEW.key, NEW.incarnation, *_unhealthy(NO)))):
        now = schedule.next_due() or 0.0
        assert schedule.settle(take(schedule, now), result, now) == verdict
    schedule.put(REFUSING, now)
    now += 9.5
    assert schedule.settle(take(schedule, now), OK, now) is None
    now += 1.0
    assert schedule.settle(take(schedule, now), OK, now) == Judge(
        NEW.key, NEW.incarnation, Health.HEALTHY, OK
    )


def _unhealthy(evidence: Evidence) -> tuple[Health, Evidence]:
    return Health.UNHEALTHY, evidence


def test_a_verdict_that_was_not_recorded_is_given_again() -> None:
    schedule = ProbeSchedule()
    schedule.put(NEW, 0.0)
    first = schedule.settle(take(schedule, 0.0), OK, 0.0)
    assert first is not None
    assert schedule.settle(take(schedule, 6.0), OK, 6.0) == first


def test_an_instance_that_is_starting_up_is_tried_often_at_first() -> None:
    schedule = ProbeSchedule()
    schedule.put(NEW, 0.0)
    now, times = 0.0, []
    for _ in range(STARTING_TRIES + 3):
        times.append(now)
        assert schedule.settle(take(schedule, now), SILENCE, now) is None
        due = schedule.next_due()
        assert due is not None
        now = due
    assert times[STARTING_TRIES] == STARTING_TRIES * 1.0
    assert now - times[-1] > 4.0


def test_a_result_of_an_older_incarnation_says_nothing_of_the_newer() -> None:
    """I37."""
    schedule = ProbeSchedule()
    schedule.put(NEW, 0.0)
    old = take(schedule, 0.0)
    newer = instance("i1", Health.UNKNOWN, Evidence.NONE, uid="newer")
    schedule.put(newer, 0.5)
    assert schedule.settle(old, OK, 1.0) is None
    verdict = schedule.settle(take(schedule, 1.0), OK, 1.0)
    assert verdict is not None
    assert verdict.incarnation == "newer"


def test_an_instance_that_vanishes_takes_everything_along() -> None:
    schedule = ProbeSchedule()
    schedule.put(NEW, 0.0)
    under_way = take(schedule, 0.0)
    schedule.remove(NEW.key, 0.5)
    assert schedule.settle(under_way, OK, 1.0) is None
    assert (len(schedule), schedule.next_due()) == (0, None)


def test_an_instance_that_is_to_be_validated_anew_is_tried_at_once() -> None:
    schedule = ProbeSchedule()
    schedule.put(instance("i1", Health.UNHEALTHY, Evidence.WITHDRAWN), 0.0)
    assert schedule.settle(take(schedule, 6.0), NO, 6.0) is None
    schedule.put(NEW, 6.5)
    assert schedule.next_due() == 6.5
    verdict = schedule.settle(take(schedule, 6.5), OK, 6.6)
    assert verdict is not None
    assert verdict.health is Health.HEALTHY


def test_being_told_the_same_again_neither_hastens_nor_delays_a_probe() -> None:
    schedule = ProbeSchedule()
    schedule.put(HEALTHY, 0.0)
    due = schedule.next_due()
    schedule.put(replace(HEALTHY), 0.5)
    assert schedule.next_due() == due
    assert take(schedule, 5.0) is not None
    schedule.put(replace(HEALTHY), 5.1)
    assert schedule.take(100.0) is None, "it is under way"


def test_when_one_of_a_service_fails_the_others_are_looked_at_at_once() -> None:
    schedule = ProbeSchedule()
    for number in range(5):
        schedule.put(instance(f"i{number}"), 0.0)
    schedule.put(instance("ill", Health.UNHEALTHY, Evidence.REFUSED), 0.0)
    due = schedule.next_due()
    assert due is not None
    first = take(schedule, due)
    schedule.settle(first, NO, due)
    assert taken_by(schedule, due) == 4 if first.instance.health is Health.HEALTHY else 0


def rounds(results: list[Evidence], seconds: int) -> int:
    """How many probes 1,000 targets get in that time, when they all answer in turns so."""
    schedule, tries = ProbeSchedule(), 0
    schedule.begin([instance(f"i{number}") for number in range(1000)], 0.0)
    for tick in range(seconds * 20):
        now = tick / 20
        while (target := schedule.take(now)) is not None:
            tries += 1
            verdict = schedule.settle(target, results[int(now) % len(results)], now)
            if verdict is not None:
                schedule.put(
                    replace(target.instance, health=verdict.health, evidence=verdict.evidence), now
                )
    return tries


def test_a_thousand_that_flap_or_fail_are_probed_hardly_more_often_than_as_many_at_rest() -> None:
    """I25."""
    at_rest = rounds([OK], 60)
    assert 11_000 < at_rest < 14_000
    for results in ([OK, NO], [NO], [SILENCE], [OK, OK, NO]):
        assert rounds(results, 60) < at_rest * 1.1


def sides(answers: list[Evidence], seconds: int) -> list[tuple[float, Health]]:
    """When one endpoint changed sides, answering in turns so, second by second."""
    schedule = ProbeSchedule(lambda _: HealthPolicy(rise=1, fall=1))
    quick = Check(CheckKind.TCP, 80, interval_seconds=1.0, timeout_seconds=1.0)
    schedule.put(instance("i1", check=quick), 0.0)
    turns = []
    for tick in range(seconds * 20):
        now = tick / 20
        while (target := schedule.take(now)) is not None:
            verdict = schedule.settle(target, answers[int(now) % len(answers)], now)
            if verdict is not None:
                turns.append((now, verdict.health))
                schedule.put(
                    replace(target.instance, health=verdict.health, evidence=verdict.evidence), now
                )
    return turns


def test_one_that_flaps_every_second_changes_sides_at_most_once_a_window() -> None:
    """I26."""
    turns = sides([OK, NO], 600)
    assert len(turns) > 4
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(turns)]
    assert min(gaps) >= 10.0
    assert sum(gap > 60.0 for gap in gaps) >= 2, "and is kept out for longer, the more it flaps"


def test_what_is_true_at_the_end_of_the_window_counts() -> None:
    schedule = ProbeSchedule(lambda _: HealthPolicy(fall=1))
    schedule.put(replace(REFUSING, health_time_ms=5), 0.0)
    schedule.put(HEALTHY, 0.0)
    verdict, now = None, 0.0
    while verdict is None:
        now = schedule.next_due() or 0.0
        verdict = schedule.settle(take(schedule, now), NO, now)
    assert 10.0 <= now < 10.5


def test_thresholds_of_the_service_go_before_those_of_the_instance() -> None:
    for fall, failures in ((0, 3), (5, 5)):
        policy = HealthPolicy(fall=fall)
        schedule = ProbeSchedule({NEW.key.service_key: policy}.__getitem__)
        schedule.put(HEALTHY, 0.0)
        verdict, tries = None, 0
        while verdict is None:
            now = schedule.next_due() or 0.0
            tries += 1
            verdict = schedule.settle(take(schedule, now), NO, now)
        assert tries == failures


def test_an_owner_that_takes_back_its_word_is_let_in_by_the_leader_and_damped() -> None:
    """I26: the penalty covers heartbeats, of instances without a check as well."""
    checkless = instance("i1", evidence=Evidence.LEASE_RENEWED, check=Check(CheckKind.NONE))
    withdrawn = replace(checkless, health=Health.UNHEALTHY, evidence=Evidence.WITHDRAWN)
    back = replace(checkless, health=Health.UNKNOWN, evidence=Evidence.NONE)
    schedule = ProbeSchedule()
    now = 0.0
    waits = []
    for _ in range(5):
        schedule.put(checkless, now)
        assert schedule.next_due() is None
        begun = now + 1.0
        schedule.put(replace(withdrawn, health_time_ms=7), begun)
        schedule.put(replace(back, health_time_ms=8), now + 2.0)
        verdict = None
        while verdict is None:
            now = schedule.next_due() or 0.0
            verdict = schedule.settle(take(schedule, now), Evidence.LEASE_RENEWED, now)
        assert (verdict.health, verdict.evidence) == (Health.HEALTHY, Evidence.LEASE_RENEWED)
        waits.append(now - begun)
    assert waits[0] == pytest.approx(10.0, abs=0.1)
    assert max(waits) > 60.0


def test_a_new_leader_knows_since_when_by_asking_the_wall_clock_once() -> None:
    """I36: no jump of it makes the window longer than it is, or count twice."""
    schedule = ProbeSchedule(lambda _: HealthPolicy(rise=1))
    ill = replace(REFUSING, health_time_ms=1_000_000, create_time_ms=1)
    schedule.put(ill, 0.0, 1_004_000)
    schedule.put(replace(ill), 1.0, 99_000_000)
    verdict, now = None, 0.0
    while verdict is None:
        now = schedule.next_due() or 0.0
        verdict = schedule.settle(take(schedule, now), OK, now)
    assert 6.0 <= now < 6.5


@pytest.mark.parametrize(
    ("told", "up_for"),
    [
        pytest.param({"create_time_ms": 1, "health_time_ms": 960_000}, 40.0, id="validated"),
        pytest.param(
            {"create_time_ms": 960_000, "health_time_ms": 960_000},
            40.0,
            id="up by its lease alone, since it was registered",
        ),
        pytest.param(
            {"create_time_ms": 1, "health_time_ms": 1_960_000}, 0.0, id="by a clock that is ahead"
        ),
    ],
)
def test_a_slow_start_goes_on_where_it_was_under_a_new_leader(
    told: dict[str, int], up_for: float
) -> None:
    """A registry that is started anew neither ends a ramp, nor begins it again."""
    schedule = ProbeSchedule()
    up = replace(instance("i1", Health.HEALTHY, OK), **told)  # type: ignore[arg-type]  # times by their names
    schedule.put(up, 100.0, 1_000_000)
    assert schedule.up_for_seconds(up.key, 100.0) == up_for
    assert schedule.up_for_seconds(up.key, 130.0) == up_for + 30.0
    schedule.put(up, 150.0, 9_000_000)
    assert schedule.up_for_seconds(up.key, 150.0) == up_for + 50.0, "the wall clock is asked once"


def test_a_restart_may_come_back_at_once_but_not_again_and_again() -> None:
    schedule = ProbeSchedule()
    waits = []
    now = 0.0
    for number in range(6):
        fresh = instance("i1", Health.UNKNOWN, Evidence.NONE, uid=f"uid-{number}")
        fresh = replace(fresh, create_time_ms=number, health_time_ms=number)
        schedule.put(fresh, now)
        begun, verdict = now, None
        while verdict is None:
            now = schedule.next_due() or 0.0
            verdict = schedule.settle(take(schedule, now), OK, now)
        waits.append(now - begun)
        schedule.put(replace(fresh, health=Health.HEALTHY, evidence=OK, health_time_ms=99), now)
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert max(waits) > 60.0


def test_what_is_remembered_of_those_that_are_gone_stays_bounded() -> None:
    schedule = ProbeSchedule()
    for number in range(20_000):
        one = instance(f"i{number}")
        schedule.put(one, number * 0.01)
        schedule.remove(one.key, number * 0.01)
    assert len(schedule._damping) < 5_000
