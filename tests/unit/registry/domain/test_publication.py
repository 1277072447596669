"""The next generation of a cell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_samples import CART, endpoint, named, plan

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.cell_plan import CellPlan, Entry, octets_of, restore
from registry.domain.digest import DigestTree
from registry.domain.names import CellName, Epoch, Generation, Revision
from registry.domain.plan import PlanDelta, ServicePlan
from registry.domain.publication import (
    BASE_FLOOR_OCTETS,
    first_record,
    must_publish,
    needs_base,
    next_step,
)
from registry.domain.zone import ZONE_KEY

EU = CellName("eu")
CODEC = ProtoPlanCodec()


def encoded(of: ServicePlan) -> Entry:
    return Entry(of, CODEC.encode(of))


def empty() -> CellPlan:
    return CellPlan(first_record(EU, Epoch(1), Generation(0), b""))


def advance(at: CellPlan, entries: dict[str, Entry | None], skip: int = 0) -> CellPlan:
    step = next_step(
        at,
        entries,
        epoch=Epoch(2),
        revision=Revision(5),
        now_ms=77,
        traceparent="00-a",
        skip=skip,
    )
    at.commit(step)
    return at


def test_a_step_names_its_parent_and_describes_what_comes_of_it() -> None:
    at = advance(empty(), {CART.entry: encoded(plan(endpoint(), endpoint("i2")))})
    record = at.record
    assert (record.parent_generation, record.generation, record.epoch) == (0, 1, 2)
    assert (record.service_count, record.endpoint_count, record.revision) == (1, 2, 5)
    assert (record.create_time_ms, record.traceparent) == (77, "00-a")
    assert record.digest == DigestTree(at.bodies()).value
    assert advance(at, {}, skip=3).record.generation == 5
    assert at.record.parent_generation == 1


def test_the_zones_settings_are_counted_as_no_service() -> None:
    """They are published like one; nobody made it, and no list shows it."""
    zone = replace(plan(), key=ZONE_KEY)
    at = advance(empty(), {CART.entry: encoded(plan()), ZONE_KEY.entry: encoded(zone)})
    assert at.record.service_count == 1
    assert advance(at, {CART.entry: encoded(plan(endpoint()))}).record.service_count == 1
    assert advance(at, {CART.entry: None}).record.service_count == 0
    assert advance(at, {ZONE_KEY.entry: None}).record.service_count == 0


def test_a_step_leaves_the_plan_as_it_is_until_it_is_taken_on() -> None:
    at = advance(empty(), {CART.entry: encoded(plan(endpoint()))})
    before = (at.record, dict(at.entries), at.totals, at.tree.value)
    step = next_step(
        at,
        {CART.entry: None, "shop/s1": encoded(named(1))},
        epoch=Epoch(2),
        revision=Revision(6),
        now_ms=0,
        traceparent="",
    )
    assert (at.record, dict(at.entries), at.totals, at.tree.value) == before
    at.commit(step)
    assert list(at.entries) == ["shop/s1"]
    assert step.delta.removed == (CART.entry,)
    assert (at.totals.services, at.totals.live, at.totals.endpoints) == (1, 1, 0)
    assert at.totals.octets == len(at.entries["shop/s1"].body)


def test_an_empty_cell_is_published_once_and_then_only_changes_are() -> None:
    at = empty()
    assert must_publish(at, 0)
    advance(at, {})
    assert not must_publish(at, 0)
    assert must_publish(at, 1)


def test_content_that_is_not_what_the_head_says_is_published_anew_with_a_base() -> None:
    good = advance(empty(), {CART.entry: encoded(plan(endpoint()))})
    record = replace(good.record, digest=b"another")
    damaged = restore(record, good.bodies(), CODEC.decode)
    assert not damaged.is_sound
    assert must_publish(damaged, 0)
    step = next_step(damaged, {}, epoch=Epoch(3), revision=Revision(1), now_ms=0, traceparent="")
    assert step.base == good.bodies()
    damaged.commit(step)
    assert damaged.is_sound
    assert not must_publish(damaged, 0)


def test_entries_that_cannot_be_read_are_kept_as_they_are_and_conclude_nothing() -> None:
    other = CODEC.encode(named(1))
    bodies = {CART.entry: b"\xff\xff", "shop/misfiled": other}
    record = replace(
        first_record(EU, Epoch(1), Generation(4), b""), digest=DigestTree(bodies).value
    )
    restored = restore(record, bodies, CODEC.decode)
    assert restored.is_sound
    assert [entry.plan for entry in restored.entries.values()] == [None, None]
    assert restored.bodies() == bodies


@pytest.mark.parametrize(
    ("since_base", "base_octets", "wanted"),
    [
        (None, 10, True),
        (0, 10, False),
        (BASE_FLOOR_OCTETS - 10, 10, False),
        (BASE_FLOOR_OCTETS - 9, 10, True),
        (BASE_FLOOR_OCTETS, 10 * BASE_FLOOR_OCTETS, False),
        (10 * BASE_FLOOR_OCTETS - 10, 10 * BASE_FLOOR_OCTETS, False),
        (10 * BASE_FLOOR_OCTETS - 9, 10 * BASE_FLOOR_OCTETS, True),
    ],
)
def test_a_base_is_written_when_deltas_outgrow_it(
    since_base: int | None, base_octets: int, wanted: bool
) -> None:
    at = advance(empty(), {})
    at.octets_since_base = since_base
    delta = PlanDelta({"shop/a": b"1234"})
    assert octets_of(delta) == 10
    assert needs_base(at, delta, base_octets) is wanted


def test_the_work_of_writing_bases_follows_the_changes() -> None:
    at = advance(empty(), {f"shop/s{n}": encoded(named(n, plan(endpoint()))) for n in range(1000)})
    deltas = bases = 0
    for number in range(3000):
        key = f"shop/s{number % 1000}"
        changed = named(number % 1000, plan(endpoint(weight=number + 1)))
        step = next_step(
            at,
            {key: encoded(changed)},
            epoch=Epoch(2),
            revision=Revision(5),
            now_ms=0,
            traceparent="",
        )
        deltas += octets_of(step.delta)
        if step.base is not None:
            bases += sum(map(len, step.base.values()))
            assert step.base == at.bodies() | {key: step.delta.changed[key]}
        at.commit(step)
    assert 0 < bases < 1.5 * deltas
