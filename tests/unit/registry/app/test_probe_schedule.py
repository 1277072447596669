"""When instances are probed, and what their results amount to."""

from __future__ import annotations

from dataclasses import replace

from plan_samples import instance

from registry.app.probe_schedule import STARTING_TRIES, ProbeSchedule, Target
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, State
from registry.domain.operation import Judge

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
    now += 5.0
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
    schedule.remove(NEW.key)
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
