"""Which expired instances are missed, and which others have replaced."""

from __future__ import annotations

import pytest
from plan_samples import CART, instance, service

from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, State
from registry.domain.names import Revision
from registry.domain.planner import plan_service
from registry.domain.succession import replaced

TTL_SECONDS = 15.0


def lost(name: str, at: float) -> Instance:
    """Its lease ran out at that second."""
    return instance(
        name,
        Health.UNHEALTHY,
        Evidence.LEASE_EXPIRED,
        state=State.EXPIRED,
        state_time_ms=int(at * 1000),
        ttl_seconds=TTL_SECONDS,
    )


def begun(name: str, at: float, health: Health = Health.HEALTHY, **changes: object) -> Instance:
    """Registered at that second."""
    return instance(name, health, create_time_ms=int(at * 1000), **changes)


@pytest.mark.parametrize(
    ("instances", "gone"),
    [
        pytest.param([begun("a", 0), begun("b", 99)], set(), id="nobody is lost"),
        pytest.param([lost("a", 100)], set(), id="no other is there"),
        pytest.param([lost("a", 100), begun("b", 0)], set(), id="the other was there before"),
        pytest.param([lost("a", 100), begun("b", 86)], {"a"}, id="begun before the lease ran out"),
        pytest.param([lost("a", 100), begun("b", 84.99)], set(), id="begun while it lived"),
        pytest.param([lost("a", 100), begun("b", 85)], {"a"}, id="begun when it was last heard"),
        pytest.param([lost("a", 100), begun("b", 300)], {"a"}, id="begun long after"),
        pytest.param(
            [lost("a", 100), begun("b", 300, Health.UNKNOWN)], set(), id="not validated yet"
        ),
        pytest.param(
            [lost("a", 100), begun("b", 300, state=State.DRAINING)], set(), id="about to leave"
        ),
        pytest.param(
            [lost("a", 100), lost("b", 200), begun("c", 300)], {"b"}, id="one replaces one"
        ),
        pytest.param(
            [lost("a", 100), lost("b", 200), begun("c", 120), begun("d", 300)],
            {"a", "b"},
            id="each finds its own",
        ),
        pytest.param(
            [lost("a", 100), lost("b", 500), begun("c", 120)], {"a"}, id="too old for one of them"
        ),
    ],
)
def test_an_expired_instance_is_missed_until_another_replaces_it(
    instances: list[Instance], gone: set[str]
) -> None:
    """Row by row, in whatever order they come."""
    assert replaced(instances) == gone
    assert replaced(list(reversed(instances))) == gone


def test_a_replaced_instance_is_not_planned_and_comes_back_when_its_heir_fails() -> None:
    """Else a region that is well would be left alone until it is reaped."""
    dead, heir = lost("a", 100), begun("b", 300)
    plan = plan_service(service(), [dead, heir], None, Revision(9))
    assert [endpoint.instance for endpoint in plan.endpoints] == ["b"]
    ill = begun("b", 300, Health.UNHEALTHY, evidence=Evidence.REFUSED)
    plan = plan_service(service(), [dead, ill], plan, Revision(10))
    assert [(e.instance, e.health) for e in plan.endpoints] == [
        ("a", Health.UNHEALTHY),
        ("b", Health.UNHEALTHY),
    ]
    assert plan.key == CART
