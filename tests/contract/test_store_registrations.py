"""Every store carries out operations on instances in the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import (
    EAST,
    EAST_REGION,
    WEB,
    instance_key,
    instance_of,
    register,
    registered,
)
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.domain.change import InstancePut, InstanceRemoved, ServicePut
from registry.domain.errors import (
    IncarnationSuperseded,
    InstanceNotFound,
    LeadershipLost,
    RequestIdReused,
)
from registry.domain.grave import GRAVE_SECONDS
from registry.domain.health import Evidence, Health
from registry.domain.instance import State
from registry.domain.names import Epoch, Incarnation, Revision
from registry.domain.operation import (
    DeleteService,
    Deregister,
    Done,
    Drain,
    Expire,
    Fence,
    Judge,
    Reap,
    Refused,
    Renewed,
)
from registry.ports import Store


async def test_a_registration_is_kept_whole(store: Store, clock: ManualClock) -> None:
    """Every field that was registered is read back, by name, by uid and in the state."""
    operation = register("a", "u1", "r1")
    applied = await store.apply([operation])
    instance = instance_of(applied.outcomes[0])
    assert instance.registration == operation.registration
    assert (instance.incarnation, instance.request_id) == ("u1", "r1")
    assert (instance.state, instance.health) == (State.ACTIVE, Health.UNKNOWN)
    assert instance.create_time_ms == clock.unix_ms()
    assert instance.revision == applied.revision == 1
    assert instance.lease_id > 0
    assert await store.get_instance(instance.key) == instance
    assert await store.find([Incarnation("u1"), Incarnation("u2")]) == {"u1": instance}
    state = await store.state()
    assert state.instances == [instance]
    assert state.renewals == {instance.lease_id: 0}


async def test_the_first_registration_makes_its_service_and_namespace(store: Store) -> None:
    """Both are made at the revision of the registration, the service before the instance."""
    applied = await store.apply([register("a", "u1"), register("b", "u2")])
    first, second, third = applied.changes
    assert isinstance(first, ServicePut)
    assert (first.service.key, first.service.policy, first.revision) == (WEB, None, 1)
    assert isinstance(second, InstancePut)
    assert isinstance(third, InstancePut)
    assert [second.revision, third.revision] == [1, 2]
    assert second.traceparent == register("a", "u1").traceparent
    assert await store.get_service(WEB) == first.service
    namespace = await store.get_namespace(WEB.namespace)
    assert namespace is not None
    assert namespace.revision == 1
    assert namespace.uid not in ("", first.service.uid)


async def test_a_repeated_request_changes_nothing(store: Store) -> None:
    """The same request id with the same content is answered with the first one's instance."""
    first = await registered(store, "a", "u1", "r1")
    applied = await store.apply([register("a", "u2", "r1")])
    assert applied.outcomes == (Done(first, replayed=True),)
    assert (applied.changes, applied.revision) == ((), 1)
    assert (await store.state()).renewals == {first.lease_id: 0}


async def test_one_refusal_leaves_the_others_of_a_batch_untouched(store: Store) -> None:
    """Operations stand by themselves, in order, each at a revision of its own."""
    await registered(store, "a", "u1", "r1")
    applied = await store.apply(
        [
            register("b", "u2"),
            register("a", "u3", "r1", address="192.0.2.99"),
            Drain(instance_key("nobody"), Incarnation("u9")),
            register("c", "u4"),
        ]
    )
    kinds = [
        type(outcome.error) if isinstance(outcome, Refused) else type(outcome)
        for outcome in applied.outcomes
    ]
    assert kinds == [Done, RequestIdReused, InstanceNotFound, Done]
    assert [change.revision for change in applied.changes] == [2, 3]
    assert applied.revision == await store.revision() == 3


async def test_operations_of_a_batch_see_those_before_them(store: Store) -> None:
    """Register, deregister and register again in one transaction end as in three."""
    applied = await store.apply(
        [
            register("a", "u1", "r1"),
            Deregister(instance_key("a"), Incarnation("u1")),
            register("a", "u2", "r1"),
            register("a", "u3", "r3"),
        ]
    )
    assert isinstance(applied.outcomes[2], Refused)
    state = await store.state()
    assert [instance.incarnation for instance in state.instances] == ["u3"]
    assert state.renewals == {state.instances[0].lease_id: 0}


