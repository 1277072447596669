"""Whether a region could answer for another one: every row of the table (I29)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_samples import instance

from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, State
from registry.domain.readiness import stands_in
from registry.domain.service import FailoverPolicy


def crowd(healthy: int, unhealthy: int = 0, **others: int) -> list[Instance]:
    wanted = [(Health.HEALTHY, healthy), (Health.UNHEALTHY, unhealthy)]
    wanted += [(Health[name.upper()], count) for name, count in others.items()]
    return [
        instance(f"{health.value}-{number}", health, Evidence.NONE)
        for health, count in wanted
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("instances", "policy", "found"),
    [
        ([], FailoverPolicy(), False),
        ([], FailoverPolicy(minimum_endpoints=0), False),
        (crowd(0, unknown=3, draining=2), FailoverPolicy(), False),
        (crowd(1, 1), FailoverPolicy(minimum_endpoints=2), False),
        (crowd(2, 1), FailoverPolicy(minimum_endpoints=2), True),
        (crowd(1, 2), FailoverPolicy(), False),
        (crowd(1, 1), FailoverPolicy(), True),
        (crowd(55, 45), FailoverPolicy(enter_threshold=0.55, exit_threshold=0.7), True),
        (crowd(54, 46), FailoverPolicy(enter_threshold=0.55, exit_threshold=0.7), False),
        (crowd(1, unknown=9), FailoverPolicy(), True),
    ],
)
def test_every_row(instances: list[Instance], policy: FailoverPolicy, found: bool) -> None:
    assert stands_in(instances, policy) is found


def test_one_that_was_replaced_is_not_missed() -> None:
    lost = replace(
        instance("old", Health.UNHEALTHY, Evidence.LEASE_EXPIRED),
        state=State.EXPIRED,
        state_time_ms=100_000,
    )
    found = [*crowd(1), *(replace(each, create_time_ms=99_000) for each in crowd(1)), lost]
    policy = FailoverPolicy(enter_threshold=1.0, exit_threshold=1.0)
    assert stands_in(found, policy)
    assert not stands_in([*crowd(1), lost], policy)
