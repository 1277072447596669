"""What is done by hand is listed, page by page; what frontends tell of it is checked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from registry_site import SERVICE, Site, eventually, fields, reason, refusal
from two_keys import confirmed

from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1.audit_entry_pb2 import AuditEntry
from sheetanchor.v1.publication_service_pb2 import ReportBreakGlassRequest

WHO = {"actor": "ann@host", "reason": "a drill"}


def report(**changes: Any) -> ReportBreakGlassRequest:
    """A good word of a frontend."""
    said: dict[str, Any] = {
        "frontend_id": "f1",
        "act_uid": "one",
        "cell": "eu",
        "act": ReportBreakGlassRequest.ACT_PIN,
        "actor": "ann@host",
        "reason": "eu is wrong",
        "act_time": Timestamp(seconds=1_767_323_045),
        "generation": 7,
        "digest": b"\x01" * 32,
        "file": "/root/kept",
    }
    return ReportBreakGlassRequest(**said | changes)


async def listed(site: Site, **ask: Any) -> list[AuditEntry]:
    """All entries, in pages of two."""
    found: list[AuditEntry] = []
    token = ""
    while True:
        page = await site.admin.ListAuditEntries(
            pb.ListAuditEntriesRequest(page_size=2, page_token=token, **ask)
        )
        found += page.audit_entries
        token = page.next_page_token
        if not token:
            return found


async def test_operators_deeds_are_listed_with_who_and_why(site: Site) -> None:
    """The last one first; what was only looked at is no deed."""
    uid = (await site.register("one")).instance.uid
    await eventually(lambda: site.server.leading >= {"eu", "us"})

    async def published() -> int:
        cell = await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))
        return int(cell.generation)

    await eventually(published)
    plan = "cells/eu/plans/1"
    await site.admin.PinPlan(pb.PinPlanRequest(name=plan, **WHO))
    await site.admin.UnpinPlan(pb.UnpinPlanRequest(name=plan, **WHO))
    await site.admin.DecideRemoval(
        pb.DecideRemovalRequest(
            name=f"{SERVICE}/instances/one",
            uid=uid,
            decision=instance_pb2.REMOVAL_DECISION_REMOVE,
            **WHO,
        )
    )
    rollback = pb.RollBackPlanRequest(name=plan, **WHO)

    async def rolled_back() -> bool:
        """What a probe found may be published between the look and the deed: look again."""
        rollback.preview_digest = ""
        rollback.preview_digest = (await site.admin.RollBackPlan(rollback)).preview.digest
        with suppress(grpc.aio.AioRpcError):
            return bool((await site.admin.RollBackPlan(rollback)).HasField("plan"))
        return False

    await eventually(rolled_back)
    await site.admin.UnfreezeCell(pb.UnfreezeCellRequest(name="cells/eu", **WHO))
    await confirmed(
        site.admin.DeleteService, pb.DeleteServiceRequest(name=SERVICE, force=True, **WHO)
    )
    entries = await listed(site)
    assert [AuditEntry.Act.Name(each.act) for each in entries] == [
        "ACT_DELETE_SERVICE",
        "ACT_UNFREEZE",
        "ACT_ROLL_BACK",
        "ACT_DECIDE_REMOVAL",
        "ACT_UNPIN_PLAN",
        "ACT_PIN_PLAN",
    ]
    assert {(each.actor, each.reason) for each in entries} == {("ann@host", "a drill")}
    deleted, _, back, decided, *_ = entries
    assert (deleted.subject, deleted.detail) == (SERVICE, "with its instances")
    assert (back.cell, back.generation, len(back.digest)) == ("eu", 1, 32)
    assert decided.detail == f"confirm of uid {uid}"
    one = await site.admin.GetAuditEntry(pb.GetAuditEntryRequest(name=back.name))
    assert one == back
    gone = site.admin.GetAuditEntry(pb.GetAuditEntryRequest(name="auditEntries/none"))
    assert reason(await refusal(gone)) == "AUDIT_ENTRY_NOT_FOUND"
    for name in ("", "auditEntries/", "auditEntries/a/b", "cells/eu"):
        bad = site.admin.GetAuditEntry(pb.GetAuditEntryRequest(name=name))
        assert fields(await refusal(bad)) == ["name"]


async def test_the_end_of_a_diversion_is_told_as_an_end(site: Site) -> None:
    """It was begun for a time; it was not begun again for none."""
    await site.register("one")
    divert = pb.DivertServiceRequest(name=SERVICE, cell="eu", **WHO)
    divert.duration.seconds = 60
    await site.admin.DivertService(divert)
    divert.ClearField("duration")
    await site.admin.DivertService(divert)
    ended, begun = await listed(site)
    assert (begun.subject, begun.detail) == (SERVICE, "from eu for 60 s")
    assert (ended.subject, ended.detail) == (SERVICE, "from eu: ended")


async def test_a_word_told_again_is_one_entry(site: Site) -> None:
    """Of another frontend it is another deed."""
    for said in (report(), report(act=ReportBreakGlassRequest.ACT_LIFT, act_uid="two"), report()):
        await site.publication.ReportBreakGlass(said)
    await site.publication.ReportBreakGlass(report(frontend_id="f2"))
    entries = await listed(site)
    assert len(entries) == 3
    (pin,) = [
        each
        for each in entries
        if each.frontend == "f1" and each.act == AuditEntry.ACT_BREAK_GLASS_PIN
    ]
    assert (pin.subject, pin.cell, pin.generation) == ("frontends/f1", "eu", 7)
    assert (pin.digest, pin.detail) == (b"\x01" * 32, "/root/kept")
    assert pin.act_time.seconds == 1_767_323_045
    assert pin.receive_time.seconds > pin.act_time.seconds


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"frontend_id": ""}, "frontend_id"),
        ({"act_uid": ""}, "act_uid"),
        ({"act_uid": "a/b"}, "act_uid"),
        ({"act_uid": "a" * 65}, "act_uid"),
        ({"cell": "EU"}, "cell"),
        ({"act": 0}, "act"),
        ({"act": 99}, "act"),
        ({"actor": " "}, "actor"),
        ({"reason": ""}, "reason"),
        ({"act_time": None}, "act_time"),
        ({"act_time": Timestamp(seconds=-1)}, "act_time"),
        ({"act_time": Timestamp(seconds=2**60)}, "act_time"),
        ({"generation": -1}, "generation"),
        ({"digest": b"d" * 65}, "digest"),
    ],
)
async def test_a_bad_word_is_refused_by_its_field(
    site: Site, changes: dict[str, Any], field: str
) -> None:
    """And leaves no entry."""
    status = await refusal(site.publication.ReportBreakGlass(report(**changes)))
    assert fields(status) == [field]
    assert await listed(site) == []


async def test_a_word_on_another_registrys_cell_is_told_there(site: Site) -> None:
    """The frontend need not know which registry owns what."""
    status = await refusal(site.publication.ReportBreakGlass(report(cell="mars")))
    assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert reason(status) == "CELL_NOT_FOUND"
