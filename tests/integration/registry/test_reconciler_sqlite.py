"""A cell looked after for real: SQLite on disk, TCP sockets, the system's clock."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

import pytest
from open_port import listening
from publication_node import (
    CART,
    CELLS,
    EU,
    FRONTEND,
    Follower,
    PublicationNode,
    draft,
    following,
    running,
    until,
)

from registry.adapters.clock import SystemClock
from registry.adapters.probe.tcp import TcpProber
from registry.adapters.store import factory
from registry.app.service_event import ChangeBatch
from registry.domain.health import Health
from registry.ports import Acknowledgement

FAST = {"lease_seconds": 0.6, "full_pass_seconds": 0.5}


@asynccontextmanager
async def node_at(path: Path, name: str = "a") -> AsyncIterator[PublicationNode]:
    clock = SystemClock()
    await factory.migrate("", path)
    store = factory.open_store("", path, clock)
    await store.open()
    try:
        async with running(PublicationNode(store, clock, TcpProber(), name=name, **FAST)) as node:
            yield node
    finally:
        await store.close()


def healthy(follower: Follower) -> set[str]:
    plan = follower.plan(CART)
    endpoints = () if plan is None else plan.endpoints
    return {str(e.instance) for e in endpoints if e.health is Health.HEALTHY}


async def test_a_real_instance_is_validated_published_lost_and_found(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node, following(node.feed) as follower:
        async with listening() as port:
            await node.register(port=port, ttl_seconds=300.0)
            await until(lambda: healthy(follower) == {"i1"})
        await node.register("i2", ttl_seconds=300.0)
        await until(lambda: healthy(follower) == {"i1", "i2"})
        one = node.mirror.instances[next(iter(node.mirror.instances))]
        await node.registrar.deregister(one.key, one.incarnation)
        await until(lambda: healthy(follower) == {"i2"})
        assert follower.plan() == node.planned()


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        async with following(node.feed) as follower:
            await node.register("i1", ttl_seconds=300.0)
            await until(lambda: healthy(follower) == {"i1"})
        generation = node.generation
    async with node_at(tmp_path, "b") as node, following(node.feed, follower):
        await until(lambda: node.reconcilers[EU].is_leading)
        await node.register("i2", ttl_seconds=300.0)
        await until(lambda: healthy(follower) == {"i1", "i2"})
        assert follower.records[EU].epoch == 2
        assert follower.records[EU].parent_generation == generation


def _track(pairs: str) -> str:
    return (
        "INSERT OR REPLACE INTO tracks (cell, namespace, service, write_ms, body)"
        f""" VALUES ('{EU}', '', '', 9000000000000, '{{{{"removals":{pairs},"peaks":{pairs}}}}}')"""
    )


def _observer(round_seconds: str) -> str:
    found = (
        f'{{{{"targets":1,"failing":{{{{}}}},"complete":true,"round_seconds":{round_seconds},'
        '"connects_only":false}}'
    )
    return (
        "INSERT INTO observers (cell, observer, region, beat, version, findings, seen_ms,"
        " quarantine_ms, why)"
        f" VALUES ('{EU}', 'node.z', 'eu', 1, 1, CAST('{found}' AS BLOB), 1, 0, '')"
    )


DAMAGES = {
    "a delta is cut short": "UPDATE plans SET delta = substr(delta, 1, 3)",
    "a base is garbage": "UPDATE plans SET base = x'ffffffffff'",
    "the head's plan is gone": (
        "DELETE FROM plans WHERE generation = (SELECT MAX(generation) FROM plans)"
    ),
    "all plans are gone": "DELETE FROM plans",
    "the head's digest is another": "UPDATE cells SET head_digest = x'00'",
    "the head points to nothing": "UPDATE cells SET head_generation = 40",
    "the next plan is there already": (
        "INSERT INTO plans ({columns}) SELECT {above} FROM plans"
        " WHERE generation = (SELECT MAX(generation) FROM plans)"
    ),
    "the head was set back": "UPDATE cells SET head_generation = head_generation - 1",
    "an age is beyond arithmetic": _track(f"[[1{'0' * 400},1]]"),
    "a number is beyond arithmetic": _track(f"[[0,1{'0' * 400}]]"),
    "an age is endless": _track("[[Infinity,1]]"),
    "records of removals are nested for ever": _track("[" * 100_000),
    "an observer's round is a word": _observer('"long"'),
    "an observer's findings are text": _observer("1").replace("AS BLOB", "AS TEXT"),
    "an observer's round is endless": _observer("Infinity"),
    "an observer's findings are nested for ever": _observer("[" * 100_000),
}


def damage_database(path: Path, statement: str) -> None:
    """Do what the database itself forbids: its triggers are dropped first."""
    with closing(sqlite3.connect(path)) as database, database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (trigger,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        names = [row[1] for row in database.execute("PRAGMA table_info(plans)")]
        above = ("generation + 1" if name == "generation" else name for name in names)
        statement = statement.format(columns=", ".join(names), above=", ".join(above))
        assert database.execute(statement).rowcount > 0


@pytest.mark.parametrize("damage", DAMAGES)
async def test_from_any_content_of_the_database_a_valid_generation_is_published(
    tmp_path: Path, damage: str
) -> None:
    """I10: and a frontend that followed before follows on, unless the head was set back."""
    async with node_at(tmp_path) as node, following(node.feed) as follower:
        for number in range(4):
            await node.register(f"i{number}", ttl_seconds=300.0)
            await until(lambda: len(healthy(follower)) == number + 1)  # noqa: B023 - called before the loop goes on
    damage_database(tmp_path / factory.SQLITE_FILE, DAMAGES[damage])
    async with node_at(tmp_path, "b") as node:
        await node.register("new", ttl_seconds=300.0)
        fresh = Follower()
        async with following(node.feed, fresh):
            await until(lambda: healthy(fresh) == {"i0", "i1", "i2", "i3", "new"})
            (head,) = await node.store.heads()
            found = await node.store.read_plan(EU, head.generation)
            assert found is not None
            assert found[1] == fresh.entries[EU]
            if damage != "the head was set back":
                assert fresh.records[EU].generation > follower.records[EU].generation
        assert fresh.records[EU].epoch > follower.records[EU].epoch


async def test_service_watchers_resume_over_a_restart(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        await node.register("i1", ttl_seconds=300.0)
        start = node.mirror.revision
        await node.register("i2", ttl_seconds=300.0)
    async with (
        node_at(tmp_path, "b") as node,
        aclosing(node.services.watch(None, None, start)) as events,
    ):
        batch = await anext(events)
        assert isinstance(batch, ChangeBatch)
        assert [change.revision for change in batch.changes] == [start + 1]
        await node.registrar.register_batch([draft("i3"), draft("i4")])
        reached = batch.revision
        while reached < node.mirror.revision:
            reached = (await anext(events)).revision


async def test_frontends_words_survive_a_restart(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        await until(lambda: node.generation == 1)
        record = node.feed.head(EU)
        assert record is not None
        await node.frontends.acknowledge(
            Acknowledgement(FRONTEND, CELLS[EU], EU, record.epoch, record.generation, "", 5)
        )
        await node.frontends.flush()
    async with node_at(tmp_path, "b") as node:
        (frontend,) = await node.store.frontends()
        assert frontend.cells[0].generation == 1
