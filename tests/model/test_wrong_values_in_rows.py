"""A value of another type in a row is its own name's trouble: the cell goes on publishing (I11)."""

from __future__ import annotations

import pytest
from inline_sqlite import InlineSqlite
from publication_node import PublicationNode, running
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.adapters.store.sql_store import SqlStore
from registry.domain.names import NamespaceId, ServiceId, ServiceKey
from registry.domain.operation import CreateService
from registry.domain.service import ServicePolicy

LEASE_SECONDS = 300.0
OTHER = ServiceKey(NamespaceId("shop"), ServiceId("other"))
POLICY = ServicePolicy(record_ttl_seconds=42)
CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))


@pytest.mark.parametrize(
    "edit",
    [
        "instances SET body = json_set(body, '$.health_ms', NULL)",
        "instances SET body = json_set(body, '$.weight', NULL)",
        "instances SET body = json_set(body, '$.metadata', 'none')",
        "instances SET body = json_set(body, '$.uid', json('[]'))",
        "instances SET body = json_set(body, '$.addresses', json('[[\"192.0.2.1\"]]'))",
        "services SET body = json_set(body, '$.policy.exit', NULL)",
        "services SET body = json_set(body, '$.policy.ttl', 'short')",
        "services SET body = json_set(body, '$.tombstone_ms', -1)",
    ],
)
async def test_a_node_that_finds_one_publishes_the_others(edit: str) -> None:
    """And of the name of the row what it can read, by the policy that was published (I10)."""
    clock, database = ManualClock(), InlineSqlite()
    store = SqlStore(database, clock)
    await store.open()
    async with running(PublicationNode(store, clock, ScriptedProber(clock), name="a")) as node:
        _, changes, revision = await edited(store, CreateService(CART, POLICY, "u"))
        node.mirror.absorb(changes, revision)
        for name, service in (("one", CART), ("two", CART), ("three", OTHER)):
            parent = f"namespaces/{service.namespace}/services/{service.service}"
            await node.register(name, parent=parent, ttl_seconds=LEASE_SECONDS)
        await clock.advance(1.0)
        assert set(node.standing(CART)) == {"one", "two"}
    only = "AND instance = 'one'" if edit.startswith("instances") else ""
    database.tamper(f"UPDATE {edit} WHERE service = 'cart' {only}")

    async with running(PublicationNode(store, clock, ScriptedProber(clock), name="b")) as node:
        await clock.advance(10.0)
        parent = "namespaces/shop/services/other"
        await node.register("four", parent=parent, ttl_seconds=LEASE_SECONDS)
        await node.register("five", ttl_seconds=LEASE_SECONDS)
        await clock.advance(1.0)
        assert set(node.standing(OTHER)) == {"three", "four"}
        assert {"two", "five"} <= set(node.standing(CART))
        plan = node.planned(CART)
        assert plan is not None
        assert plan.policy == POLICY
