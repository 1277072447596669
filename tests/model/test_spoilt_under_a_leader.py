"""What is spoilt or set back while a leader lives is put right too, with no human (I10).

A leader holds its plan in memory and needs nothing of what is stored, so nothing of its own
work would ever tell it. It looks, once a period; and heads that went back are noticed by
everybody who knew better.
"""

from __future__ import annotations

import pytest
from frontend_model import FrontendModel
from inline_sqlite import InlineSqlite
from publication_node import CART, EU, PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.adapters.store import cells
from registry.adapters.store.sql_store import SqlStore
from registry.domain.digest import DigestTree
from registry.domain.leadership import Bid

PERIOD_SECONDS = 10.0


async def head_of(store: SqlStore) -> tuple[int, dict[str, bytes]]:
    """The head's generation, and its entries as they are stored; none if they cannot be read."""
    (head,) = [head for head in await store.heads() if head.cell == EU]
    found = await store.read_plan(EU, head.generation)
    if found is None or DigestTree(found[1]).value != head.digest:
        return head.generation, {}
    return head.generation, dict(found[1])


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM plans",
        "DELETE FROM plans WHERE generation = (SELECT MAX(generation) FROM plans)",
        "UPDATE plans SET delta = x'00', base = CASE WHEN base IS NULL THEN NULL ELSE x'00' END",
    ],
)
async def test_a_leader_publishes_anew_what_is_not_stored_any_more(edit: str) -> None:
    """Within two periods, though nothing was registered, and nobody else came to lead."""
    clock, database = ManualClock(), InlineSqlite()
    store = SqlStore(database, clock)
    await store.open()
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as node:
        await clock.advance(0.5)
        await node.register("i1", ttl_seconds=300.0)
        await clock.advance(0.5)
        before, entries = await head_of(store)
        assert CART.entry in entries
        database.tamper(edit)
        assert await head_of(store) == (before, {})
        await clock.advance(2 * PERIOD_SECONDS)
        after, entries = await head_of(store)
        assert after > before
        assert CART.entry in entries


async def test_nothing_is_published_when_all_is_as_it_should_be() -> None:
    """A look is no reason for a generation."""
    clock, database = ManualClock(), InlineSqlite()
    store = SqlStore(database, clock)
    await store.open()
    async with running(PublicationNode(store, clock, ScriptedProber(clock))) as node:
        await clock.advance(0.5)
        await node.register("i1", ttl_seconds=300.0)
        await clock.advance(0.5)
        before, _ = await head_of(store)
        await clock.advance(4 * PERIOD_SECONDS)
        assert (await head_of(store))[0] == before


def _of_many(node: str, lease_ms: int, now_ms: int, exclusive: bool) -> Bid:
    """A bid as at a database that several processes share, which SQLite's never is."""
    assert exclusive
    return Bid(node, lease_ms, now_ms, exclusive=False)


@pytest.mark.parametrize("at_leader", [True, False], ids=["leader", "follower"])
async def test_a_backup_restored_under_live_nodes_is_jumped_past(
    at_leader: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever node a frontend follows: none tells it that what was lost is the head still."""
    monkeypatch.setattr(cells, "Bid", _of_many)
    clock, database = ManualClock(), InlineSqlite()
    store = SqlStore(database, clock)
    await store.open()
    frontend = FrontendModel(EU)
    first = PublicationNode(store, clock, ScriptedProber(clock), name="a")
    second = PublicationNode(store, clock, ScriptedProber(clock), name="b")
    async with running(first), running(second):
        await clock.advance(0.5)
        leader, follower = (first, second) if first.reconcilers[EU].is_leading else (second, first)
        followed = leader if at_leader else follower
        async with frontend.following(followed.feed, followed.frontends):
            await leader.register("i1", ttl_seconds=300.0)
            await clock.advance(1.0)
            backup = database.raw.serialize()
            await leader.register("i2", ttl_seconds=300.0)
            await clock.advance(1.0)
            lost = frontend.order
            database.raw.deserialize(backup)
            await clock.advance(2 * PERIOD_SECONDS)
            (head,) = [head for head in await store.heads() if head.cell == EU]
            assert head.generation > lost[1]
            assert frontend.order[1] == head.generation
            assert frontend.state.served is not None
            assert frontend.state.served.position.digest == head.digest
