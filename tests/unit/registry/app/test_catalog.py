"""What operators see, page by page, and the edits that owners make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from instance_node import EU, US, GatedStore, Node, draft

from registry.adapters.clock import ManualClock
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.app.catalog import Catalog
from registry.domain.change import Change
from registry.domain.errors import (
    AlreadyExists,
    CellNotFound,
    EtagMismatch,
    FrontendNotFound,
    InstanceNotFound,
    LeaseNotFound,
    NamespaceNotFound,
    PlanNotFound,
    PreviewRequired,
    ServiceNotEmpty,
    ServiceNotFound,
)
from registry.domain.names import (
    CellName,
    Epoch,
    FrontendId,
    Generation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import Fence, ServiceEdit
from registry.domain.plan import PlanDelta, PlanRecord, ServicePlan
from registry.domain.role import Role
from registry.domain.service import HealthPolicy, Service, ServicePolicy
from registry.ports import Acknowledgement, Publication

SHOP, CART = NamespaceId("shop"), ServiceId("cart")
KEY = ServiceKey(SHOP, CART)
CODEC = ProtoPlanCodec()
PATIENT = HealthPolicy(rise=3)


@pytest.fixture
def catalog(node: Node) -> Catalog:
    uids = iter(f"s-{n}" for n in range(100))
    return Catalog(
        node.store,
        node.mirror,
        node.keeper,
        node.clock,
        node.uptime,
        CODEC,
        lambda: next(uids),
        node.canaries,
    )


async def register(node: Node, *names: str) -> None:
    for name in names:
        namespace, service, instance = name.split("/")
        parent = f"namespaces/{namespace}/services/{service}"
        await node.registrar.register(draft(instance, parent=parent))


async def test_lists_go_page_by_page_in_order_to_the_end(node: Node, catalog: Catalog) -> None:
    await register(node, "a/x/i2", "a/x/i1", "a/y/i1", "b/x/i1", "c/x/i1")
    after, seen = ("", "", ""), []
    while True:
        page = await catalog.list_instances(None, None, after, 2)
        assert len(page.items) <= 2
        seen += ["/".join(item.key) for item in page.items]
        if page.next_after is None:
            break
        after = page.next_after
    assert seen == ["a/x/i1", "a/x/i2", "a/y/i1", "b/x/i1", "c/x/i1"]
    namespaces = await catalog.list_namespaces("a", 10)
    assert ([n.id for n in namespaces.items], namespaces.next_after) == (["b", "c"], None)
    services = await catalog.list_services(NamespaceId("a"), ("", ""), 1)
    assert ([s.key.service for s in services.items], services.next_after) == (["x"], ("a", "x"))


async def test_a_page_that_ends_the_list_exactly_has_no_next(node: Node, catalog: Catalog) -> None:
    await register(node, "a/x/i1", "a/x/i2")
    page = await catalog.list_instances(None, None, ("", "", ""), 2)
    assert (len(page.items), page.next_after) == (2, None)


async def test_what_is_named_and_not_there_is_not_found(node: Node, catalog: Catalog) -> None:
    await register(node, "shop/cart/i1")
    nowhere = NamespaceId("nowhere")
    with pytest.raises(NamespaceNotFound):
        await catalog.get_namespace(nowhere)
    with pytest.raises(NamespaceNotFound):
        await catalog.list_services(nowhere, ("", ""), 10)
    with pytest.raises(NamespaceNotFound):
        await catalog.list_instances(nowhere, None, ("", "", ""), 10)
    with pytest.raises(ServiceNotFound):
        await catalog.list_instances(SHOP, ServiceId("none"), ("", "", ""), 10)
    with pytest.raises(ServiceNotFound):
        await catalog.get_service(ServiceKey(nowhere, CART))
    with pytest.raises(InstanceNotFound):
        await catalog.get_instance(InstanceKey(SHOP, CART, InstanceId("none")))
    with pytest.raises(InstanceNotFound):
        await catalog.get_lease(InstanceKey(SHOP, CART, InstanceId("none")))
    with pytest.raises(CellNotFound):
        await catalog.get_cell(CellName("nowhere"))
    with pytest.raises(CellNotFound):
        await catalog.list_plans(CellName("nowhere"), None, 10)
    with pytest.raises(PlanNotFound):
        await catalog.get_plan(EU, Generation(1))
    with pytest.raises(FrontendNotFound):
        await catalog.get_frontend(FrontendId("nobody"))


async def test_leases_tell_when_they_end_and_expired_ones_are_gone(
    node: Node, catalog: Catalog, clock: ManualClock
) -> None:
    await register(node, "shop/cart/dead")
    await clock.advance(20.0)
    await node.expire()
    await register(node, "shop/cart/live")
    page = await catalog.list_leases(SHOP, CART, ("", "", ""), 10)
    (lease,) = page.items
    assert lease.key.instance == "live"
    assert lease == await catalog.get_lease(lease.key)
    assert (lease.ttl_seconds, lease.renewal_interval_seconds) == (15.0, 5.0)
    assert lease.expire_time_ms >= clock.unix_ms() + 15_000
    with pytest.raises(LeaseNotFound):
        await catalog.get_lease(InstanceKey(SHOP, CART, InstanceId("dead")))


async def test_owners_create_update_and_delete_a_service(
    node: Node, catalog: Catalog, store: GatedStore
) -> None:
    made = await catalog.create_service(KEY, None)
    assert node.mirror.services[KEY] == made, "the mirror has it at once"
    with pytest.raises(AlreadyExists):
        await catalog.create_service(KEY, None)
    policy = ServicePolicy(record_ttl_seconds=30)
    updated = await catalog.update_service(KEY, made.etag, lambda before: policy)
    assert updated.policy == policy
    with pytest.raises(EtagMismatch):
        await catalog.update_service(KEY, made.etag, lambda before: None)
    await register(node, "shop/cart/i1")
    with pytest.raises(ServiceNotEmpty):
        await catalog.delete_service(KEY, "", force=False)
    with pytest.raises(PreviewRequired) as shown:
        await catalog.delete_service(KEY, updated.etag, force=True)
    gone = await catalog.delete_service(KEY, updated.etag, True, shown.value.digest)
    assert gone.tombstone_time_ms is not None
    assert node.mirror.instances == {}
    with pytest.raises(ServiceNotFound):
        await catalog.get_service(KEY)


async def test_an_update_without_an_etag_loses_no_concurrent_edit(
    catalog: Catalog, store: GatedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalog.create_service(KEY, ServicePolicy(record_ttl_seconds=20))
    tries: list[int] = []

    def patient_while_another_edits(before: ServicePolicy | None) -> ServicePolicy:
        assert before is not None
        tries.append(before.record_ttl_seconds)
        return replace(before, health=PATIENT)

    real = store.edit_service
    other = ServicePolicy(record_ttl_seconds=40)

    async def edit_after_another(
        edit: ServiceEdit,
    ) -> tuple[Service, Sequence[Change], Revision]:
        monkeypatch.setattr(store, "edit_service", real)
        await catalog.update_service(KEY, "", lambda before: other)
        return await real(edit)

    monkeypatch.setattr(store, "edit_service", edit_after_another)
    updated = await catalog.update_service(KEY, "", patient_while_another_edits)
    assert tries == [20, 40]
    assert updated.policy == ServicePolicy(40, health=PATIENT)


def heard(frontend: str, cell: CellName, generation: int, at_ms: int) -> Acknowledgement:
    return Acknowledgement(
        FrontendId(frontend),
        RegionName("eu"),
        cell,
        Epoch(1),
        Generation(generation),
        "",
        at_ms,
    )


async def publish(store: GatedStore, generation: int) -> bytes:
    plan = ServicePlan(KEY, None, (), False, None, Revision(generation))
    body = CODEC.encode(plan)
    record = PlanRecord(
        cell=EU,
        epoch=Epoch(1),
        generation=Generation(generation),
        parent_generation=Generation(generation - 1),
        digest=b"d" * 32,
        service_count=1,
        endpoint_count=0,
        revision=Revision(generation),
        create_time_ms=1,
    )
    base = {KEY.entry: body} if generation == 1 else None
    delta = PlanDelta({KEY.entry: body})
    assert await store.publish(Publication(Fence(EU, Epoch(1)), record, delta, base))
    return body


async def test_cells_show_how_far_their_live_frontends_are(
    catalog: Catalog, store: GatedStore, clock: ManualClock
) -> None:
    for cell in (US, EU):
        await store.lead(cell, RegionName("eu"), "n", 6.0)
    now_ms = clock.unix_ms()
    await store.acknowledge(
        [
            heard("f1", EU, 7, now_ms),
            heard("f2", EU, 5, now_ms - 10_000),
            heard("long-gone", EU, 1, now_ms - 3_600_000),
        ]
    )
    page = await catalog.list_cells("", 1)
    assert ([v.head.cell for v in page.items], page.next_after) == ([EU], "eu")
    assert page.items[0].acknowledged_generation == 5
    assert (await catalog.get_cell(US)).acknowledged_generation == 0, "none follows it"
    assert (await catalog.list_cells("eu", 5)).items[0].head.cell == US
    frontends = await catalog.list_frontends("f1", 1)
    assert ([f.id for f in frontends.items], frontends.next_after) == (["f2"], "f2")
    assert (await catalog.get_frontend(FrontendId("f1"))).cells[0].generation == 7


async def test_plans_are_listed_newest_first_and_shown_with_their_services(
    catalog: Catalog, store: GatedStore
) -> None:
    await store.lead(EU, RegionName("eu"), "n", 6.0)
    for generation in (1, 2, 3):
        await publish(store, generation)
    first = await catalog.list_plans(EU, None, 2)
    assert ([r.generation for r in first.items], first.next_after) == ([3, 2], 2)
    rest = await catalog.list_plans(EU, first.next_after, 2)
    assert ([r.generation for r in rest.items], rest.next_after) == ([1], None)
    record, services = await catalog.get_plan(EU, Generation(2))
    assert record.generation == 2
    assert [(s.key, s.revision) for s in services] == [(KEY, 2)]


def with_ttl(seconds: int) -> Callable[[ServicePolicy | None], ServicePolicy]:
    """An edit of one field of whatever policy there is."""
    return lambda policy: replace(policy or ServicePolicy(), record_ttl_seconds=seconds)


async def test_a_change_acts_at_once_where_there_is_no_canary(catalog: Catalog) -> None:
    await catalog.create_service(KEY, None)
    service = await catalog.update_service(KEY, "", with_ttl(20))
    assert (service.policy, service.staged) == (ServicePolicy(record_ttl_seconds=20), None)


async def test_a_change_is_staged_where_there_is_a_canary(node: Node, catalog: Catalog) -> None:
    """A second one builds on the first; only what breaks the glass acts at once (I19)."""
    await node.store.note_role(FrontendId("canary"), RegionName("eu"), Role.CANARY)
    await catalog.create_service(KEY, None)
    first = await catalog.update_service(KEY, "", with_ttl(20))
    assert (first.policy, first.wished) == (None, ServicePolicy(record_ttl_seconds=20))
    second = await catalog.update_service(
        KEY, "", lambda policy: replace(policy or ServicePolicy(), health=PATIENT)
    )
    wished = ServicePolicy(record_ttl_seconds=20, health=PATIENT)
    assert (second.policy, second.wished) == (None, wished)
    assert second.staged is not None
    assert first.staged is not None
    assert second.staged.uid != first.staged.uid
    now = await catalog.update_service(KEY, "", lambda policy: policy, at_once=True)
    assert (now.policy, now.staged) == (wished, None)
