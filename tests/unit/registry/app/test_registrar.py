"""Registering, draining, deregistering: durable, idempotent, one by one."""

from __future__ import annotations

import asyncio

import pytest
from instance_node import GatedStore, Node, draft

from registry.adapters.clock import ManualClock, settle
from registry.app.registrar import Registered
from registry.domain.errors import (
    IncarnationSuperseded,
    InstanceNotFound,
    InvalidField,
    LeaseExpired,
    RequestIdReused,
    StoreUnavailable,
)
from registry.domain.health import Health
from registry.domain.instance import State
from registry.domain.names import Incarnation, Revision

RETRY = "123E4567-e89b-12d3-a456-426614174000"


async def test_a_registration_is_answered_with_the_lease_it_holds(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    registered = await node.registrar.register(draft(ttl_seconds=30.0), "00-abc")
    assert registered.instance == await store.get_instance(registered.instance.key)
    assert registered.instance.lease_id > 0
    assert (registered.ttl_seconds, registered.renewal_interval_seconds) == (30.0, 9.0)
    assert registered.expire_time_ms >= clock.unix_ms() + 30_000
    assert registered.revision == 1
    (put,) = [c for c in await store.changes_after(Revision(0), 10) if hasattr(c, "instance")]
    assert put.traceparent == "00-abc"


async def test_a_retry_gets_the_first_result_and_its_lease_is_not_renewed_by_that(
    node: Node, clock: ManualClock
) -> None:
    first = await node.registrar.register(draft(request_id=RETRY))
    await clock.advance(5.0)
    second = await node.registrar.register(draft(request_id=RETRY.lower()))
    assert second.instance == first.instance
    assert second.revision == first.revision
    assert abs(second.expire_time_ms - first.expire_time_ms) < 1000


async def test_retries_that_overlap_make_one_incarnation(node: Node, store: GatedStore) -> None:
    store.gate.clear()
    calls = [
        asyncio.create_task(node.registrar.register(draft(request_id=RETRY))) for _ in range(3)
    ]
    await settle()
    store.gate.set()
    answers = await asyncio.gather(*calls)
    assert {answer.instance.incarnation for answer in answers} == {"a-1"}


async def test_a_retry_with_other_content_is_refused(node: Node) -> None:
    await node.registrar.register(draft(request_id=RETRY))
    with pytest.raises(RequestIdReused):
        await node.registrar.register(draft(request_id=RETRY, weight=7))


async def test_a_retry_of_one_that_was_taken_out_or_ran_out_is_refused(
    node: Node, clock: ManualClock
) -> None:
    gone = await node.registrar.register(draft("gone", request_id=RETRY))
    await node.registrar.deregister(gone.instance.key, gone.instance.incarnation)
    with pytest.raises(IncarnationSuperseded):
        await node.registrar.register(draft("gone", request_id=RETRY))
    await node.registrar.register(draft("dead", request_id=RETRY))
    await clock.advance(20.0)
    await node.expire()
    with pytest.raises(LeaseExpired):
        await node.registrar.register(draft("dead", request_id=RETRY))


async def test_a_refused_draft_changes_nothing(node: Node, store: GatedStore) -> None:
    with pytest.raises(InvalidField) as caught:
        await node.registrar.register(draft(region="mars", addresses=()))
    assert [v.field for v in caught.value.violations] == [
        "instance.locality.region",
        "instance.addresses",
    ]
    assert store.applied == []


async def test_each_item_of_a_batch_stands_by_itself_in_order(
    node: Node, store: GatedStore
) -> None:
    await node.registrar.register(draft("used", request_id=RETRY))
    answers, revision = await node.registrar.register_batch(
        [
            draft("good"),
            draft("bad", addresses=("nonsense",)),
            draft("twin"),
            draft("used", request_id=RETRY, weight=9),
            draft("twin", weight=2),
            draft("fine"),
        ],
        "00-abc",
    )
    assert [type(answer) for answer in answers] == [
        Registered,
        InvalidField,
        InvalidField,
        RequestIdReused,
        InvalidField,
        Registered,
    ]
    fields = [a.violations[0].field for a in answers if isinstance(a, InvalidField)]
    assert fields == [
        "requests[1].instance.addresses[0]",
        "requests[2].instance_id",
        "requests[4].instance_id",
    ]
    assert {key.instance for key in node.mirror.instances} == {"used", "good", "fine"}
    assert revision == node.mirror.revision == 3
    assert len(store.applied) == 2, "one transaction for the batch"


async def test_instances_of_two_services_may_share_an_id(node: Node) -> None:
    answers, _ = await node.registrar.register_batch(
        [draft("i1"), draft("i1", parent="namespaces/shop/services/till")]
    )
    assert all(isinstance(answer, Registered) for answer in answers)


@pytest.mark.parametrize("size", [0, 101])
async def test_a_batch_has_1_to_100_items(node: Node, size: int) -> None:
    with pytest.raises(InvalidField) as caught:
        await node.registrar.register_batch([draft(f"i{n}") for n in range(size)])
    assert caught.value.violations[0].field == "requests"


async def test_a_batch_of_nothing_but_faults_needs_no_commit(node: Node, store: GatedStore) -> None:
    answers, revision = await node.registrar.register_batch([draft(""), draft("", region="")])
    assert [type(answer) for answer in answers] == [InvalidField, InvalidField]
    assert (revision, store.applied) == (0, [])


async def test_deregistering_twice_is_no_error_and_strangers_are_not_found(node: Node) -> None:
    instance = (await node.registrar.register(draft())).instance
    assert await node.registrar.deregister(instance.key, instance.incarnation) == 2
    assert await node.registrar.deregister(instance.key, instance.incarnation) == 2
    with pytest.raises(InstanceNotFound):
        await node.registrar.deregister(instance.key, Incarnation("stranger"))


async def test_an_old_incarnation_neither_drains_nor_evicts_a_newer(node: Node) -> None:
    """I37."""
    old = (await node.registrar.register(draft())).instance
    new = (await node.registrar.register(draft())).instance
    with pytest.raises(IncarnationSuperseded):
        await node.registrar.deregister(old.key, old.incarnation)
    with pytest.raises(IncarnationSuperseded):
        await node.registrar.drain(old.key, old.incarnation)
    assert node.mirror.instances[new.key] == new


async def test_draining_keeps_the_lease(node: Node) -> None:
    instance = (await node.registrar.register(draft())).instance
    drained, revision = await node.registrar.drain(instance.key, instance.incarnation)
    assert (drained.state, drained.health, revision) == (State.DRAINING, Health.DRAINING, 2)
    assert (await node.registrar.drain(instance.key, instance.incarnation)) == (drained, 2)
    assert (await node.heartbeats.renew([instance.incarnation])).refusals == []


async def test_an_outage_is_told_with_when_to_try_again(node: Node, store: GatedStore) -> None:
    store.outage = True
    with pytest.raises(StoreUnavailable) as caught:
        await node.registrar.register(draft())
    assert caught.value.retry_after_seconds > 0
