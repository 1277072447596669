"""PostgreSQL: several nodes on one database keep order, and only one of them leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from postgresql_server import PostgresqlServer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from registry.adapters.clock import ManualClock, SystemClock
from registry.adapters.store.database import Transaction
from registry.adapters.store.factory import database_url, migrate, open_store
from registry.adapters.store.postgresql import PostgresqlDatabase
from registry.domain.change import Change, InstancePut
from registry.domain.errors import LeadershipLost, SchemaOutdated, StoreUnavailable
from registry.domain.instance import Check, CheckKind, Registration, State
from registry.domain.names import (
    CellName,
    Epoch,
    FrontendId,
    Generation,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
)
from registry.domain.operation import Done, Expire, Fence, Register, Renewed
from registry.domain.plan import PlanDelta, PlanRecord
from registry.ports import Acknowledgement, Publication, Store

EAST, EAST_REGION = CellName("east"), RegionName("east")


@pytest_asyncio.fixture
async def nodes(postgresql_database: str, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two nodes' stores on one database."""
    await migrate(postgresql_database, tmp_path)
    first, second = (open_store(postgresql_database, tmp_path, SystemClock()) for _ in range(2))
    await first.open()
    await second.open()
    yield first, second
    await first.close()
    await second.close()


def register(name: str, uid: str, service: str = "web") -> Register:
    """A small registration."""
    key = InstanceKey(NamespaceId("prod"), ServiceId(service), InstanceId(name))
    check = Check(CheckKind.NONE)
    return Register(
        Registration(key, EAST, EAST_REGION, "", ("192.0.2.1",), (), 0, 1, {}, check, 15.0),
        Incarnation(uid),
        "",
    )


def publication(fence: Fence, parent: int, entries: dict[str, bytes]) -> Publication:
    """The generation after `parent`."""
    record = PlanRecord(
        fence.cell,
        fence.epoch,
        Generation(parent + 1),
        Generation(parent),
        b"d" * 32,
        1,
        1,
        Revision(1),
        1,
    )
    return Publication(fence, record, PlanDelta(entries), None)


async def test_revisions_come_in_the_order_of_commits(nodes: tuple[Store, Store]) -> None:
    """A reader that follows the changes of two hammering writers never sees a gap.

    Both also make the same services, and replace each other's instances.
    """
    rounds = 60
    writers = len(nodes)

    async def hammer(node: Store, number: int) -> None:
        for turn in range(rounds):
            name = f"i{turn % 5}"
            await node.apply(
                [
                    register(name, f"u-{number}-{turn}", service=f"s{turn % 7}"),
                    register(f"own-{number}", f"o-{number}-{turn}"),
                ]
            )

    async def follow(node: Store) -> list[Change]:
        told: list[Change] = []
        at = Revision(0)
        while at < rounds * 2 * writers:
            for change in await node.changes_after(at, 7):
                assert change.revision in (at, at + 1), "a revision was skipped"
                at = change.revision
                told.append(change)
        return told

    *_, told, also_told = await asyncio.gather(
        *(hammer(node, number) for number, node in enumerate(nodes)),
        *(follow(node) for node in nodes),
    )
    assert told == also_told == list(await nodes[0].changes_after(Revision(0), 100_000))
    state = await nodes[1].state()
    names = {(change.instance.key) for change in told if isinstance(change, InstancePut)}
    assert {instance.key for instance in state.instances} == names
    assert set(state.renewals) == {instance.lease_id for instance in state.instances}


async def test_a_renewal_and_an_expiry_never_both_win(nodes: tuple[Store, Store]) -> None:
    """Either the lease was renewed and the instance lives, or it ended and the renewer is told."""
    first, second = nodes
    for turn in range(40):
        applied = await first.apply([register("a", f"u{turn}")])
        (outcome,) = applied.outcomes
        assert isinstance(outcome, Done)
        assert outcome.instance is not None
        instance = outcome.instance
        expire = Expire(instance.key, instance.incarnation, 0)
        ending = first.apply([expire])
        renewing = second.renew([instance.lease_id])
        if turn % 2:
            gone, ended = await asyncio.gather(renewing, ending)
        else:
            ended, gone = await asyncio.gather(ending, renewing)
        current = await second.get_instance(instance.key)
        assert current is not None
        if gone:
            assert isinstance(ended.outcomes[0], Done)
            assert current.state is State.EXPIRED
        else:
            assert ended.outcomes == (Renewed(1),)
            assert current.state is State.ACTIVE


