"""What runs out, and what never does: no acknowledged renewal is forgotten."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from instance_node import EU, US, GatedStore, Node, draft, running

from registry.adapters.clock import ManualClock, settle
from registry.app.leasekeeper import Departure, Leasekeeper
from registry.domain.errors import StoreUnavailable
from registry.domain.health import Evidence, Health
from registry.domain.instance import State
from registry.domain.names import Incarnation
from registry.domain.operation import Renewed
from registry.ports import State as StoreState


async def registered(node: Node, instance_id: str = "i1", **changes: object) -> Incarnation:
    return (await node.registrar.register(draft(instance_id, **changes))).instance.incarnation


async def test_a_lease_that_is_not_renewed_ends_by_its_leader_alone(
    node: Node, clock: ManualClock
) -> None:
    uid = await registered(node)
    await registered(node, "west", region="us", cell="us")
    await clock.advance(14.9)
    assert list(node.keeper.tick(EU)) == []
    await clock.advance(5.0)
    assert await node.expire(EU) == 1
    instance = node.mirror.by_incarnation[uid]
    assert (instance.state, instance.health, instance.evidence) == (
        State.EXPIRED,
        Health.UNHEALTHY,
        Evidence.LEASE_EXPIRED,
    )
    assert node.keeper.departure(uid) is Departure.EXPIRED
    assert list(node.keeper.tick(EU)) == []
    assert len(node.keeper.tick(US)) == 1, "another cell's are another leader's"


async def test_a_mass_expiry_takes_turns(node: Node, clock: ManualClock) -> None:
    for number in range(5):
        await registered(node, f"i{number}")
    await clock.advance(20.0)
    assert [len(node.keeper.tick(EU, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_tick_nobody_settled_comes_up_again(node: Node, clock: ManualClock) -> None:
    await registered(node)
    await clock.advance(20.0)
    assert len(node.keeper.tick(EU)) == 1
    assert len(node.keeper.tick(EU)) == 0
    await clock.advance(1.0)
    assert await node.expire() == 1


async def test_a_renewal_taken_by_another_node_voids_the_expiry(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    uid = await registered(node)
    async with running(Node(store, clock, "b")) as other:
        await clock.advance(14.0)
        await other.heartbeats.renew([uid])
        await clock.advance(5.0)
        due = node.keeper.tick(EU)
        committed = await node.committer.submit_all(due)
        assert committed.outcomes == (Renewed(1),)
        node.keeper.settle([(due[0], committed.outcomes[0])])
        await clock.advance(14.9)
        assert list(node.keeper.tick(EU)) == [], "a full TTL from the moment it was learnt"
        await clock.advance(0.2)
        assert await node.expire() == 1
        assert node.mirror.by_incarnation[uid].state is State.EXPIRED


async def test_a_restart_gives_every_lease_a_full_ttl(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    """I23."""
    await registered(node)
    await clock.advance(14.0)
    await node.stop()
    clock.jump(600.0)
    async with running(Node(store, clock, "b")) as again:
        await clock.advance(14.9)
        assert list(again.keeper.tick(EU)) == []
        await clock.advance(4.0)
        assert await again.expire() == 1, "and no more than that and a spread"


async def test_renewals_before_a_restart_need_no_second_look(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    uid = await registered(node)
    for _ in range(3):
        await node.heartbeats.renew([uid])
        await clock.advance(0.1)
    await node.stop()
    async with running(Node(store, clock, "b")) as again:
        await clock.advance(20.0)
        assert [expire.renewals for expire in again.keeper.tick(EU)] == [3]


async def test_a_suspension_ages_nothing(node: Node, clock: ManualClock) -> None:
    """I23: SIGSTOP, a paused machine, a closed lid."""
    await registered(node)
    await clock.advance(14.0)
    clock.jump(3600.0)
    assert list(node.keeper.tick(EU)) == []
    await clock.advance(14.9)
    assert list(node.keeper.tick(EU)) == []
    await clock.advance(4.0)
    assert len(node.keeper.tick(EU)) == 1


async def test_wall_clocks_do_not_matter(node: Node, clock: ManualClock) -> None:
    """I36."""
    await registered(node)
    await clock.advance(1.0)
    clock.wall_ms += 3_600_000
    await clock.advance(1.0)
    assert list(node.keeper.tick(EU)) == []


async def test_a_store_that_hangs_is_as_good_as_lost(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    """I23: nobody's renewal can be taken while it does."""
    uid = await registered(node)
    other = await registered(node, "i2")
    await clock.advance(14.0)
    store.gate.clear()
    beating = asyncio.create_task(node.heartbeats.renew([uid]))
    await clock.advance(30.0)
    assert list(node.keeper.tick(EU)) == []
    assert not node.uptime.reachable
    store.gate.set()
    await settle()
    await beating
    assert node.uptime.reachable
    await clock.advance(14.0)
    assert list(node.keeper.tick(EU)) == []
    await clock.advance(5.0)
    assert {expire.incarnation for expire in node.keeper.tick(EU)} == {uid, other}


