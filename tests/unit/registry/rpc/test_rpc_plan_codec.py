"""The octets of a plan: the same for the same plan, whatever was written before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.adapters.rpc import plan_codec
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.health import Evidence, Health
from registry.domain.instance import Port, Protocol
from registry.domain.names import (
    Incarnation,
    InstanceId,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.plan import Endpoint, ServicePlan, StagedChange, Tombstone
from registry.domain.service import FailoverPolicy, ServicePolicy
from sheetanchor.v1 import plan_pb2


def endpoint(number: int, metadata: dict[str, str] | None = None) -> Endpoint:
    """An endpoint with every field set."""
    return Endpoint(
        instance=InstanceId(f"i{number}"),
        incarnation=Incarnation(f"uid-{number}"),
        addresses=("10.0.0.1", "2001:db8::1"),
        ports=(Port("main", 8080), Port("dns", 53, Protocol.UDP)),
        priority=3,
        weight=7,
        zone="eu-a",
        metadata=metadata or {"b": "2", "a": "1"},
        health=Health.HEALTHY,
        evidence=Evidence.VALIDATED,
    )


KEY = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
POLICY = ServicePolicy(20, FailoverPolicy((RegionName("us"),), 0.4, 0.9, 12.5, 2), True)
PLANS = {
    "empty": ServicePlan(KEY, None, (), False, None, Revision(1)),
    "small": ServicePlan(KEY, POLICY, (endpoint(1), endpoint(2)), False, None, Revision(2**40)),
    "held": ServicePlan(KEY, None, (endpoint(1),), True, None, Revision(3)),
    "tombstone": ServicePlan(
        KEY, None, (), False, Tombstone(1_760_918_400_123, Revision(8)), Revision(9)
    ),
    "staged": ServicePlan(
        KEY, None, (endpoint(1),), False, None, Revision(3), StagedChange("t1", POLICY)
    ),
    "staged away": ServicePlan(
        KEY, POLICY, (endpoint(1),), False, None, Revision(3), StagedChange("t1", None)
    ),
    "long metadata": ServicePlan(
        KEY, None, (endpoint(1, {"k": "v" * 20_000}),), False, None, Revision(4)
    ),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_octets_are_those_of_the_message_and_lead_back(plan: ServicePlan) -> None:
    codec = ProtoPlanCodec()
    body = codec.encode(plan)
    message = plan_pb2.ServicePlan.FromString(body)
    assert message.SerializeToString(deterministic=True) == body
    assert len(message.endpoints) == len(plan.endpoints)
    assert codec.decode(body) == plan


def test_what_was_written_before_changes_no_octet() -> None:
    codec = ProtoPlanCodec()
    for plan in (*PLANS.values(), *reversed(PLANS.values())):
        assert codec.encode(plan) == ProtoPlanCodec().encode(plan)


def test_a_changed_endpoint_is_written_as_it_is_now() -> None:
    codec = ProtoPlanCodec()
    plan = PLANS["small"]
    codec.encode(plan)
    ill = replace(plan.endpoints[0], health=Health.UNHEALTHY, evidence=Evidence.TIMEOUT)
    changed = replace(plan, endpoints=(ill, plan.endpoints[1]))
    assert codec.decode(codec.encode(changed)) == changed


def test_the_order_of_metadata_does_not_matter() -> None:
    one = replace(PLANS["held"], endpoints=(endpoint(1, {"a": "1", "b": "2"}),))
    other = replace(PLANS["held"], endpoints=(endpoint(1, {"b": "2", "a": "1"}),))
    codec = ProtoPlanCodec()
    assert codec.encode(one) == codec.encode(other)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_codec, "KEPT_ENDPOINTS", 10)
    codec = ProtoPlanCodec()
    for number in range(100):
        plan = replace(PLANS["held"], endpoints=(endpoint(number),))
        assert codec.decode(codec.encode(plan)) == plan
    assert len(codec._kept) <= 10


@pytest.mark.parametrize("octets", [b"\xff", b"\x22\x7f\x00", b"\x22\x02\x48\x09"])
def test_garbage_is_a_value_error(octets: bytes) -> None:
    with pytest.raises(ValueError):
        ProtoPlanCodec().decode(octets)
