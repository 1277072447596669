"""An address stays in its owner's hands for a while: every row of the tables (I12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plan_samples import endpoint, instance, plan

from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Identity, Instance, Port, State
from registry.domain.names import InstanceId, InstanceKey, NamespaceId, ServiceId
from registry.domain.place import DRAIN_SECONDS, Departure, places_of
from registry.domain.plan import ServicePlan
from registry.domain.tenancy import Tenancy

HERE = ("10.0.0.1",)
WEB = (Port("web", 80),)
HERE_80 = ("10.0.0.1", 80)
NOW_MS = 1_760_000_000_000


def one(service: str, name: str = "i1", **changes: Any) -> Instance:
    key = InstanceKey(NamespaceId("shop"), ServiceId(service), InstanceId(name))
    defaults: dict[str, Any] = {"addresses": HERE, "ports": WEB, "uid": f"{service}-{name}"}
    return instance(name, key=key, **(defaults | changes))


def left_by(*services: str, at: float = 0.0) -> Tenancy:
    tenancy = Tenancy()
    for service in services:
        tenancy.put(one(service), at - 100.0, NOW_MS)
        tenancy.remove(one(service).key, at)
    return tenancy


@pytest.mark.parametrize(
    ("tenancy", "newcomer", "now", "reserved"),
    [
        (Tenancy(), one("b"), 1.0, False),
        (left_by("a"), one("b"), 1.0, True),
        (left_by("a"), one("b"), 59.9, True),
        (left_by("a"), one("b"), 60.0, False),
        (left_by("a"), one("a", "i2"), 1.0, False),
        (left_by("a", "b"), one("b"), 1.0, False),
        (left_by("a"), one("b", ports=(Port("web", 81),)), 1.0, False),
        (left_by("a"), one("b", addresses=("10.0.0.2",)), 1.0, False),
        (left_by("a"), one("b", addresses=("10.0.0.2", *HERE)), 1.0, True),
    ],
)
def test_every_row_of_what_is_reserved(
    tenancy: Tenancy, newcomer: Instance, now: float, reserved: bool
) -> None:
    assert tenancy.is_reserved(newcomer, now) is reserved


@pytest.mark.parametrize("state", [State.DRAINING, State.EXPIRED])
def test_one_that_drains_or_expired_has_left(state: State) -> None:
    tenancy = Tenancy()
    tenancy.put(one("a"), 0.0, NOW_MS)
    assert not tenancy.is_reserved(one("b"), 1.0), "two services may share a process"
    tenancy.put(replace(one("a"), state=state), 10.0, NOW_MS)
    assert tenancy.is_reserved(one("b"), 11.0)
    tenancy.put(replace(one("a"), state=state), 50.0, NOW_MS)
    tenancy.remove(one("a").key, 60.0)
    assert not tenancy.is_reserved(one("b"), 10.0 + DRAIN_SECONDS), "it left once"


def test_one_that_moves_leaves_where_it_was() -> None:
    tenancy = Tenancy()
    tenancy.put(one("a"), 0.0, NOW_MS)
    tenancy.put(one("a", uid="later", addresses=("10.0.0.9",)), 1.0, NOW_MS)
    assert tenancy.is_reserved(one("b"), 2.0)
    assert not tenancy.is_reserved(one("b", addresses=("10.0.0.9",)), 2.0)


@pytest.mark.parametrize("state", [State.DRAINING, State.EXPIRED])
@pytest.mark.parametrize(
    ("entered_ms", "until"), [(NOW_MS - 20_000, 40.0), (NOW_MS, 60.0), (NOW_MS + 3_600_000, 60.0)]
)
def test_one_that_left_before_this_registry_began_did_so_when_it_is_written(
    state: State, entered_ms: int, until: float
) -> None:
    """And by a clock that was set back since, no earlier than now (I36)."""
    tenancy = Tenancy()
    tenancy.put(replace(one("a"), state=state, state_time_ms=entered_ms), 500.0, NOW_MS)
    assert tenancy.is_reserved(one("b"), 500.0 + until - 0.1)
    assert not tenancy.is_reserved(one("b"), 500.0 + until)
    assert not tenancy.is_reserved(one("a", "i2"), 501.0)


def test_what_is_written_down_of_those_that_are_gone_is_learnt() -> None:
    tenancy, a = Tenancy(), one("a").key.service_key
    tenancy.learn(Departure(a, HERE_80, NOW_MS - 20_000), 500.0, NOW_MS)
    assert tenancy.is_reserved(one("b"), 539.9)
    assert not tenancy.is_reserved(one("b"), 540.0)
    # what was heard since counts for longer, and what is told again for no less
    tenancy.put(one("a"), 510.0, NOW_MS + 10_000)
    tenancy.remove(one("a").key, 520.0)
    tenancy.learn(Departure(a, HERE_80, NOW_MS - 20_000), 530.0, NOW_MS + 30_000)
    assert tenancy.is_reserved(one("b"), 579.9)
    assert not tenancy.is_reserved(one("b"), 580.0)


def test_what_was_left_longer_ago_is_not_remembered_at_all() -> None:
    tenancy = Tenancy()
    tenancy.learn(Departure(one("a").key.service_key, HERE_80, NOW_MS - 60_000), 1.0, NOW_MS)
    assert not tenancy._left


PROVED = Check(CheckKind.HTTP, 80, identity=Identity.HEADER)
THERE = plan(endpoint("i1", incarnation="b-i1"))
WAITING = plan(endpoint("i1", incarnation="b-i1", health=Health.UNKNOWN))


@pytest.mark.parametrize(
    ("newcomer", "published", "left", "health"),
    [
        (one("b"), None, ("a",), Health.UNKNOWN),
        (one("b"), WAITING, ("a",), Health.UNKNOWN),
        (one("b"), None, (), Health.HEALTHY),
        (one("b"), None, ("c", "b"), Health.HEALTHY),
        (one("b"), THERE, ("a",), Health.HEALTHY),
        (one("b", check=PROVED), None, ("a",), Health.HEALTHY),
        (replace(one("b"), health=Health.UNHEALTHY), None, ("a",), Health.UNHEALTHY),
        (replace(one("b"), health=Health.DRAINING), None, ("a",), Health.DRAINING),
    ],
)
def test_every_row_of_how_it_is_planned(
    newcomer: Instance, published: ServicePlan | None, left: tuple[str, ...], health: Health
) -> None:
    (found,) = left_by(*left).admitted([newcomer], published, 1.0)
    assert found.health is health
    if health is not newcomer.health:
        assert found.evidence is Evidence.NONE


def test_memory_of_those_that_left_is_bounded() -> None:
    tenancy = Tenancy()
    for number in range(300):
        each = one("a", f"i{number}", addresses=(f"10.1.0.{number % 250}",))
        tenancy.put(each, number * 1.0, NOW_MS)
        tenancy.remove(each.key, number * 1.0)
        same = one(f"s{number}")
        tenancy.put(same, number * 1.0, NOW_MS)
        tenancy.remove(same.key, number * 1.0)
    assert len(tenancy._left) == 61, "a place each second, and one again and again"
    assert len(tenancy._left["10.0.0.1", 80]) == 60, "a service each second"
    assert not tenancy._present


def test_a_place_without_a_port_is_the_address() -> None:
    assert places_of(one("a", ports=())) == {("10.0.0.1", 0)}