async def test_a_renewal_in_the_store_but_not_yet_answered_is_not_counted_twice(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    """Else a later renewal by another node could be taken for one that is known here."""
    uid = await registered(node)
    await clock.advance(20.0)
    due = node.keeper.tick(EU)
    store.answers.clear()
    beating = asyncio.create_task(node.heartbeats.renew([uid]))
    await settle()
    committed = await node.committer.submit_all(due)
    assert committed.outcomes == (Renewed(1),)
    node.keeper.settle([(due[0], committed.outcomes[0])])
    store.answers.set()
    await beating
    assert node.keeper.table.leases[uid].renewals == 1


async def test_a_lease_is_not_called_due_while_its_renewal_waits(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    uid = await registered(node)
    node.keeper.table.leases[uid].deadline_seconds = 30.0
    await clock.advance(29.8)
    store.gate.clear()
    beating = asyncio.create_task(node.heartbeats.renew([uid]))
    await clock.advance(0.5)
    assert list(node.keeper.tick(EU)) == []
    store.gate.set()
    await beating


async def test_an_expiry_asked_for_before_an_outage_is_not_asked_again_after_it(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    await registered(node)
    await clock.advance(20.0)
    assert len(node.keeper.tick(EU)) == 1
    store.outage = True
    await clock.advance(5.0)
    store.outage = False
    await clock.advance(3.0)
    assert node.uptime.reachable
    assert list(node.keeper.tick(EU)) == [], "a full TTL first"


async def test_leaving_and_being_replaced_are_remembered_apart(
    node: Node, clock: ManualClock
) -> None:
    gone = await node.registrar.register(draft("gone"))
    await node.registrar.deregister(gone.instance.key, gone.instance.incarnation)
    old = await registered(node, "moved")
    await registered(node, "moved")
    assert node.keeper.departure(gone.instance.incarnation) is Departure.REMOVED
    assert node.keeper.departure(old) is Departure.SUPERSEDED
    assert len(node.keeper.table.leases) == 1


async def test_memory_of_the_departed_is_bounded(node: Node) -> None:
    keeper = Leasekeeper(node.mirror, node.uptime, memory_limit=10)
    for number in range(1000):
        keeper.depart(Incarnation(f"u{number}"), Departure.REMOVED)
    assert len(keeper._departed) + len(keeper._departed_before) <= 20
    assert keeper.departure(Incarnation("u999")) is Departure.REMOVED
    assert keeper.departure(Incarnation("u0")) is None


async def test_a_mirror_behind_does_not_bring_back_what_the_store_showed_to_be_gone(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    """A late change of an older incarnation must not evict a newer one (I37)."""
    async with running(Node(store, clock, "b")) as other:
        old = await registered(other)
        new = await registered(other)
        assert (await node.heartbeats.renew([new])).refusals == []
        await clock.advance(1.0)
        assert node.mirror.revision == await store.revision()
        assert set(node.keeper.table.leases) == {new}
        assert old not in node.keeper.table.leases


async def test_what_is_left_of_a_lease_shrinks_with_available_time(
    node: Node, clock: ManualClock
) -> None:
    uid = await registered(node)
    left = node.keeper.remaining_seconds(uid)
    assert left is not None
    assert left >= 15.0
    await clock.advance(5.0)
    later = node.keeper.remaining_seconds(uid)
    assert later is not None
    assert later <= left - 4.5
    assert node.keeper.remaining_seconds(Incarnation("stranger")) is None


STEPS = st.tuples(
    st.sampled_from(
        ["beat", "beat", "expire", "pass", "long", "hold", "release", "lose", "mute", "load"]
    ),
    st.integers(0, 1),
    st.integers(0, 2),
)


@settings(max_examples=80, deadline=None)
@given(plan=st.lists(STEPS, max_size=40))
def test_no_lease_ends_within_a_ttl_of_an_acknowledged_renewal(
    plan: list[tuple[str, int, int]],
) -> None:
    """Two nodes renew and expire on one store, writes held back and lost, in any order (I23).

    And what a node thinks a row has counted is never more than the row has.
    """
    asyncio.run(scenario(plan))


async def scenario(plan: list[tuple[str, int, int]]) -> None:
    ttl = 2.0
    clock = ManualClock()
    store = GatedStore(clock)
    async with running(Node(store, clock, "a")) as one, running(Node(store, clock, "b")) as two:
        nodes = (one, two)
        uids = [await registered(nodes[n % 2], f"i{n}", ttl_seconds=ttl) for n in range(3)]
        acknowledged = dict.fromkeys(uids, clock.monotonic())
        tasks: list[asyncio.Task[None]] = []

        async def beat(node: Node, uid: Incarnation) -> None:
            try:
                renewal = await node.heartbeats.renew([uid])
            except StoreUnavailable:
                return
            if not renewal.refusals:
                acknowledged[uid] = clock.monotonic()

        async def expire(node: Node) -> None:
            with suppress(StoreUnavailable):
                await node.expire()

        for act, which, number in plan:
            node, uid = nodes[which], uids[number]
            match act:
                case "beat":
                    tasks.append(asyncio.create_task(beat(node, uid)))
                case "expire":
                    tasks.append(asyncio.create_task(expire(node)))
                case "pass":
                    await clock.advance(0.3)
                case "long":
                    await clock.advance(1.7)
                case "hold":
                    store.gate.clear()
                case "release":
                    store.gate.set()
                    store.answers.set()
                case "mute":
                    store.answers.clear()
                case "lose":
                    store.outage = not store.outage
                case _:
                    await node.mirror.load() if not store.outage else None
            await settle(3 * number)
            state = {i.incarnation: i for i in (await look(store)).instances}
            counted = (await look(store)).renewals
            for each in nodes:
                for lease in each.keeper.table.leases.values():
                    if lease.id in counted:
                        assert lease.renewals <= counted[lease.id]
            for known in list(acknowledged):
                ended = state[known].state is State.EXPIRED
                if ended:
                    assert clock.monotonic() - acknowledged.pop(known) >= ttl - 1e-6
        store.outage = False
        store.gate.set()
        store.answers.set()
        await clock.advance(5.0)
        await asyncio.gather(*tasks)
        # and all of them end at last: nothing is held up for ever
        for _ in range(8):
            await clock.advance(1.0)
            await one.expire()
        assert all(i.state is State.EXPIRED for i in (await store.state()).instances)


async def look(store: GatedStore) -> StoreState:
    outage, store.outage = store.outage, False
    try:
        return await store.state()
    finally:
        store.outage = outage
