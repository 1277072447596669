"""A caller that goes away takes nothing from the others: neither result nor place."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instance_node import CELLS, GatedStore, Node, draft, running

from registry.adapters.clock import ManualClock, settle
from registry.domain.admission import admit
from registry.domain.errors import StoreUnavailable
from registry.domain.names import Incarnation
from registry.domain.operation import Done, Register


def register(number: int) -> Register:
    return Register(admit(draft(f"i{number}"), CELLS), Incarnation(f"u{number}"), "")


async def test_one_that_leaves_before_its_turn_is_not_carried_out(
    node: Node, store: GatedStore
) -> None:
    """A request past its deadline is dropped unserved (I24)."""
    store.gate.clear()
    first = asyncio.create_task(node.committer.submit(register(1)))
    await settle()
    leaver = asyncio.create_task(node.committer.submit(register(2)))
    stayer = asyncio.create_task(node.committer.submit(register(3)))
    await settle()
    leaver.cancel()
    store.gate.set()
    await asyncio.gather(first, stayer)
    assert set(node.mirror.by_incarnation) == {"u1", "u3"}
    assert node.committer.waiting == 0


async def test_one_that_leaves_during_its_commit_is_carried_out_all_the_same(
    node: Node, store: GatedStore
) -> None:
    store.gate.clear()
    leaver = asyncio.create_task(node.committer.submit(register(1)))
    stayer = asyncio.create_task(node.committer.submit(register(2)))
    await settle()
    leaver.cancel()
    await settle()
    store.gate.set()
    outcome, _ = await stayer
    assert isinstance(outcome, Done)
    assert outcome.instance is not None
    assert outcome.instance.incarnation == "u2"
    assert set(node.mirror.by_incarnation) == {"u1", "u2"}


async def test_leavers_make_room_in_the_queue(node: Node, store: GatedStore) -> None:
    store.gate.clear()
    first = asyncio.create_task(node.committer.submit(register(0)))
    await settle()
    leavers = [asyncio.create_task(node.committer.submit(register(n))) for n in range(1, 9)]
    await settle()
    for leaver in leavers:
        leaver.cancel()
    store.gate.set()
    await first
    await settle()
    assert node.committer.waiting == 0
    await node.committer.submit(register(9))


async def test_the_end_of_the_process_fails_all_who_wait(node: Node, store: GatedStore) -> None:
    store.gate.clear()
    first = asyncio.create_task(node.committer.submit(register(1)))
    await settle()
    second = asyncio.create_task(node.committer.submit(register(2)))
    await settle()
    await node.stop()
    for caller in (first, second):
        with pytest.raises(StoreUnavailable):
            await caller


async def test_a_heartbeat_that_leaves_does_not_take_the_others_renewal(
    node: Node, store: GatedStore
) -> None:
    for name in ("i1", "i2"):
        await node.registrar.register(draft(name))
    store.gate.clear()
    leaver = asyncio.create_task(node.heartbeats.renew(["a-1"]))
    stayer = asyncio.create_task(node.heartbeats.renew(["a-2"]))
    await settle()
    leaver.cancel()
    await settle()
    store.gate.set()
    await node.clock.advance(0.1)
    assert (await stayer).refusals == []
    assert set((await store.state()).renewals.values()) == {1}, "both were renewed"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    plan=st.lists(
        st.tuples(st.sampled_from(["submit", "leave", "open", "close", "wait"]), st.integers(0, 7)),
        max_size=30,
    )
)
def test_whoever_stays_gets_its_own_outcome_in_any_order(
    plan: list[tuple[str, int]],
) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        store = GatedStore(clock)
        async with running(Node(store, clock)) as node:
            callers: list[asyncio.Task[object]] = []
            numbers: list[int] = []
            for act, number in plan:
                match act:
                    case "submit" if node.committer.waiting < 8:
                        numbers.append(len(numbers))
                        operation = register(numbers[-1])
                        callers.append(asyncio.create_task(node.committer.submit(operation)))
                    case "leave" if callers:
                        callers[number % len(callers)].cancel()
                    case "open":
                        store.gate.set()
                    case "close":
                        store.gate.clear()
                    case _:
                        pass
                await settle(number)
            store.gate.set()
            answers = await asyncio.gather(*callers, return_exceptions=True)
            carried_out = [operation.incarnation for group in store.applied for operation in group]
            assert len(carried_out) == len(set(carried_out)), "nothing is carried out twice"
            for number, answer in enumerate(answers):
                if isinstance(answer, asyncio.CancelledError):
                    continue
                assert isinstance(answer, tuple)
                assert answer[0].instance.incarnation == f"u{number}"
                assert f"u{number}" in node.mirror.by_incarnation
            assert set(node.mirror.by_incarnation) == set(carried_out)

    asyncio.run(scenario())
