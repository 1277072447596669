"""The copy that everyone reads: own commits at once, others' by the poll, in one order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from instance_node import GatedStore, Node, draft, running

from registry.adapters.clock import ManualClock, settle
from registry.domain.change import Change, InstancePut, InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.names import NamespaceId, Revision, ServiceId, ServiceKey
from registry.domain.operation import CreateService, DeleteService

CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))


class Listener:
    def __init__(self, node: Node) -> None:
        self.heard: list[Change] = []
        self.revisions: list[Revision] = []
        self._node = node
        self.stop = node.mirror.subscribe(self.hear)

    def hear(self, changes: Sequence[Change]) -> None:
        self.heard += changes
        self.revisions.append(self._node.mirror.revision)


async def assert_equals_store(node: Node, store: GatedStore) -> None:
    mirror, state = node.mirror, await store.state()
    assert mirror.revision == state.revision
    assert mirror.instances == {i.key: i for i in state.instances}
    assert mirror.services == {s.key: s for s in state.services}
    assert mirror.by_incarnation == {i.incarnation: i for i in state.instances}
    by_service: dict[ServiceKey, set[str]] = {}
    for key in mirror.instances:
        by_service.setdefault(key.service_key, set()).add(key.instance)
    assert {k: {i.instance for i in v} for k, v in mirror.by_service.items()} == by_service


async def test_own_commits_are_folded_at_once_and_told_in_order(
    node: Node, store: GatedStore
) -> None:
    listener = Listener(node)
    await node.registrar.register(draft("i1"))
    second = await node.registrar.register(draft("i2"))
    await node.registrar.register(draft("i1"))
    await node.registrar.deregister(second.instance.key, second.instance.incarnation)
    kinds = [type(change) for change in listener.heard]
    assert kinds == [ServicePut, InstancePut, InstancePut, InstancePut, InstanceRemoved]
    assert [change.revision for change in listener.heard] == [1, 1, 2, 3, 4]
    assert listener.revisions == [1, 2, 3, 4], "told after the fold"
    await assert_equals_store(node, store)


async def test_other_nodes_changes_come_by_the_poll(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    async with running(Node(store, clock, "b")) as other:
        await other.registrar.register(draft("i1"))
        await settle()
        assert node.mirror.revision == 0
        await clock.advance(1.0)
        await assert_equals_store(node, store)


async def test_an_own_commit_past_another_nodes_fetches_that_first(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    async with running(Node(store, clock, "b")) as other:
        listener = Listener(node)
        await other.registrar.register(draft("i1"))
        await node.registrar.register(draft("i2"))
        await settle()
        assert [change.revision for change in listener.heard] == [1, 1, 2]
        await assert_equals_store(node, store)


async def test_what_was_folded_already_is_not_told_again(node: Node, store: GatedStore) -> None:
    listener = Listener(node)
    await node.registrar.register(draft("i1"))
    changes = await store.changes_after(Revision(0), 10)
    node.mirror.absorb(changes, Revision(1))
    await node.mirror.catch_up()
    assert [change.revision for change in listener.heard] == [1, 1]


async def test_long_histories_are_fetched_piece_by_piece(
    store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.app.mirror.FETCH_LIMIT", 2)
    async with running(Node(store, clock, "b")) as other:
        follower = Node(store, clock)
        for number in range(7):
            await other.registrar.register(draft(f"i{number}"))
        await follower.mirror.catch_up()
        await assert_equals_store(follower, store)


async def test_a_compacted_history_is_read_whole_and_told_as_what_differs(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    kept = await node.registrar.register(draft("kept"))
    gone = await node.registrar.register(draft("gone"))
    listener = Listener(node)
    async with running(Node(store, clock, "b")) as other:
        await other.registrar.deregister(gone.instance.key, gone.instance.incarnation)
        await other.registrar.register(draft("new"))
        await store.compact(0)
        await node.mirror.catch_up()
    await assert_equals_store(node, store)
    told = {
        (type(change), change.instance.key.instance)
        if isinstance(change, InstancePut)
        else (type(change), change.key.instance)
        for change in listener.heard
        if isinstance(change, InstancePut | InstanceRemoved)
    }
    assert told == {(InstancePut, "new"), (InstanceRemoved, "gone")}
    assert kept.instance.key in node.mirror.instances


async def test_a_history_that_went_back_is_read_anew(
    node: Node, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As after restoring an older backup of the database."""
    await node.registrar.register(draft("i1"))
    older = GatedStore(clock)
    node.mirror._store = older
    await node.mirror.catch_up()
    await assert_equals_store(node, older)
    assert "went back" in caplog.text


async def test_a_tombstone_stays_in_the_copy(node: Node, store: GatedStore) -> None:
    listener = Listener(node)
    for edit in (CreateService(CART, None, "s1"), DeleteService(CART, "", force=True)):
        _, changes, revision = await store.edit_service(edit)
        node.mirror.absorb(changes, revision)
    assert isinstance(listener.heard[-1], ServiceRemoved)
    assert node.mirror.services[CART].tombstone_time_ms is not None
    await assert_equals_store(node, store)


async def test_one_listeners_fault_is_not_the_others(node: Node) -> None:
    """I11."""

    def faulty(changes: Sequence[Change]) -> None:
        raise RuntimeError("a bug")

    node.mirror.subscribe(faulty)
    listener = Listener(node)
    await node.registrar.register(draft("i1"))
    assert len(listener.heard) == 2
    listener.stop()
    listener.stop()
    await node.registrar.register(draft("i2"))
    assert len(listener.heard) == 2


async def test_the_poll_outlives_an_outage_of_the_store(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    store.outage = True
    await clock.advance(5.0)
    assert not node.uptime.reachable
    store.outage = False
    await clock.advance(3.0)
    assert node.uptime.reachable
    async with running(Node(store, clock, "b")) as other:
        await other.registrar.register(draft("i1"))
        await clock.advance(1.0)
    await assert_equals_store(node, store)


async def test_deleted_services_that_the_store_has_forgotten_are_forgotten(
    node: Node, store: GatedStore
) -> None:
    """But not those that live, nor those that it remembers."""
    cart, blog, kept = (ServiceKey(CART.namespace, ServiceId(n)) for n in ("cart", "blog", "kept"))
    for edit in (
        CreateService(cart, None, "s1"),
        CreateService(blog, None, "s2"),
        CreateService(kept, None, "s3"),
        DeleteService(cart, "", force=True),
        DeleteService(kept, "", force=True),
    ):
        _, changes, revision = await store.edit_service(edit)
        node.mirror.absorb(changes, revision)
    node.mirror.forget(frozenset({kept}), node.mirror.revision)
    assert set(node.mirror.services) == {blog, kept}


async def test_a_service_deleted_after_the_store_looked_is_not_forgotten(
    node: Node, store: GatedStore
) -> None:
    before = node.mirror.revision
    for edit in (CreateService(CART, None, "s1"), DeleteService(CART, "", force=True)):
        _, changes, revision = await store.edit_service(edit)
        node.mirror.absorb(changes, revision)
    node.mirror.forget(frozenset(), before)
    assert set(node.mirror.services) == {CART}
    node.mirror.forget(frozenset(), node.mirror.revision)
    assert node.mirror.services == {}
