"""Entries with held endpoints, as octets like those of a registry."""

from __future__ import annotations

from dns_frontend.feed.decode import published_of
from dns_frontend.feed.merge import merger
from dns_frontend.plan.digest import Published
from dns_frontend.plan.entry import Health
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.velocity import Reason, is_slowed
from sheetanchor.v1 import instance_pb2, plan_pb2

LIMITS = Limits()


def endpoint(name: str, *, well: bool = True) -> plan_pb2.Endpoint:
    return plan_pb2.Endpoint(
        instance=name,
        uid=f"uid-{name}",
        addresses=["10.0.0.1"],
        weight=1,
        health=instance_pb2.HEALTH_HEALTHY if well else instance_pb2.HEALTH_UNHEALTHY,
        evidence=instance_pb2.EVIDENCE_VALIDATED if well else instance_pb2.EVIDENCE_TIMEOUT,
    )


def said(*endpoints: plan_pb2.Endpoint, revision: int = 7, limits: Limits = LIMITS) -> Published:
    body = plan_pb2.ServicePlan(
        namespace="shop", service="cart", endpoints=endpoints, revision=revision
    ).SerializeToString(deterministic=True)
    return published_of("shop/cart", body, limits)


def test_it_says_what_the_registry_says_but_for_what_is_held() -> None:
    before = said(endpoint("b"), endpoint("c"), endpoint("d"), revision=6)
    after = said(endpoint("a"), endpoint("b", well=False), endpoint("d"))
    merged = merger(LIMITS)(before, after, {"b": Reason.NAME, "c": Reason.VANISHED})
    assert merged.entry is not None
    assert merged.fault == ""
    assert is_slowed(merged.entry)
    assert merged.entry.revision == 7
    assert [(e.instance, e.health, e.evidence, e.hold) for e in merged.entry.endpoints] == [
        ("a", Health.HEALTHY, "validated", ""),
        ("b", Health.UNHEALTHY, "timeout", "frontend_name"),
        ("c", Health.UNHEALTHY, "none", "frontend_vanished"),
        ("d", Health.HEALTHY, "validated", ""),
    ]
    assert merged.body == published_of("shop/cart", merged.body, LIMITS).body
    assert published_of("shop/cart", merged.body, LIMITS) == merged


def test_what_is_held_once_more_is_as_it_was() -> None:
    before = said(endpoint("b"), endpoint("c"))
    first = merger(LIMITS)(before, said(endpoint("b")), {"c": Reason.VANISHED})
    again = merger(LIMITS)(first, said(endpoint("b")), {"c": Reason.VANISHED})
    assert again == first


def test_one_beyond_the_limits_says_so() -> None:
    narrow = Limits(endpoints_per_service=2)
    merged = merger(narrow)(
        said(endpoint("a"), endpoint("b")), said(endpoint("c")), dict.fromkeys("ab", Reason.CELL)
    )
    assert "3 endpoints" in merged.fault