async def test_a_new_incarnation_ends_the_old_one_and_its_lease(store: Store) -> None:
    """The old lease can be renewed no more, and its owner has no say."""
    old = await registered(store, "a", "u1", "r1")
    new = await registered(store, "a", "u2", "r2")
    assert new.lease_id != old.lease_id
    assert await store.renew([old.lease_id, new.lease_id]) == {old.lease_id}
    assert await store.find([Incarnation("u1")]) == {}
    applied = await store.apply([Deregister(old.key, old.incarnation), register("a", "u3", "r1")])
    assert [type(outcome) for outcome in applied.outcomes] == [Refused, Refused]
    for outcome in applied.outcomes:
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, IncarnationSuperseded)
    assert await store.get_instance(old.key) == new


async def test_a_deregistered_instance_is_gone_and_may_be_deregistered_again(
    store: Store,
) -> None:
    """The repeat is told that it is done; a delayed retry of the registration is refused."""
    instance = await registered(store, "a", "u1", "r1")
    farewell = Deregister(instance.key, instance.incarnation, "trace")
    applied = await store.apply([farewell])
    assert applied.outcomes == (Done(None),)
    (change,) = applied.changes
    assert change == InstanceRemoved(applied.revision, instance.key, EAST, "trace")
    assert await store.get_instance(instance.key) is None
    assert await store.renew([instance.lease_id]) == {instance.lease_id}
    again = await store.apply([farewell, register("a", "u2", "r1")])
    assert again.outcomes[0] == Done(None, replayed=True)
    assert isinstance(again.outcomes[1], Refused)
    assert again.revision == applied.revision


async def test_graves_are_forgotten_after_their_time(store: Store, clock: ManualClock) -> None:
    """Compaction forgets an incarnation that no retry can be about any more, not before."""
    instance = await registered(store, "a", "u1", "r1")
    farewell = Deregister(instance.key, instance.incarnation)
    await store.apply([farewell])
    clock.wall_ms += GRAVE_SECONDS * 1000
    await store.compact(keep=100)
    assert (await store.apply([farewell])).outcomes == (Done(None, replayed=True),)
    clock.wall_ms += 1
    await store.compact(keep=100)
    (outcome,) = (await store.apply([farewell])).outcomes
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, InstanceNotFound)


async def test_draining_keeps_the_lease(store: Store) -> None:
    """A draining instance is still there and still renews; draining again changes nothing."""
    instance = await registered(store, "a", "u1")
    applied = await store.apply([Drain(instance.key, instance.incarnation)])
    drained = instance_of(applied.outcomes[0])
    assert (drained.state, drained.health) == (State.DRAINING, Health.DRAINING)
    assert drained.lease_id == instance.lease_id
    assert await store.renew([instance.lease_id]) == frozenset()
    again = await store.apply([Drain(instance.key, instance.incarnation)])
    assert again.outcomes == (Done(drained, replayed=True),)


async def test_a_lease_ends_only_if_nobody_renewed_it(store: Store) -> None:
    """Expire with an old count is told the new one; with the right one it ends the lease."""
    instance = await registered(store, "a", "u1")
    await store.renew([instance.lease_id])
    late = await store.apply([Expire(instance.key, instance.incarnation, 0)])
    assert (late.outcomes, late.changes) == ((Renewed(1),), ())
    right = await store.apply([Expire(instance.key, instance.incarnation, 1)])
    expired = instance_of(right.outcomes[0])
    assert (expired.state, expired.health) == (State.EXPIRED, Health.UNHEALTHY)
    assert expired.evidence is Evidence.LEASE_EXPIRED
    assert await store.renew([instance.lease_id]) == {instance.lease_id}
    assert await store.get_instance(instance.key) == expired


async def test_only_an_expired_instance_is_reaped(store: Store) -> None:
    """Reaping removes the row and leaves a grave."""
    instance = await registered(store, "a", "u1")
    await store.apply([Reap(instance.key, instance.incarnation)])
    assert await store.get_instance(instance.key) == instance
    await store.apply([Expire(instance.key, instance.incarnation, 0)])
    applied = await store.apply([Reap(instance.key, instance.incarnation)])
    assert applied.outcomes == (Done(None),)
    assert (await store.state()).instances == []


async def test_health_is_written_when_it_changes(store: Store) -> None:
    """A verdict that changes nothing allocates no revision."""
    instance = await registered(store, "a", "u1")
    verdict = Judge(instance.key, instance.incarnation, Health.HEALTHY, Evidence.VALIDATED)
    applied = await store.apply([verdict, verdict])
    assert applied.revision == 2
    (change,) = applied.changes
    assert isinstance(change, InstancePut)
    assert change.instance == replace(
        instance, health=Health.HEALTHY, evidence=Evidence.VALIDATED, revision=Revision(2)
    )
    assert await store.get_instance(instance.key) == change.instance


