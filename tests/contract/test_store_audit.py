"""Every store writes down what was done by hand: with the deed, once, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import EAST, EAST_REGION, POLICY, WEB, publication, registered
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.domain import audit
from registry.domain.audit import Act, AuditEntry, Deed
from registry.domain.errors import CellFrozen, EtagMismatch, PreviewRequired
from registry.domain.instance import Override
from registry.domain.names import Generation, Incarnation
from registry.domain.operation import CreateService, DecideRemoval, DeleteService, UpdateService
from registry.ports import Freeze, Pin, Rollback, Store

DEED = Deed(
    uid="d1",
    act=Act.BREAK_GLASS_PIN,
    subject="frontends/f1",
    actor="ann@host",
    reason="«why» not",
    time_ms=1_000,
    cell=EAST,
    frontend="f1",
    detail="/root/kept",
    generation=7,
    digest=b"\x00\xff" * 16,
)


def deed(uid: str, act: Act = Act.FREEZE, frontend: str = "") -> Deed:
    """One of an operator, or of a frontend."""
    return Deed(uid, act, "cells/east", "ann", "why", 5, cell=EAST, frontend=frontend)


async def uids(store: Store) -> list[str]:
    """All, the last received first."""
    return [entry.deed.uid for entry in await store.audit(None, 1000)]


async def test_a_deed_is_kept_whole_and_once(store: Store, clock: ManualClock) -> None:
    """Told twice, in any order, in one group or two: the first word stands."""
    clock.wall_ms = 50_000
    other = replace(DEED, uid="d0", digest=b"", generation=0)
    await store.note([DEED, other, DEED])
    clock.wall_ms = 60_000
    await store.note([other, replace(DEED, reason="another word")])
    assert await store.audit(None, 10) == [AuditEntry(DEED, 50_000), AuditEntry(other, 50_000)]
    assert await store.audit_entry("d1") == AuditEntry(DEED, 50_000)
    assert await store.audit_entry("nothing") is None
    await store.note([])


async def test_text_of_any_kind_is_kept(store: Store) -> None:
    """Whatever people write into it."""
    await store.note([replace(DEED, reason="a\0b\n" + "x" * 5000)])
    (entry,) = await store.audit(None, 10)
    assert entry.deed.reason.startswith("a")
    assert entry.deed.reason.endswith("x" * 5000)


async def test_pages_go_from_the_last_received_down(store: Store, clock: ManualClock) -> None:
    """Also where several were received at once."""
    for time_ms, names in ((1_000, "ab"), (2_000, "cd"), (3_000, "e")):
        clock.wall_ms = time_ms
        await store.note([deed(name) for name in names])
    assert await uids(store) == ["e", "d", "c", "b", "a"]
    first = await store.audit(None, 2)
    assert [entry.deed.uid for entry in first] == ["e", "d"]
    rest = await store.audit(first[-1].position, 10)
    assert [entry.deed.uid for entry in rest] == ["c", "b", "a"]
    assert await store.audit(rest[-1].position, 10) == []


async def test_what_operators_do_is_written_with_it(store: Store) -> None:
    """And what found nothing to do is not."""
    await store.lead(EAST, EAST_REGION, "node-1", 6.0)
    assert await store.publish(publication(1, 0, {}, base={}))
    await store.freeze(Freeze(EAST, "why", "ann", 1), deed("freeze"))
    with pytest.raises(CellFrozen):
        await store.publish(publication(1, 1, {}, base={}))
    assert await store.unfreeze(EAST, deed("unfreeze", Act.UNFREEZE))
    assert not await store.unfreeze(EAST, deed("nothing", Act.UNFREEZE))
    pin = Pin(EAST, Generation(1), "why", "ann", 1)
    assert await store.pin(pin, deed("pin", Act.PIN_PLAN))
    assert not await store.pin(replace(pin, generation=Generation(99)), deed("none"))
    assert await store.unpin(EAST, Generation(1), deed("unpin", Act.UNPIN_PLAN))
    assert not await store.unpin(EAST, Generation(1), deed("again"))
    back = replace(
        publication(1, 1, {}, base={}),
        rollback=Rollback(Generation(1), "why", "ann", 1),
        deed=deed("rollback", Act.ROLL_BACK),
    )
    assert await store.publish(back)
    lost = replace(back, deed=deed("lost", Act.ROLL_BACK))
    assert not await store.publish(lost)
    assert set(await uids(store)) == {"freeze", "unfreeze", "pin", "unpin", "rollback"}


async def test_edits_of_services_are_written_with_them(store: Store) -> None:
    """What is refused, or changes nothing, leaves no entry."""
    await store.edit_service(CreateService(WEB, None, "s1"))
    update = UpdateService(WEB, POLICY, "", deed=deed("update", Act.UPDATE_SERVICE))
    with pytest.raises(PreviewRequired):
        await store.edit_service(update)
    assert await uids(store) == []
    await edited(store, update)
    await store.edit_service(UpdateService(WEB, POLICY, "", deed=deed("same")))
    with pytest.raises(EtagMismatch):
        await store.edit_service(UpdateService(WEB, POLICY, "r0", deed=deed("stale")))
    await registered(store, "a", "u1")
    await edited(store, DeleteService(WEB, "", True, deed=deed("delete", Act.DELETE_SERVICE)))
    assert set(await uids(store)) == {"update", "delete"}


async def test_decisions_on_removals_are_written_with_them(store: Store) -> None:
    """One about an older incarnation decides nothing, and leaves no entry."""
    instance = await registered(store, "a", "u1")
    late = DecideRemoval(instance.key, Incarnation("u0"), Override.KEEP, deed("late"))
    made = DecideRemoval(instance.key, instance.incarnation, Override.KEEP, deed("keep"))
    await store.apply([late, made])
    assert await uids(store) == ["keep"]


async def test_old_entries_are_forgotten(store: Store, clock: ManualClock) -> None:
    """By the registry's clock: a frontend's may be wrong by decades."""
    clock.wall_ms = 1_000_000_000_000
    await store.note([replace(DEED, time_ms=0)])
    clock.wall_ms += round(audit.KEEP_SECONDS * 1000)
    await store.note([deed("late")])
    await store.compact(100)
    assert await uids(store) == ["late", "d1"]
    clock.wall_ms += 1
    await store.compact(100)
    assert await uids(store) == ["late"]


async def test_a_frontend_that_runs_wild_pushes_out_no_operators_word(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of each kind are bounded in number by themselves."""
    monkeypatch.setattr(audit, "KEEP_ENTRIES", 3)
    for number in range(6):
        clock.wall_ms += 1
        await store.note([deed(f"f{number}", frontend="f")])
        if number < 2:
            await store.note([deed(f"o{number}")])
    await store.compact(100)
    assert sorted(await uids(store)) == ["f3", "f4", "f5", "o0", "o1"]
