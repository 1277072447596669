"""From any content of the tables a valid, newer generation comes by itself (I10).

Somebody edits the tables without respect for any rule: dangling heads, missing parents,
nulls, corrupt bodies, rows deleted with foreign keys off, an older backup restored. Then
a node comes up on what is left, and a frontend that followed before follows it again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from frontend_model import FrontendModel
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from inline_sqlite import InlineSqlite
from publication_node import EU, PublicationNode, draft, running

from dns_frontend.plan.cell import CellState
from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.adapters.store.schema import metadata
from registry.adapters.store.sql_store import SqlStore
from registry.domain.digest import DigestTree

EDITS = 500
PERIOD_SECONDS = 10.0
CATALOG = ("namespaces", "services", "instances", "leases", "changes", "registry_state", "graves")
CHAIN = ("cells", "plans", "names", "sightings", "pins", "rollbacks", "healings", "tracks")
SAID = ("frontends", "frontend_cells")
VALUES = {
    "BIGINT": [
        "0",
        "1",
        "2",
        "-1",
        "7",
        "1000000",
        "{column} + 1",
        "{column} - 1",
        "1099511627776",
    ],
    "INTEGER": ["0", "1", "2", "-1", "7", "{column} + 1"],
    "TEXT": ["''", "'{{}}'", "'null'", "'garbage'", "'eu'", "'[1]'", "substr({column}, 1, 20)"],
    "BLOB": ["x''", "x'00'", "x'ffffffffff'", "NULL", "substr({column}, 1, 9)", "zeroblob(40)"],
}


@dataclass(frozen=True)
class Past:
    """A registry and its frontend before anybody touched anything."""

    database: bytes
    backup: bytes
    """The same, some generations earlier."""
    frontend: CellState
    wall_ms: int


async def lived() -> Past:
    """A service with instances, one whose last left, one deleted, and a frontend."""
    clock, database = ManualClock(), InlineSqlite()
    store = SqlStore(database, clock)
    await store.open()
    frontend = FrontendModel(EU)
    backup = b""
    async with running(PublicationNode(store, clock, ScriptedProber(clock), name="a")) as node:
        await clock.advance(0.1)
        async with frontend.following(node.feed, node.frontends):
            for number, parent in enumerate(("cart", "cart", "held", "gone", "cart", "other")):
                registered = await node.registrar.register(
                    draft(
                        f"i{number}",
                        parent=f"namespaces/shop/services/{parent}",
                        ttl_seconds=300.0,
                        # a place of its own: that of a service that is gone is not given away
                        addresses=(f"127.0.0.{number + 1}",),
                    )
                )
                await clock.advance(0.2)
                if parent == "held":
                    await node.leave(registered)
                if number == 2:
                    await clock.advance(0.2)
                    backup = database.raw.serialize()
                if parent == "gone":
                    await node.delete(registered.instance.key.service_key)
                await clock.advance(0.3)
    assert set(frontend.answers()) == {"shop/cart", "shop/held", "shop/other"}
    return Past(database.raw.serialize(), backup, frontend.state, clock.wall_ms)


PAST = asyncio.run(lived())


@st.composite
def edit(draw: st.DrawFn) -> tuple[str, str]:
    """(table, statement)."""
    name = draw(st.sampled_from(CATALOG + CHAIN + CHAIN + SAID))
    table = metadata.tables[name]
    keys = ", ".join(column.name for column in table.primary_key)
    where = draw(
        st.one_of(
            st.just(""),
            st.builds(
                " WHERE ({keys}) = (SELECT {keys} FROM {name} ORDER BY {keys}{way} LIMIT 1"
                " OFFSET {n})".format,
                keys=st.just(keys),
                name=st.just(name),
                way=st.sampled_from((" DESC", "")) if "," not in keys else st.just(""),
                n=st.integers(0, 4),
            ),
        )
    )
    if draw(st.booleans()):
        return name, f"DELETE FROM {name}{where}"
    if name == "plans" and draw(st.booleans()):
        columns = [column.name for column in table.columns]
        above = [f"{c} + 1" if c == "generation" else c for c in columns]
        return name, (
            f"INSERT INTO plans ({', '.join(columns)}) SELECT {', '.join(above)} FROM plans"
            " ORDER BY generation DESC LIMIT 1"
        )
    column = draw(st.sampled_from(list(table.columns)))
    value = draw(st.sampled_from(VALUES[str(column.type.compile(dialect=None))]))
    return name, f"UPDATE {name} SET {column.name} = {value.format(column=column.name)}{where}"


@pytest.mark.timeout(600)  # half a thousand registries come up in it
@settings(
    max_examples=EDITS,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(edit(), min_size=1, max_size=4), st.booleans())
def test_whatever_was_done_to_the_tables_a_valid_newer_generation_is_published(
    edits: list[tuple[str, str]], from_backup: bool
) -> None:
    asyncio.run(converges(edits, from_backup))


async def converges(edits: list[tuple[str, str]], from_backup: bool) -> None:
    database = InlineSqlite(PAST.backup if from_backup else PAST.database)
    database.tamper(*(statement for _, statement in edits))
    clock = ManualClock(wall_ms=PAST.wall_ms + 60_000)
    store = SqlStore(database, clock)
    await store.open()
    frontend = FrontendModel(EU, state=PAST.frontend)
    fresh = FrontendModel(EU, "dns-2")
    before, answered = frontend.order, frontend.answers()
    async with (
        running(PublicationNode(store, clock, ScriptedProber(clock), name="b")) as node,
        frontend.following(node.feed, node.frontends),
        fresh.following(node.feed, node.frontends),
    ):
        await clock.advance(0.5)
        await node.register("new", ttl_seconds=300.0)
        await clock.advance(2 * PERIOD_SECONDS)
        (head,) = [head for head in await store.heads() if head.cell == EU]
        found = await store.read_plan(EU, head.generation)
        assert found is not None, "the head's plan can be read"
        record, entries = found
        assert record.digest == head.digest == DigestTree(entries).value, "I6"
        assert (record.epoch, record.generation) > before, "newer than any frontend's"
        plans = {key: ProtoPlanCodec().decode(body) for key, body in entries.items()}
        assert "new" in {each.instance for each in plans["shop/cart"].endpoints}
        assert fresh.order == (record.epoch, record.generation), "a new frontend is served"
        assert frontend.order == (record.epoch, record.generation), "and so is the old one"
        assert frontend.refusals == []
        buried = {key for key, entry in plans.items() if entry.tombstone is not None}
        answers = frontend.answers()
        assert set(answered) - buried <= set(answers), "I7"
        assert "new" in answers["shop/cart"]
        held = frontend.held()
        if held:
            # It alone remembers names of which every trace here was destroyed: these stay as
            # they were, one by one (I7), and no other waits for them (I10, I20).
            assert {key: answers[key] for key in held} == {key: answered[key] for key in held}
            touched = {table for table, _ in edits}
            assert from_backup or len(touched) >= 2, "damage to one table loses no name"
            event("the frontend holds what it alone remembers")
        else:
            event("nothing is held")