async def test_registering_into_a_deleted_service_lifts_the_tombstone(store: Store) -> None:
    """The service lives again, as a new one without a policy."""
    await registered(store, "a", "u1")
    buried, _, _ = await edited(store, DeleteService(WEB, "", force=True))
    applied = await store.apply([register("a", "u2")])
    service, instance = applied.changes
    assert isinstance(service, ServicePut)
    assert isinstance(instance, InstancePut)
    assert service.service.tombstone_time_ms is None
    assert service.service.uid != buried.uid
    assert await store.get_service(WEB) == service.service


async def test_a_fence_lets_only_the_leader_write(store: Store) -> None:
    """Under another epoch, or of a cell that nobody led, nothing at all is written."""
    with pytest.raises(LeadershipLost):
        await store.apply([register("a", "u1")], Fence(EAST, Epoch(1)))
    leadership = await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert leadership is not None
    with pytest.raises(LeadershipLost):
        await store.apply([register("a", "u1")], Fence(EAST, Epoch(leadership.epoch + 1)))
    assert await store.revision() == 0
    applied = await store.apply([register("a", "u1")], Fence(EAST, leadership.epoch))
    assert applied.revision == 1


async def test_lease_numbers_are_never_used_twice(store: Store) -> None:
    """A heartbeat for a lease long gone cannot keep another's instance alive."""
    seen = set()
    for number in range(5):
        instance = await registered(store, "a", f"u{number}")
        assert instance.lease_id not in seen
        seen.add(instance.lease_id)
        await store.apply([Deregister(instance.key, instance.incarnation)])


async def test_nothing_to_do_is_done_at_once(store: Store) -> None:
    """An empty batch and an empty group of renewals change nothing."""
    applied = await store.apply([])
    assert (applied.outcomes, applied.changes, applied.revision) == ((), (), 0)
    assert await store.renew([]) == frozenset()


async def test_a_uid_that_no_database_can_hold_hides_nobody(store: Store) -> None:
    """A NUL, which PostgreSQL's text refuses, is in no uid ever given: asked for, it is absent."""
    instance = await registered(store, "a", "u1")
    found = await store.find([Incarnation("u1"), Incarnation("u\0"), Incarnation("\0")])
    assert found == {"u1": instance}


async def test_places_that_were_left_are_told_with_the_state(
    store: Store, clock: ManualClock
) -> None:
    """By whom and when, for a minute, unless their service is there again."""

    async def left() -> list[tuple[str, str, int, int]]:
        found = (await store.state()).departures
        return [(each.service.entry, *each.place, each.left_ms) for each in found]

    begun = clock.unix_ms()
    await store.apply([register("a", "u1"), register("b", "u2", address="192.0.2.2")])
    assert await left() == []
    await clock.advance(1.0)
    await store.apply([Drain(instance_key("b"), Incarnation("u2"))])
    assert await left() == [], "it is there, and says by itself that it drains"
    await clock.advance(1.0)
    await store.apply([register("a", "u3", address="192.0.2.9")])
    moved = begun + 2_000
    places = [("prod/web", "192.0.2.1", port, moved) for port in (53, 8080)]
    assert await left() == places, "what both incarnations have was not left"
    await clock.advance(1.0)
    await store.apply([Deregister(instance_key("b"), Incarnation("u2"))])
    drained = begun + 1_000
    b_left = [("prod/web", a, p, drained) for a in ("192.0.2.2", "2001:db8::1") for p in (53, 8080)]
    assert await left() == b_left + places, "it left when it drained"
    await clock.advance(5.0)
    await store.apply([Deregister(instance_key("a"), Incarnation("u3"))])
    gone = begun + 8_000
    a_left = [("prod/web", a, p, gone) for a in ("192.0.2.9", "2001:db8::1") for p in (53, 8080)]
    only_b = [each for each in b_left if each[1] == "192.0.2.2"]
    assert await left() == only_b + places + a_left, "the last one to leave a place counts"
    await clock.advance(53.5)
    assert await left() == places + a_left
    await store.compact(1000)
    assert await left() == places + a_left
    await clock.advance(7.0)
    assert await left() == []
    await store.compact(1000)
    assert await left() == []


async def test_one_that_expired_left_when_it_did_not_when_it_is_reaped(
    store: Store, clock: ManualClock
) -> None:
    """Ten minutes later nobody holds its address any more."""
    await store.apply([register("a", "u1")])
    await store.apply([Expire(instance_key("a"), Incarnation("u1"), 0)])
    expired = clock.unix_ms()
    await clock.advance(30.0)
    await store.apply([Reap(instance_key("a"), Incarnation("u1"))])
    assert {each.left_ms for each in (await store.state()).departures} == {expired}
    await clock.advance(30.0)
    assert (await store.state()).departures == []
