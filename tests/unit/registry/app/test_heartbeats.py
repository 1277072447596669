"""Heartbeats: what an acknowledgement promises, and to whom it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from instance_node import CELLS, EU, GatedStore, Node, draft, running

from registry.adapters.clock import ManualClock, settle
from registry.app.heartbeats import Renewal, renewal_interval_seconds
from registry.domain.admission import admit
from registry.domain.check_admission import DraftCheck
from registry.domain.errors import (
    IncarnationSuperseded,
    InvalidField,
    LeaseExpired,
    LeaseNotFound,
    RegistryError,
    StoreUnavailable,
)
from registry.domain.health import Evidence, Health
from registry.domain.names import Incarnation
from registry.domain.operation import Expire, Judge, Register


async def beat(node: Node, serving: Sequence[str], not_serving: Sequence[str] = ()) -> Renewal:
    waiting = asyncio.create_task(node.heartbeats.renew(serving, not_serving))
    await node.clock.advance(0.05)
    return await waiting


def kinds(renewal: Renewal) -> dict[str, type[RegistryError]]:
    return {uid: type(error) for uid, error in renewal.refusals}


async def renewals(store: GatedStore) -> list[int]:
    return list((await store.state()).renewals.values())


async def uid_of(node: Node, instance_id: str = "i1", **changes: object) -> Incarnation:
    return (await node.registrar.register(draft(instance_id, **changes))).instance.incarnation


async def test_an_acknowledged_heartbeat_is_in_the_store(node: Node, store: GatedStore) -> None:
    uid = await uid_of(node, ttl_seconds=30.0)
    revision = node.mirror.revision
    renewal = await beat(node, [uid])
    assert (renewal.ttl_seconds, renewal.refusals) == (30.0, [])
    assert renewal.renewal_interval_seconds == renewal_interval_seconds(30.0, 0.5) == 9.0
    assert await renewals(store) == [1]
    assert renewal.revision == await store.revision() == revision, "no revision is spent"


async def test_the_shortest_ttl_rules(node: Node) -> None:
    uids = [await uid_of(node, f"i{ttl}", ttl_seconds=float(ttl)) for ttl in (60, 10, 300)]
    assert (await beat(node, uids)).ttl_seconds == 10.0


@pytest.mark.parametrize(("random", "seconds"), [(0.0, 5.0), (1.0, 4.0)])
def test_the_advised_interval_is_a_third_of_the_ttl_or_a_little_less(
    random: float, seconds: float
) -> None:
    assert renewal_interval_seconds(15.0, random) == pytest.approx(seconds)


async def test_an_empty_heartbeat_is_answered_with_the_defaults(
    node: Node, store: GatedStore
) -> None:
    renewal = await beat(node, [])
    assert (renewal.ttl_seconds, renewal.refusals, store.renewed) == (15.0, [], [])


async def test_beats_that_come_together_share_a_write(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    uids = [await uid_of(node, f"i{n}") for n in range(6)]
    beats = [asyncio.create_task(node.heartbeats.renew([uid])) for uid in uids]
    beats += [asyncio.create_task(node.heartbeats.renew(uids[:2]))]
    await clock.advance(0.05)
    await asyncio.gather(*beats)
    assert [len(group) for group in store.renewed] == [6]


async def test_groups_keep_a_gap(node: Node, store: GatedStore, clock: ManualClock) -> None:
    uid = await uid_of(node)
    for _ in range(3):
        renewing = asyncio.create_task(node.heartbeats.renew([uid]))
        await settle()
        if renewing.done():
            continue
        await clock.advance(0.01)
        assert renewing.done()
    assert len(store.renewed) == 3


async def test_a_message_is_bounded(node: Node) -> None:
    with pytest.raises(InvalidField) as caught:
        await node.heartbeats.renew(["x"] * 600, ["y"] * 401)
    assert caught.value.violations[0].field == "uids"


async def test_each_uid_is_refused_for_its_own_reason_and_the_others_renewed(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    old = await uid_of(node, "moved")
    new = await uid_of(node, "moved")
    gone = await node.registrar.register(draft("gone"))
    await node.registrar.deregister(gone.instance.key, gone.instance.incarnation)
    dead = await uid_of(node, "dead", ttl_seconds=1.0)
    await clock.advance(3.0)
    assert await node.expire() == 1
    renewal = await beat(node, [old, new, gone.instance.incarnation, "never", dead, "never"])
    assert kinds(renewal) == {
        old: IncarnationSuperseded,
        gone.instance.incarnation: LeaseNotFound,
        "never": LeaseNotFound,
        dead: LeaseExpired,
    }
    assert await renewals(store) == [1]


async def test_an_instance_registered_through_another_node_is_known_by_the_store(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    async with running(Node(store, clock, "b")) as other:
        uid = await uid_of(other)
        assert uid not in node.mirror.by_incarnation
        renewal = await node.heartbeats.renew([uid])
    assert renewal.refusals == []
    assert await renewals(store) == [1]


async def test_after_a_restart_leases_are_known_and_the_expired_ones_still_refused(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    dead, live = await uid_of(node, "dead", ttl_seconds=1.0), await uid_of(node, "live")
    await clock.advance(3.0)
    await node.expire()
    await node.stop()
    async with running(Node(store, clock, "b")) as again:
        renewal = await beat(again, [dead, live])
    assert kinds(renewal) == {dead: LeaseExpired}


async def test_a_lease_that_another_node_ended_is_refused_though_it_is_known_here(
    node: Node, store: GatedStore
) -> None:
    expired, moved = await uid_of(node, "i1"), await uid_of(node, "i2")
    key = node.mirror.by_incarnation[expired].key
    anew = Register(admit(draft("i2"), CELLS), Incarnation("b-1"), "")
    await store.apply([Expire(key, expired, 0), anew])
    assert expired in node.keeper.table.leases
    renewal = await node.heartbeats.renew([expired, moved])
    assert kinds(renewal) == {expired: LeaseExpired, moved: IncarnationSuperseded}
    await settle()
    assert node.mirror.revision == await store.revision(), "and the mirror catches up at once"
    assert kinds(await node.heartbeats.renew([expired, moved])) == kinds(renewal)
    assert (await beat(node, ["b-1"])).refusals == []


async def test_an_outage_refuses_the_heartbeat_and_ages_nothing(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    """I23."""
    uid = await uid_of(node, ttl_seconds=2.0)
    store.outage = True
    for _ in range(20):
        beating = asyncio.create_task(node.heartbeats.renew([uid]))
        await clock.advance(1.0)
        with pytest.raises(StoreUnavailable):
            await beating
        assert await expirable(node) == []
    store.outage = False
    assert (await beat(node, [uid])).refusals == []


async def expirable(node: Node) -> list[str]:
    return [expire.incarnation for expire in node.keeper.tick(EU)]


async def test_a_bug_in_the_store_fails_its_group_and_the_task_can_be_started_again(
    node: Node, store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = await uid_of(node)

    async def broken(lease_ids: Sequence[int]) -> frozenset[int]:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(store, "renew", broken)
        with pytest.raises(ZeroDivisionError):
            await node.heartbeats.renew([uid])
    node.tasks.append(asyncio.create_task(node.renewals.run()))
    assert (await beat(node, [uid])).refusals == []


async def test_closing_writes_what_was_taken_and_takes_no_more(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    uid = await uid_of(node)
    store.gate.clear()
    first = asyncio.create_task(node.heartbeats.renew([uid]))
    await settle()
    second = asyncio.create_task(node.heartbeats.renew([uid]))
    await settle()
    node.renewals.close()
    with pytest.raises(StoreUnavailable):
        await node.heartbeats.renew([uid])
    store.gate.set()
    await clock.advance(0.05)
    assert [(await task).refusals for task in (first, second)] == [[], []]
    assert node.tasks[3].done()


async def test_behind_a_slow_write_nobody_waits_for_long(
    node: Node, store: GatedStore, clock: ManualClock
) -> None:
    """F8: only those in it do. The database may answer others meanwhile, as its readers may."""
    uid = await uid_of(node)
    store.gate.clear()
    inside = asyncio.create_task(node.heartbeats.renew([uid]))
    await settle()
    behind = asyncio.create_task(node.heartbeats.renew([uid]))
    await clock.advance(4.9)
    assert not behind.done()
    await node.mirror.catch_up()
    await clock.advance(0.2)
    with pytest.raises(StoreUnavailable, match="slow"):
        await behind
    with pytest.raises(StoreUnavailable, match="slow"):
        await node.heartbeats.renew([uid])
    await clock.advance(20.0)
    assert not inside.done()
    store.gate.set()
    await clock.advance(0.05)
    assert (await inside).refusals == []
    assert (await beat(node, [uid])).refusals == []
    assert store.renewed == [store.renewed[0]] * 2, "those turned away were never asked for"


class TestTheOwnersWord:
    async def test_not_serving_is_judged_once(self, node: Node, store: GatedStore) -> None:
        uid = await uid_of(node)
        for _ in range(3):
            assert (await beat(node, [], [uid])).refusals == []
        instance = node.mirror.by_incarnation[uid]
        assert (instance.health, instance.evidence) == (Health.UNHEALTHY, Evidence.WITHDRAWN)
        assert judgements(store) == 1
        assert await renewals(store) == [3], "its lease is renewed all the same"

    @pytest.mark.parametrize("check", [DraftCheck("tcp", 80), DraftCheck("none")])
    async def test_serving_again_is_unknown_until_the_leader_lets_it_in(
        self, node: Node, store: GatedStore, check: DraftCheck
    ) -> None:
        uid = await uid_of(node, check=check)
        await beat(node, [], [uid])
        for _ in range(3):
            await beat(node, [uid])
        instance = node.mirror.by_incarnation[uid]
        assert (instance.health, instance.evidence) == (Health.UNKNOWN, Evidence.NONE)
        assert judgements(store) == 2

    async def test_in_both_lists_means_not_serving(self, node: Node) -> None:
        uid = await uid_of(node)
        for _ in range(2):
            await beat(node, [uid], [uid])
            assert node.mirror.by_incarnation[uid].evidence is Evidence.WITHDRAWN

    async def test_it_outlives_a_restart(
        self, node: Node, store: GatedStore, clock: ManualClock
    ) -> None:
        uid = await uid_of(node)
        await beat(node, [], [uid])
        await node.stop()
        async with running(Node(store, clock, "b")) as again:
            await beat(again, [uid])
            assert again.mirror.by_incarnation[uid].health is Health.UNKNOWN

    async def test_one_that_drains_is_not_judged_again_and_again(
        self, node: Node, store: GatedStore
    ) -> None:
        registered = await node.registrar.register(draft())
        await node.registrar.drain(registered.instance.key, registered.instance.incarnation)
        for _ in range(3):
            await beat(node, [], [registered.instance.incarnation])
        assert node.mirror.instances[registered.instance.key].health is Health.DRAINING
        assert judgements(store) == 1

    async def test_a_registry_too_busy_to_judge_renews_and_judges_later(
        self, node: Node, store: GatedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uid = await uid_of(node)
        with monkeypatch.context() as patched:
            patched.setattr(node.committer, "_queue_limit", 0)
            patched.setattr(node.committer, "_waiting", 1)
            assert (await beat(node, [], [uid])).refusals == []
            assert node.mirror.by_incarnation[uid].health is Health.HEALTHY
        await beat(node, [], [uid])
        assert node.mirror.by_incarnation[uid].health is Health.UNHEALTHY


def judgements(store: GatedStore) -> int:
    return sum(isinstance(op, Judge) for group in store.applied for op in group)
