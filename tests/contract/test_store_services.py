"""Every store edits and lists services in the same way."""

from __future__ import annotations

import pytest
from store_samples import POLICY, WEB, instance_key, register, registered, service_key
from two_keys import edited

from registry.domain.change import InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.errors import (
    AlreadyExists,
    EtagMismatch,
    ServiceNotEmpty,
    ServiceNotFound,
)
from registry.domain.names import NamespaceId, Revision
from registry.domain.operation import CreateService, DeleteService, Deregister, UpdateService
from registry.ports import Store


async def test_a_created_service_is_kept_whole(store: Store) -> None:
    """Its policy is read back, and its namespace was made with it."""
    service, changes, revision = await store.edit_service(CreateService(WEB, POLICY, "s1"))
    assert (service.uid, service.policy, service.revision) == ("s1", POLICY, 1)
    assert (list(changes), revision) == ([ServicePut(revision, service)], 1)
    assert await store.get_service(WEB) == service
    assert (await store.state()).services == [service]
    assert await store.get_namespace(WEB.namespace) is not None
    with pytest.raises(AlreadyExists):
        await store.edit_service(CreateService(WEB, None, "s2"))
    assert await store.revision() == 1


async def test_an_update_needs_the_current_etag(store: Store) -> None:
    """An old etag is refused, an empty one fits, and each edit gives another."""
    first, _, _ = await store.edit_service(CreateService(WEB, None, "s1"))
    second, _, _ = await edited(store, UpdateService(WEB, POLICY, first.etag))
    assert second.etag != first.etag
    with pytest.raises(EtagMismatch):
        await store.edit_service(UpdateService(WEB, None, first.etag))
    third, _, revision = await edited(store, UpdateService(WEB, None, ""))
    assert (third.policy, third.uid, revision) == (None, "s1", 3)
    same, changes, revision = await store.edit_service(UpdateService(WEB, None, ""))
    assert (same, tuple(changes), revision) == (third, (), 3)


async def test_a_refused_edit_leaves_no_trace(store: Store) -> None:
    """Not even the namespace is made."""
    with pytest.raises(ServiceNotFound):
        await store.edit_service(UpdateService(WEB, POLICY, ""))
    assert await store.get_namespace(WEB.namespace) is None
    assert await store.revision() == 0


async def test_a_deleted_service_leaves_a_tombstone_and_takes_its_instances(store: Store) -> None:
    """One revision removes all of it; the tombstone stays in the state, not in the lists."""
    first = await registered(store, "a", "u1", "r1")
    await registered(store, "b", "u2")
    other = await registered(store, "prod/web-2/a", "u3")
    with pytest.raises(ServiceNotEmpty):
        await store.edit_service(DeleteService(WEB, "", force=False))
    service, changes, revision = await edited(store, DeleteService(WEB, "", force=True))
    assert service.tombstone_time_ms is not None
    removed = [change for change in changes if isinstance(change, InstanceRemoved)]
    assert [change.key for change in removed] == [instance_key("a"), instance_key("b")]
    assert changes[-1] == ServiceRemoved(revision, service)
    assert {change.revision for change in changes} == {revision}
    assert await store.get_service(WEB) is None
    assert [s.key.service for s in await store.list_services(None, ("", ""), 10)] == ["web-2"]
    state = await store.state()
    assert list(state.instances) == [other]
    assert state.renewals == {other.lease_id: 0}
    assert service in state.services
    assert list(await store.changes_after(Revision(revision - 1), 1)) == list(changes)
    late = await store.apply([Deregister(first.key, first.incarnation), register("a", "u9", "r1")])
    assert late.changes == ()


async def test_a_deleted_service_can_be_created_again(store: Store) -> None:
    """Under a new uid."""
    await store.edit_service(CreateService(WEB, None, "s1"))
    await store.edit_service(DeleteService(WEB, "", force=False))
    service, _, _ = await store.edit_service(CreateService(WEB, POLICY, "s2"))
    assert await store.get_service(WEB) == service
    assert service.tombstone_time_ms is None


async def test_pages_come_in_order_of_the_parts_of_a_name(store: Store) -> None:
    """`a` before `a-b`, as tuples sort, on every database and in every locale."""
    names = ["a/b/x", "a/b-c/a", "a/b-c/b", "a-b/a/a", "a1/z/z"]
    await store.apply([register(name, name) for name in reversed(names)])
    assert [n.id for n in await store.list_namespaces("", 10)] == ["a", "a-b", "a1"]
    assert [n.id for n in await store.list_namespaces("a", 1)] == ["a-b"]

    services = await store.list_services(None, ("", ""), 10)
    assert [s.key.entry for s in services] == ["a/b", "a/b-c", "a-b/a", "a1/z"]
    rest = await store.list_services(None, services[1].key, 1)
    assert [s.key.entry for s in rest] == ["a-b/a"]
    space = NamespaceId("a")
    assert [s.key.service for s in await store.list_services(space, ("a", "b"), 10)] == ["b-c"]

    instances = await store.list_instances(None, None, ("", "", ""), 10)
    assert [i.key for i in instances] == [instance_key(name) for name in names]
    tail = await store.list_instances(None, None, instances[2].key, 1)
    assert [i.key for i in tail] == [instance_key("a-b/a/a")]
    assert len(await store.list_instances(space, None, ("", "", ""), 10)) == 3
    page = await store.list_instances(space, "b-c", instances[1].key, 10)
    assert [i.key for i in page] == [instance_key("a/b-c/b")]
    assert await store.list_instances(NamespaceId("none"), None, ("", "", ""), 10) == []


async def test_what_does_not_exist_is_none(store: Store) -> None:
    """Asking is no error."""
    assert await store.get_namespace(NamespaceId("none")) is None
    assert await store.get_service(service_key("none/none")) is None
    assert await store.get_instance(instance_key("none/none/none")) is None
    assert await store.find([]) == {}
