"""Which names have a fallback to lean on is known all along, for constant work (I25, I29)."""

from __future__ import annotations

import pytest
from feed_samples import body, snapshot, tombstone

from dns_frontend import telemetry
from dns_frontend.feed.readiness import NAMES_A_TICK, Readiness
from dns_frontend.plan.content import TreeContent
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.table import AnswerTable
from sheetanchor.v1 import instance_pb2, plan_pb2


def zone() -> AnswerTable:
    return AnswerTable(ZoneSettings("anchor.internal.", ("127.0.0.1",)), "east", ("east", "west"))


def put(table: AnswerTable, cell: str, generation: int = 1, **bodies: bytes) -> None:
    """The cell says this, of services in `shop`, and nothing else."""
    entries = {f"shop/{name}": octets for name, octets in bodies.items()}
    given = snapshot(generation, cell=cell, bodies=entries)
    table.attach(given.position, TreeContent(given.tree, {}, 0.0, 0.0), float(generation))


def sick(service: str) -> bytes:
    plan = plan_pb2.ServicePlan.FromString(body(service))
    plan.endpoints[0].health = instance_pb2.HEALTH_UNHEALTHY
    return plan.SerializeToString(deterministic=True)


async def counted(table: AnswerTable) -> tuple[int, int] | None:
    """After all were gone through."""
    readiness = Readiness("f", table, ("east", "west"))
    while readiness.ready is None:
        await readiness.tick()
    return readiness.ready


async def test_a_name_is_ready_when_another_region_in_good_standing_has_healthy_endpoints() -> None:
    table = zone()
    both = {name: body(name) for name in ("cart", "till", "desk")}
    put(table, "east", **both, alone=body("alone"), gone=tombstone("gone"))
    put(
        table, "west", cart=body("cart"), till=sick("till"), far=body("far"), gone=tombstone("gone")
    )
    # cart: yes; till: sick there; desk and alone: nowhere else; far: answered from west already
    assert await counted(table) == (1, 4)
    put(table, "west", 2, cart=body("cart"), till=body("till"), far=body("far"))
    assert await counted(table) == (2, 3)
    # in trouble the question is the same: who answers if west, which answers now, is lost
    put(table, "east", 2, **{name: sick(name) for name in both})
    assert await counted(table) == (0, 4)


async def test_a_second_is_the_same_work_however_many_names_there_are_and_however_they_do() -> None:
    table = zone()
    many = [f"s{number}" for number in range(3 * NAMES_A_TICK)]
    put(table, "east", **{name: body(name) for name in many})
    put(table, "west", **{name: body(name) for name in many})
    readiness = Readiness("f", table, ("east", "west"))
    assert [await readiness.tick() for _ in range(3)] == [NAMES_A_TICK] * 3
    assert readiness.ready is None, "the last was not known to be the last"
    assert await readiness.tick() == 0
    assert readiness.ready == (len(many), 0)
    put(table, "west", 2, **{name: sick(name) for name in many})
    assert [await readiness.tick() for _ in range(4)] == [NAMES_A_TICK] * 3 + [0]
    assert readiness.ready == (0, len(many))


async def test_to_look_at_a_name_opens_none_and_changes_no_answer() -> None:
    table = zone()
    put(table, "east", cart=body("cart"), till=body("till"))
    assert table.service(("shop", "cart")) is not None
    before = table.changes
    assert await counted(table) == (0, 2)
    assert len(table.services) == 1
    assert table.changes == before


async def test_a_name_that_changes_while_all_are_gone_through_is_looked_at_as_it_is_then() -> None:
    table = zone()
    put(table, "east", **{f"s{number}": body(f"s{number}") for number in range(NAMES_A_TICK + 5)})
    readiness = Readiness("f", table, ("east", "west"))
    await readiness.tick()
    put(table, "east", 2, other=body("other"))
    while readiness.ready is None:
        await readiness.tick()
    # what is not mentioned any more is remembered by those that were open, and by no other
    assert sum(readiness.ready) <= NAMES_A_TICK + 5
    assert await counted(table) == (0, 1)


async def test_the_gauge_tells_nothing_before_all_were_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(telemetry._readings, telemetry.SERVICES_READY, ())
    table = zone()
    put(table, "east", cart=body("cart"))
    readiness = Readiness("f", table, ("east", "west"))
    withdraw = readiness.show()
    (reading,) = telemetry._readings[telemetry.SERVICES_READY]
    assert list(reading()) == []
    await readiness.tick()
    assert [(value, each["ready"]) for value, each in reading()] == [(0, "yes"), (1, "no")]
    withdraw()
    assert telemetry._readings[telemetry.SERVICES_READY] == ()
