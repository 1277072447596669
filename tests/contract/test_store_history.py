"""Every store tells its history in order, whole, and says so when it has forgotten."""

from __future__ import annotations

import pytest
from store_samples import POLICY, instance_key, register, registered, service_key
from two_keys import edited

from registry.domain.change import (
    Change,
    InstancePut,
    InstanceRemoved,
    ServicePut,
    ServiceRemoved,
)
from registry.domain.errors import RevisionCompacted, RevisionInFuture
from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance
from registry.domain.names import Incarnation, InstanceKey, Revision, ServiceKey
from registry.domain.operation import (
    CreateService,
    DeleteService,
    Deregister,
    Drain,
    Expire,
    Judge,
    Operation,
    Reap,
)
from registry.domain.service import Service
from registry.ports import Store


async def live_a_little(store: Store) -> list[Change]:
    """Make every kind of change; returns them as they were answered."""
    changes: list[Change] = []
    steps: list[list[Operation]] = [
        [register(name, f"u-{name}") for name in ("a", "b", "c", "d", "prod/api/x")],
        [
            Judge(instance_key("a"), Incarnation("u-a"), Health.HEALTHY, Evidence.VALIDATED),
            Drain(instance_key("b"), Incarnation("u-b"), "trace"),
            Deregister(instance_key("c"), Incarnation("u-c"), "trace"),
            Expire(instance_key("d"), Incarnation("u-d"), 0),
        ],
        [Reap(instance_key("d"), Incarnation("u-d")), register("a", "u-a2")],
    ]
    for operations in steps:
        changes += (await store.apply(operations)).changes
    made = CreateService(service_key("prod/new"), POLICY, "s1")
    changes += (await store.edit_service(made))[1]
    changes += (await edited(store, DeleteService(service_key("prod/api"), "", force=True)))[1]
    return changes


async def test_history_is_what_was_answered(store: Store) -> None:
    """Every change comes back as the writer saw it, in order of revisions without a gap."""
    answered = await live_a_little(store)
    told = list(await store.changes_after(Revision(0), 1000))
    assert told == answered
    revisions = sorted({change.revision for change in told})
    assert revisions == list(range(1, await store.revision() + 1))
    assert [change.revision for change in told] == sorted(change.revision for change in told)


async def test_history_folds_into_the_state(store: Store) -> None:
    """Who follows the changes from the beginning knows what the state says."""
    await live_a_little(store)
    services: dict[ServiceKey, Service] = {}
    instances: dict[InstanceKey, Instance] = {}
    for change in await store.changes_after(Revision(0), 1000):
        match change:
            case InstancePut():
                instances[change.instance.key] = change.instance
            case InstanceRemoved():
                del instances[change.key]
            case ServicePut() | ServiceRemoved():
                services[change.service.key] = change.service
    state = await store.state()
    assert list(state.instances) == [instances[key] for key in sorted(instances)]
    assert list(state.services) == [services[key] for key in sorted(services)]
    assert state.revision == await store.revision()
    held = {i.lease_id for i in state.instances}
    assert set(state.renewals) == held


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_page_of_history_never_splits_a_revision(store: Store, limit: int) -> None:
    """All changes of a revision come together even if that passes the limit."""
    answered = await live_a_little(store)
    told: list[Change] = []
    at = Revision(0)
    while page := await store.changes_after(at, limit):
        last = page[-1].revision
        assert len([c for c in page if c.revision != last]) < limit
        assert [c for c in answered if at < c.revision <= last] == list(page)
        told += page
        at = last
    assert told == answered


async def test_history_ends_at_the_last_revision(store: Store) -> None:
    """After the last there is nothing; a revision not reached is an error."""
    await registered(store, "a", "u1")
    assert list(await store.changes_after(Revision(1), 10)) == []
    with pytest.raises(RevisionInFuture):
        await store.changes_after(Revision(2), 10)


async def test_compaction_keeps_the_last_revisions(store: Store) -> None:
    """What is older is an explicit error, never a silent gap."""
    for number in range(10):
        await registered(store, "a", f"u{number}")
    assert await store.compact(keep=4) == 7
    with pytest.raises(RevisionCompacted):
        await store.changes_after(Revision(5), 10)
    kept = await store.changes_after(Revision(6), 10)
    assert [change.revision for change in kept] == [7, 8, 9, 10]
    assert await store.compact(keep=100) == 7
    assert await store.compact(keep=0) == 11
    assert list(await store.changes_after(Revision(10), 10)) == []
    assert len((await store.state()).instances) == 1


async def test_a_long_history_is_compacted_in_steps(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps add up to the same."""
    monkeypatch.setattr("registry.adapters.store.history.COMPACTION_STEP", 3)
    for number in range(10):
        await registered(store, "a", f"u{number}")
    assert await store.compact(keep=1) == 10
    assert [c.revision for c in await store.changes_after(Revision(9), 10)] == [10]
