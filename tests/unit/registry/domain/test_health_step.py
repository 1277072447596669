"""What probes make of health, row by row."""

from __future__ import annotations

from itertools import product

import pytest

from registry.domain.health import (
    ANSWERS,
    SUCCESSES,
    Evidence,
    Health,
    Standing,
    Streak,
    heard,
    step,
    worst_of,
)

UNKNOWN = Standing(Health.UNKNOWN, Evidence.NONE)
HEALTHY = Standing(Health.HEALTHY, Evidence.VALIDATED)
SILENT = Standing(Health.UNHEALTHY, Evidence.TIMEOUT)
REFUSING = Standing(Health.UNHEALTHY, Evidence.REFUSED)
UNSERVING = Standing(Health.UNHEALTHY, Evidence.WITHDRAWN)
EXPIRED = Standing(Health.UNHEALTHY, Evidence.LEASE_EXPIRED)
DRAINING = Standing(Health.DRAINING, Evidence.DEREGISTERED)
OK, NO, SILENCE = Evidence.VALIDATED, Evidence.REFUSED, Evidence.TIMEOUT

ROWS = [
    # standing, successes, failures before, result -> standing after
    (UNKNOWN, 0, 0, OK, HEALTHY),
    (UNKNOWN, 0, 9, OK, HEALTHY),
    (UNKNOWN, 0, 0, NO, UNKNOWN),
    (UNKNOWN, 0, 9, SILENCE, UNKNOWN),
    (HEALTHY, 5, 0, OK, HEALTHY),
    (HEALTHY, 0, 2, OK, HEALTHY),
    (HEALTHY, 5, 0, NO, HEALTHY),
    (HEALTHY, 0, 1, NO, HEALTHY),
    (HEALTHY, 0, 2, NO, REFUSING),
    (HEALTHY, 0, 2, SILENCE, SILENT),
    (HEALTHY, 0, 9, SILENCE, SILENT),
    (SILENT, 0, 3, OK, SILENT),
    (SILENT, 1, 0, OK, HEALTHY),
    (SILENT, 9, 0, OK, HEALTHY),
    (SILENT, 1, 0, SILENCE, SILENT),
    (SILENT, 0, 3, NO, REFUSING),
    (REFUSING, 0, 3, SILENCE, REFUSING),
    (REFUSING, 0, 3, Evidence.NOT_SERVING, REFUSING),
    (REFUSING, 1, 0, OK, HEALTHY),
    (UNSERVING, 9, 0, OK, UNSERVING),
    (UNSERVING, 0, 9, NO, UNSERVING),
    (EXPIRED, 9, 0, OK, EXPIRED),
    (EXPIRED, 0, 9, NO, EXPIRED),
    (DRAINING, 9, 0, OK, DRAINING),
    (DRAINING, 0, 9, NO, DRAINING),
]


@pytest.mark.parametrize(("before", "successes", "failures", "result", "after"), ROWS)
def test_a_probe_changes_health_as_its_row_says(
    before: Standing, successes: int, failures: int, result: Evidence, after: Standing
) -> None:
    standing, streak = step(before, Streak(successes, failures), result, rise=2, fall=3)
    assert standing == after
    expected = Streak(successes + 1, 0) if result is OK else Streak(0, failures + 1)
    assert streak == expected


@pytest.mark.parametrize("health", Health)
def test_a_probe_that_failed_by_itself_says_nothing(health: Health) -> None:
    before = Standing(health, Evidence.TIMEOUT)
    assert step(before, Streak(1, 0), Evidence.NONE, rise=1, fall=1) == (before, Streak(1, 0))


def test_in_every_state_only_validation_makes_healthy_and_a_repeat_changes_nothing() -> None:
    results = [OK, NO, SILENCE, Evidence.NONE, Evidence.WRONG_IDENTITY]
    for health, evidence, count, result, rise, fall in product(
        Health, Evidence, range(4), results, (1, 2, 3), (1, 2, 3)
    ):
        before = Standing(health, evidence)
        for streak in (Streak(count, 0), Streak(0, count)):
            after, counted = step(before, streak, result, rise=rise, fall=fall)
            if after != before and after.health is Health.HEALTHY:
                assert result in SUCCESSES
            if after != before and after.health is Health.UNHEALTHY:
                assert after.evidence is result
            assert after.health is not Health.UNKNOWN or before.health is Health.UNKNOWN
            assert min(counted.successes, counted.failures) == 0
            # The record of it may be lost: the next same result asks for the same again.
            if after != before:
                assert step(before, counted, result, rise=rise, fall=fall)[0] == after


@pytest.mark.parametrize(
    ("results", "worst"),
    [
        ((OK,), OK),
        ((OK, OK), OK),
        ((OK, Evidence.LEASE_RENEWED), OK),
        ((OK, NO), NO),
        ((SILENCE, NO, Evidence.NONE), NO),
        ((OK, Evidence.WRONG_IDENTITY), Evidence.WRONG_IDENTITY),
        ((OK, SILENCE), SILENCE),
        ((Evidence.NONE, SILENCE), SILENCE),
        ((OK, Evidence.NONE), Evidence.NONE),
        ((), Evidence.NONE),
    ],
)
def test_an_instance_is_as_good_as_its_worst_address(
    results: tuple[Evidence, ...], worst: Evidence
) -> None:
    assert worst_of(results) is worst
    assert worst_of(reversed(results)) is worst


@pytest.mark.parametrize(
    ("result", "took_seconds", "counts_as"),
    [
        (SILENCE, 2.0, SILENCE),
        (SILENCE, 3.0, SILENCE),
        (SILENCE, 3.1, Evidence.NONE),
        (SILENCE, 3600.0, Evidence.NONE),
        (OK, 3600.0, OK),
        (NO, 3600.0, NO),
        (Evidence.NONE, 2.0, Evidence.NONE),
    ],
)
def test_silence_that_was_slept_through_is_the_listeners_own(
    result: Evidence, took_seconds: float, counts_as: Evidence
) -> None:
    """I23."""
    assert heard(result, took_seconds, timeout_seconds=2.0) is counts_as


def test_every_failure_is_either_an_answer_or_silence() -> None:
    silence = {Evidence.TIMEOUT, Evidence.LEASE_EXPIRED}
    no_result = {Evidence.NONE, Evidence.DEREGISTERED, Evidence.WITHDRAWN}
    assert set(Evidence) == SUCCESSES | ANSWERS | silence | no_result
