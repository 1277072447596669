"""Rests between transactions: every row of the tables, and where they lead under load."""

from __future__ import annotations

import pytest

from registry.domain.rest import (
    COMMIT_REST_SECONDS,
    GRACE,
    PUBLISH_REST_SECONDS,
    commit_rest,
    publish_rest,
)


@pytest.mark.parametrize(
    ("commit_seconds", "callers", "rest_seconds"),
    [
        (0.002, 1, 0.0),
        (0.5, 1, 0.0),
        (0.002, 2, 0.001),
        (0.002, 5, 0.004),
        (0.001, 7, 0.003),
        (0.001, 17, 0.008),
        (0.001, 500, 0.008),
        (0.5, 2, COMMIT_REST_SECONDS),
        (0.5, 500, COMMIT_REST_SECONDS),
        (0.0, 500, 0.0),
    ],
)
def test_the_committer_rests_the_longer_the_more_callers_a_commit_had(
    commit_seconds: float, callers: int, rest_seconds: float
) -> None:
    assert commit_rest(commit_seconds, callers) == pytest.approx(rest_seconds)


@pytest.mark.parametrize(
    ("step_seconds", "services", "rest_seconds"),
    [
        (0.004, 0, 0.004),
        (0.004, 1, 0.004),
        (0.004, 4, 0.004),
        (0.004, 5, 0.005),
        (0.004, 12, 0.012),
        (0.004, 24, 0.024),
        (0.004, 512, 0.024),
        (0.5, 1, PUBLISH_REST_SECONDS),
        (0.5, 512, PUBLISH_REST_SECONDS),
    ],
)
def test_the_publisher_rests_the_longer_the_more_a_step_had(
    step_seconds: float, services: int, rest_seconds: float
) -> None:
    assert publish_rest(step_seconds, services) == pytest.approx(rest_seconds)


def test_the_grace_for_others_is_a_part_of_a_commit() -> None:
    assert 0.0 < GRACE < 1.0


def published_share(changes_a_second: float, fixed_seconds: float, each_seconds: float) -> float:
    """The share of time that publication comes to take when so much keeps changing."""
    services, step, rest = 1.0, 0.0, 0.0
    for _ in range(100):
        step = fixed_seconds + services * each_seconds
        rest = publish_rest(step, int(services))
        services = max(1.0, changes_a_second * (step + rest))
    return step / (step + rest)


def test_under_a_flood_publication_comes_to_take_a_seventh_of_the_time() -> None:
    """A step of 4 ms and 0.1 ms a service, which is about what one costs."""
    assert published_share(100, 0.004, 0.0001) == pytest.approx(0.5)
    assert published_share(1000, 0.004, 0.0001) == pytest.approx(1 / 7)