async def test_nodes_that_renew_the_same_leases_do_not_block_each_other(
    nodes: tuple[Store, Store],
) -> None:
    """Whatever the order in which they name them: no deadlock, and every renewal counts."""
    applied = await nodes[0].apply([register(f"i{n}", f"u{n}") for n in range(200)])
    ids = [
        change.instance.lease_id for change in applied.changes if isinstance(change, InstancePut)
    ]
    groups = [node.renew(ids if turn % 2 else ids[::-1]) for turn in range(20) for node in nodes]
    assert set(await asyncio.gather(*groups)) == {frozenset()}
    assert set((await nodes[0].state()).renewals.values()) == {40}


async def test_one_of_two_publishers_wins(nodes: tuple[Store, Store]) -> None:
    """Compare-and-set in the writing transaction: exactly one a generation (I2)."""
    leadership = await nodes[0].lead(EAST, EAST_REGION, "node-1", 6.0)
    assert leadership is not None
    fence = Fence(EAST, leadership.epoch)
    for parent in range(25):
        won = await asyncio.gather(
            *(
                node.publish(publication(fence, parent, {"p/s": f"{number}-{parent}".encode()}))
                for number, node in enumerate(nodes)
            )
        )
        assert sorted(won) == [False, True]
        plan = await nodes[0].read_plan(EAST, Generation(parent + 1))
        assert plan is not None
        assert plan[1] == {"p/s": f"{won.index(True)}-{parent}".encode()}


async def test_only_one_node_leads_until_its_lease_runs_out(nodes: tuple[Store, Store]) -> None:
    """By the database's clock: the nodes' own clocks are not asked (I36)."""
    first, second = nodes
    # long enough that the second comes in it, however late
    leaderships = await asyncio.gather(
        first.lead(EAST, EAST_REGION, "node-1", 60.0),
        second.lead(EAST, EAST_REGION, "node-2", 60.0),
    )
    (leader,) = [found for found in leaderships if found is not None]
    assert leader.epoch == 1
    names = ("node-1", "node-2")
    loser = 1 - leaderships.index(leader)
    assert await nodes[loser].lead(EAST, EAST_REGION, names[loser], 60.0) is None
    kept = await nodes[1 - loser].lead(EAST, EAST_REGION, names[1 - loser], 0.3)
    assert kept is not None
    assert kept.epoch == 1
    taken = None
    async with asyncio.timeout(30):
        while taken is None:
            taken = await nodes[loser].lead(EAST, EAST_REGION, names[loser], 60.0)
    assert taken.epoch == 2
    fence = Fence(EAST, leader.epoch)
    with pytest.raises(LeadershipLost):
        await nodes[1 - loser].publish(publication(fence, 0, {}))
    with pytest.raises(LeadershipLost):
        await nodes[1 - loser].apply([register("a", "u1")], fence)
    assert await nodes[1 - loser].lead(EAST, EAST_REGION, names[1 - loser], 60.0) is None
    await nodes[loser].resign(EAST, names[loser])
    back = await nodes[1 - loser].lead(EAST, EAST_REGION, names[1 - loser], 60.0)
    assert back is not None
    assert back.epoch == 3


async def test_a_node_with_a_wild_clock_neither_takes_nor_loses_the_lead(
    nodes: tuple[Store, Store], postgresql_database: str, tmp_path: Path
) -> None:
    """A day ahead or behind (I36)."""
    assert await nodes[0].lead(EAST, EAST_REGION, "node-1", 60.0) is not None
    for wall_ms in (0, 4_000_000_000_000):
        wild = open_store(postgresql_database, tmp_path, ManualClock(wall_ms=wall_ms))
        await wild.open()
        assert await wild.lead(EAST, EAST_REGION, "wild", 60.0) is None
        await wild.close()
    kept = await nodes[0].lead(EAST, EAST_REGION, "node-1", 60.0)
    assert kept is not None
    assert kept.epoch == 1


