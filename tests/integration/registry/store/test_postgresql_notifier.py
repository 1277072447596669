"""Notices between nodes on a real PostgreSQL: what is cut, or swallows them, is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from postgresql_server import PostgresqlServer
from sqlalchemy.engine import make_url

from registry.adapters.clock import SystemClock
from registry.adapters.store.postgresql import postgresql_engine
from registry.adapters.store.postgresql_notifier import CHANNEL, PostgresqlNotifier
from registry.domain.notice import Notice, Topic

DEADLINE_SECONDS = 30.0
WORD = Notice(Topic.HEAD, "east", 7)


class Node:
    """One node's notifier, and what its loops heard."""

    def __init__(self, url: str, **pace: float) -> None:
        self.notifier = PostgresqlNotifier(
            make_url(url).set(drivername="postgresql+asyncpg"),
            SystemClock(),
            lambda: 0.0,
            **pace,
        )
        self.heard: list[Notice] = []
        self.notifier.subscribe(Topic, self.heard.append)

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something that this node is to see."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not true():  # noqa: ASYNC110 - many things may make it so
                await asyncio.sleep(0.005)

    async def reached_by(self, other: Node) -> None:
        """Wait until a word of the other comes; what is told too early is told again."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while WORD not in self.heard:
                other.notifier.tell(WORD)
                await asyncio.sleep(0.01)
        self.heard.clear()


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(node.notifier.run()) for node in nodes]
    try:
        for node in nodes:
            await node.until(lambda n=node: n.notifier.is_listening)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest_asyncio.fixture
async def pair(postgresql_database: str) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes that hear each other."""
    one, two = Node(postgresql_database), Node(postgresql_database)
    async with running(one, two):
        await two.reached_by(one)
        await one.reached_by(two)
        # each hears the other's words in their order: after these, nothing of the above comes
        last = [Notice(Topic.LEAD, "first"), Notice(Topic.LEAD, "second")]
        for node, notice in zip((one, two), last, strict=True):
            node.notifier.tell(notice)
        for node in (one, two):
            await node.until(lambda heard=node.heard: {*last} <= {*heard})
        for node in (one, two):
            node.heard.clear()
        yield one, two


async def run_sql(url: str, statement: str) -> None:
    engine = postgresql_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


async def test_a_cut_connection_is_made_anew_and_everything_is_looked_at(
    pair: tuple[Node, Node], postgresql_database: str
) -> None:
    """At the cut, since polls must be frequent again; and when notices come again."""
    one, two = pair
    await run_sql(
        postgresql_database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query ILIKE '%pg_notify%'"
        " AND pid <> pg_backend_pid()",
    )
    for node in pair:
        await node.until(lambda n=node: n.heard.count(Notice(Topic.MISSED)) >= 2)
        await node.until(lambda n=node: n.notifier.is_listening)
    await two.reached_by(one)
    await one.reached_by(two)


async def test_a_server_that_goes_and_comes_is_listened_to_again() -> None:
    """However long it takes; and what is told meanwhile reaches this node's own loops."""
    server = PostgresqlServer()
    try:
        await asyncio.to_thread(server.start)
        url = await asyncio.to_thread(server.new_database)
        one, two = Node(url), Node(url)
        async with running(one, two):
            await asyncio.to_thread(server.halt)
            await one.until(lambda: not one.notifier.is_listening)
            one.heard.clear()
            one.notifier.tell(WORD)
            assert one.heard == [WORD]
            await asyncio.to_thread(server.launch)
            await two.reached_by(one)
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_connection_that_swallows_notices_is_not_trusted(
    postgresql_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pool that gives each statement another session: LISTEN is accepted there."""
    node = Node(postgresql_database, prove_seconds=0.05, echo_seconds=0.2)
    async with running(node):
        node.heard.clear()
        # the session forgets what it listened for, as another one would
        monkeypatch.setattr(
            "registry.adapters.store.postgresql_notifier.CHANNEL", "nobody listens here"
        )
        await node.until(lambda: not node.notifier.is_listening)
        assert node.heard == [Notice(Topic.MISSED)]
        monkeypatch.undo()
        await node.until(lambda: node.notifier.is_listening)


async def test_words_of_others_on_the_channel_are_let_go(
    pair: tuple[Node, Node], postgresql_database: str
) -> None:
    """A later version's topics, a forger's garbage; and what looks true only wakes."""
    one, two = pair
    for text in ("", "x", "echo 1", "election 1 east", "head -1 east", "y" * 7_000):
        await run_sql(postgresql_database, f"SELECT pg_notify('{CHANNEL}', '{text}')")
    await run_sql(postgresql_database, f"SELECT pg_notify('{CHANNEL}', '{WORD}')")
    await one.until(lambda: one.heard)
    await two.until(lambda: two.heard)
    assert one.heard == two.heard == [WORD]


async def test_many_commits_are_told_as_the_newest(pair: tuple[Node, Node]) -> None:
    """Of each cell; a busy node sends as often as it can, and nothing piles up."""
    one, two = pair
    for number in range(1, 1001):
        one.notifier.tell(Notice(Topic.HEAD, f"cell-{number % 3}", number))
    last = {Notice(Topic.HEAD, f"cell-{number % 3}", number) for number in (998, 999, 1000)}
    await two.until(lambda: last <= {*two.heard})
    assert len(two.heard) <= 6


async def test_the_last_word_of_a_node_that_goes_down_is_sent(postgresql_database: str) -> None:
    """Told and cancelled at once, as a leader that resigns in its stop does."""
    two = Node(postgresql_database)
    async with running(two):
        for _ in range(5):
            one = Node(postgresql_database)
            async with running(one):
                await two.reached_by(one)
                last = Notice(Topic.LEAD, "east")
                two.heard.clear()
                one.notifier.tell(last)
            await two.until(lambda: last in two.heard)  # noqa: B023 - awaited here
