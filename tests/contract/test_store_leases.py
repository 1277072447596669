"""Every store renews leases without leaving a trace in history."""

from __future__ import annotations

from collections.abc import Callable

from store_samples import instance_of, register, registered

from registry.domain.names import Revision
from registry.ports import Store


async def test_a_renewal_makes_no_revision(store: Store) -> None:
    """It counts up one number, and nothing that watchers see."""
    instance = await registered(store, "a", "u1")
    for _ in range(3):
        assert await store.renew([instance.lease_id]) == frozenset()
    assert await store.revision() == 1
    assert len(await store.changes_after(Revision(0), 10)) == 2
    assert (await store.state()).renewals == {instance.lease_id: 3}


async def test_a_group_counts_each_lease_once(store: Store) -> None:
    """Named twice in a group, a lease is renewed once; the unknown ones are named."""
    one = await registered(store, "a", "u1")
    two = await registered(store, "b", "u2")
    gone = await store.renew([two.lease_id, one.lease_id, two.lease_id, 4711, 4712])
    assert gone == {4711, 4712}
    assert (await store.state()).renewals == {one.lease_id: 1, two.lease_id: 1}


async def test_a_group_may_be_large(store: Store) -> None:
    """Thousands of leases go in one transaction."""
    applied = await store.apply([register(f"prod/s{n % 3}/i{n}", f"u{n}") for n in range(3000)])
    ids = [instance_of(outcome).lease_id for outcome in applied.outcomes]
    assert await store.renew(ids) == frozenset()
    assert set((await store.state()).renewals.values()) == {1}


async def test_what_was_renewed_is_there_after_a_restart(make_store: Callable[[], Store]) -> None:
    """Instances, leases, renewals and history outlive the process."""
    first = make_store()
    await first.open()
    instance = await registered(first, "a", "u1")
    await first.renew([instance.lease_id])
    before = await first.state()
    await first.close()
    second = make_store()
    await second.open()
    assert await second.state() == before
    assert before.renewals == {instance.lease_id: 1}
    later = await registered(second, "b", "u2")
    assert later.revision == 2
    await second.close()
