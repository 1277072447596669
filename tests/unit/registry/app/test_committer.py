"""Group commit: who shares a transaction, and whose fault is whose."""

from __future__ import annotations

import asyncio

import pytest
from instance_node import CELLS, EU, GatedStore, Node, draft

from registry.adapters.clock import ManualClock, settle
from registry.app.committer import Committer
from registry.domain.admission import admit
from registry.domain.errors import LeadershipLost, Overloaded, StoreUnavailable
from registry.domain.names import Epoch, Incarnation
from registry.domain.operation import Done, Fence, Register


def register(number: int) -> Register:
    return Register(admit(draft(f"i{number}"), CELLS), Incarnation(f"u{number}"), "")


async def test_what_comes_while_a_commit_runs_goes_into_the_next(
    node: Node, store: GatedStore
) -> None:
    store.gate.clear()
    callers = [asyncio.create_task(node.committer.submit(register(n))) for n in range(5)]
    await settle()
    assert node.committer.waiting == 0, "all came before the first commit began"
    callers += [asyncio.create_task(node.committer.submit(register(n))) for n in range(5, 8)]
    await settle()
    assert node.committer.waiting == 3
    store.gate.set()
    answers = await asyncio.gather(*callers)
    assert [len(operations) for operations in store.applied] == [5, 3]
    uids = [
        outcome.instance.incarnation
        for outcome, _ in answers
        if isinstance(outcome, Done) and outcome.instance
    ]
    assert uids == [f"u{n}" for n in range(8)], "each caller has its own outcome"


async def commit_slowly(node: Node, store: GatedStore, numbers: range) -> None:
    """One commit, 4 ms long, of as many callers."""
    store.gate.clear()
    callers = [asyncio.create_task(node.committer.submit(register(n))) for n in numbers]
    await node.clock.advance(0.004)
    store.gate.set()
    await asyncio.gather(*callers)


async def test_after_a_commit_of_many_those_who_come_one_by_one_share_the_next(
    node: Node, store: GatedStore
) -> None:
    await commit_slowly(node, store, range(3))
    callers = [asyncio.create_task(node.committer.submit(register(3)))]
    await node.clock.advance(0.003)
    assert len(store.applied) == 1, "the rest of three callers is as long as their commit was"
    callers.append(asyncio.create_task(node.committer.submit(register(4))))
    await node.clock.advance(0.001)
    await asyncio.gather(*callers)
    assert [len(operations) for operations in store.applied] == [3, 2]


async def test_a_rest_ends_half_a_commit_after_as_many_wait_as_were_answered(
    node: Node, store: GatedStore
) -> None:
    await commit_slowly(node, store, range(3))
    callers = [asyncio.create_task(node.committer.submit(register(n))) for n in range(3, 6)]
    await node.clock.advance(0.0015)
    assert len(store.applied) == 1
    callers.append(asyncio.create_task(node.committer.submit(register(6))))
    await node.clock.advance(0.001)
    await asyncio.gather(*callers)
    assert [len(operations) for operations in store.applied] == [3, 4], "groups may grow"


async def test_a_rest_ends_when_a_group_is_full(
    store: GatedStore, clock: ManualClock, node: Node
) -> None:
    committer = Committer(store, node.mirror, clock, node.uptime, node.occupancy, group_limit=3)
    runner = asyncio.create_task(committer.run())
    store.gate.clear()
    callers = [asyncio.create_task(committer.submit(register(n))) for n in range(3)]
    await clock.advance(0.004)
    store.gate.set()
    await asyncio.gather(*callers)
    await committer.submit_all([register(n) for n in range(3, 6)])
    assert [len(operations) for operations in store.applied] == [3, 3]
    committer.close()
    await runner


async def test_one_caller_alone_never_waits_for_company(node: Node, store: GatedStore) -> None:
    await commit_slowly(node, store, range(1))
    for number in range(1, 4):
        await node.committer.submit(register(number))
    assert [len(operations) for operations in store.applied] == [1, 1, 1, 1]


async def test_closing_cuts_a_rest_short(node: Node, store: GatedStore) -> None:
    await commit_slowly(node, store, range(3))
    caller = asyncio.create_task(node.committer.submit(register(3)))
    await settle()
    node.committer.close()
    await caller
    await settle()
    assert node.tasks[2].done()