async def test_acknowledgements_of_two_nodes_go_forward(nodes: tuple[Store, Store]) -> None:
    """A frontend that moved from node to node is kept at the most it ever said."""

    def word(frontend: str, generation: int) -> Acknowledgement:
        return Acknowledgement(
            FrontendId(frontend),
            EAST_REGION,
            EAST,
            Epoch(1),
            Generation(generation),
            "",
            generation,
        )

    names = ["f1", "f2", "f3"]
    await asyncio.gather(
        *(
            nodes[generation % 2].acknowledge(
                [word(name, generation) for name in (names if generation % 3 else names[::-1])]
            )
            for generation in range(1, 31)
        )
    )
    records = await nodes[0].frontends()
    assert [(r.id, r.cells[0].generation, r.seen_ms) for r in records] == [
        (name, 30, 30) for name in names
    ]


async def test_a_refused_row_is_no_outage(nodes: tuple[Store, Store]) -> None:
    """A fault in what was given is passed on as it is, so that it hurts its own request only."""
    operation = register("a", "u1")
    with pytest.raises(DBAPIError):
        await nodes[0].apply([replace(operation, traceparent="\0")])
    assert (await nodes[0].apply([operation])).revision == 1


async def test_an_outage_is_told_and_survived(tmp_path: Path) -> None:
    """While the server is down every call says so; when it is back the same store works."""
    server = PostgresqlServer()
    try:
        await asyncio.to_thread(server.start)
        url = await asyncio.to_thread(server.new_database)
        await migrate(url, tmp_path)
        store = open_store(url, tmp_path, SystemClock())
        await store.open()
        await store.apply([register("a", "u1")])
        await asyncio.to_thread(server.halt)
        for call in (
            lambda: store.renew([1]),
            lambda: store.apply([register("b", "u2")]),
            store.state,
            lambda: open_store(url, tmp_path, SystemClock()).open(),
            lambda: migrate(url, tmp_path),
        ):
            with pytest.raises(StoreUnavailable) as failed:
                await call()
            assert failed.value.retry_after_seconds == 1.0
        await asyncio.to_thread(server.launch)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await store.renew([1]) == frozenset()
                    break
                except StoreUnavailable:
                    continue
        assert len((await store.state()).instances) == 1
        await store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.heads()
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_suspended_writer_cannot_block_the_others(
    nodes: tuple[Store, Store], postgresql_database: str, tmp_path: Path
) -> None:
    """The server throws a transaction out that is left idle."""
    timeout = "SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
    database = PostgresqlDatabase(make_url(database_url(postgresql_database, tmp_path)))
    await database.open()
    setting = await database.write(lambda tx: tx.run(timeout).scalar_one())
    assert setting == "10000"
    await database.close()


async def test_a_deadlock_is_tried_again(postgresql_database: str, tmp_path: Path) -> None:
    """Two transactions that wait for each other: one is undone by the server, and repeated."""
    await migrate(postgresql_database, tmp_path)
    database = PostgresqlDatabase(make_url(database_url(postgresql_database, tmp_path)))
    await database.open()
    await database.write(
        lambda tx: tx.run("INSERT INTO frontends VALUES ('a', 'r', 0), ('b', 'r', 0)")
    )
    attempts = 0
    holding = set[str]()

    def crosswise(first: str, second: str) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            nonlocal attempts
            attempts += 1
            tx.run("SET LOCAL deadlock_timeout = '50ms'")
            tx.run("UPDATE frontends SET seen_ms = seen_ms + 1 WHERE id = ?", first)
            holding.add(first)
            while len(holding) < 2:
                tx.run("SELECT pg_sleep(0.01)")
            tx.run("UPDATE frontends SET seen_ms = seen_ms + 1 WHERE id = ?", second)

        return work

    await asyncio.gather(
        database.write(crosswise("a", "b")),
        database.write(crosswise("b", "a")),
    )
    counts = await database.read(lambda tx: tx.run("SELECT seen_ms FROM frontends").all())
    assert [row[0] for row in counts] == [2, 2]
    assert attempts >= 3  # who is undone may come back before the other wakes, and meet it again
    await database.close()


async def test_an_empty_database_says_what_to_do(postgresql_database: str, tmp_path: Path) -> None:
    """And keeps no connection open after that."""
    store = open_store(postgresql_database, tmp_path, SystemClock())
    with pytest.raises(SchemaOutdated, match="sheetanchor registry --migrate"):
        await store.open()