async def test_a_caller_sees_its_commit_in_the_mirror(node: Node) -> None:
    _, revision = await node.committer.submit(register(1))
    assert node.mirror.revision == revision
    assert Incarnation("u1") in node.mirror.by_incarnation


async def test_nothing_to_do_needs_no_commit(node: Node, store: GatedStore) -> None:
    assert (await node.committer.submit_all([])).outcomes == ()
    assert store.applied == []


async def test_past_its_bound_the_queue_refuses_at_once(node: Node, store: GatedStore) -> None:
    """I24."""
    store.gate.clear()
    callers = [asyncio.create_task(node.committer.submit(register(0)))]
    await settle()
    callers += [asyncio.create_task(node.committer.submit(register(n))) for n in range(1, 9)]
    await settle()
    with pytest.raises(Overloaded) as caught:
        await node.committer.submit(register(9))
    assert caught.value.retry_after_seconds > 0
    store.gate.set()
    assert len(await asyncio.gather(*callers)) == 9


async def test_a_batch_larger_than_the_bound_is_taken_when_nobody_waits(node: Node) -> None:
    committed = await node.committer.submit_all([register(n) for n in range(20)])
    assert len(committed.outcomes) == 20


async def test_a_group_is_bounded_but_never_splits_a_caller(
    store: GatedStore, clock: ManualClock, node: Node
) -> None:
    committer = Committer(store, node.mirror, clock, node.uptime, node.occupancy, group_limit=3)
    callers = [
        asyncio.create_task(committer.submit_all([register(10 * n), register(10 * n + 1)]))
        for n in range(3)
    ]
    await settle()
    runner = asyncio.create_task(committer.run())
    await asyncio.gather(*callers)
    assert [len(operations) for operations in store.applied] == [2, 2, 2]
    committer.close()
    await runner


async def test_an_outage_fails_all_who_wait_and_stops_the_ageing(
    node: Node, store: GatedStore
) -> None:
    store.gate.clear()
    first = asyncio.create_task(node.committer.submit(register(1)))
    await settle()
    second = asyncio.create_task(node.committer.submit(register(2)))
    await settle()
    store.outage = True
    store.gate.set()
    for caller in (first, second):
        with pytest.raises(StoreUnavailable) as caught:
            await caller
        assert caught.value.retry_after_seconds > 0
    assert len(store.applied) == 1, "nobody waits for a second timeout"
    assert not node.uptime.reachable
    store.outage = False
    await node.committer.submit(register(3))
    assert node.uptime.reachable


async def test_one_bad_operation_hurts_its_own_caller_only(node: Node, store: GatedStore) -> None:
    """I11."""
    store.poison = register(2)
    answers = await asyncio.gather(
        *(node.committer.submit(register(n)) for n in (1, 2, 3)), return_exceptions=True
    )
    assert isinstance(answers[1], ValueError)
    for answer in (answers[0], answers[2]):
        assert not isinstance(answer, BaseException)
        assert isinstance(answer[0], Done)
    await node.committer.submit(register(4))


async def test_a_deposed_leader_is_refused_and_others_are_not(
    node: Node, store: GatedStore
) -> None:
    """I1."""
    await store.lead(EU, CELLS[EU], "a", 6.0)
    stale = Fence(EU, Epoch(99))
    answers = await asyncio.gather(
        node.committer.submit_all([register(1)]),
        node.committer.submit_all([register(2)], stale),
        node.committer.submit_all([register(3)], Fence(EU, Epoch(1))),
        return_exceptions=True,
    )
    assert [isinstance(answer, LeadershipLost) for answer in answers] == [False, True, False]
    assert [len(operations) for operations in store.applied] == [1, 1, 1]
    assert set(node.mirror.by_incarnation) == {"u1", "u3"}


async def test_closing_finishes_what_was_taken_and_takes_no_more(
    node: Node, store: GatedStore
) -> None:
    store.gate.clear()
    first = asyncio.create_task(node.committer.submit(register(1)))
    await settle()
    second = asyncio.create_task(node.committer.submit(register(2)))
    await settle()
    node.committer.close()
    with pytest.raises(StoreUnavailable):
        await node.committer.submit(register(3))
    store.gate.set()
    await asyncio.gather(first, second)
    await settle()
    assert node.tasks[2].done()
