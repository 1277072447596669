"""Every store keeps canaries, and what they say of staged changes, in the same way (I19)."""

from __future__ import annotations

import pytest
from store_samples import EAST, EAST_REGION, POLICY, WEB, service_key, word
from two_keys import edited

from registry.domain.errors import LeadershipLost
from registry.domain.names import Epoch, FrontendId
from registry.domain.operation import (
    CreateService,
    DeleteService,
    EndStage,
    Fence,
    UpdateService,
)
from registry.domain.role import Role
from registry.domain.service import StagedPolicy, StageState
from registry.domain.stage_report import StageReport, StageWord
from registry.ports import (
    Store,
)

A, B = FrontendId("a"), FrontendId("b")


async def stage(store: Store, uid: str) -> None:
    """A change of WEB bakes."""
    if await store.get_service(WEB) is None:
        await store.edit_service(CreateService(WEB, None, "s1"))
    await edited(store, UpdateService(WEB, POLICY if uid != "t2" else None, "", uid))


async def roles(store: Store) -> dict[str, Role]:
    """What each frontend is for."""
    return {each.id: each.role for each in await store.frontends()}


async def test_a_frontend_is_what_it_last_said_it_is(store: Store) -> None:
    """A canary is known before it acknowledges anything; one that serves leaves no trace."""
    await store.note_role(A, EAST_REGION, Role.CANARY)
    await store.note_role(B, EAST_REGION, Role.SERVING)
    assert await roles(store) == {"a": Role.CANARY}
    assert (await store.frontends())[0].seen_ms > 0
    await store.acknowledge([word(5, frontend="a"), word(5, frontend="b")])
    assert await roles(store) == {"a": Role.CANARY, "b": Role.SERVING}
    await store.note_role(A, EAST_REGION, Role.CANARY)
    assert [cell.generation for cell in (await store.frontends())[0].cells] == [5]
    await store.note_role(A, EAST_REGION, Role.SERVING)
    assert await roles(store) == {"a": Role.SERVING, "b": Role.SERVING}


async def test_a_staged_policy_is_kept_whole_beside_the_one_in_force(store: Store) -> None:
    """In the row, in the history, and over a rollback."""
    await store.edit_service(CreateService(WEB, None, "s1"))
    service, _, _ = await edited(store, UpdateService(WEB, POLICY, "", "t1"))
    assert service.staged == StagedPolicy("t1", POLICY, service.update_time_ms)
    assert service.policy is None
    ended, changes, revision = await store.edit_service(EndStage(WEB, "t1", "it failed"))
    assert ended.staged is not None
    assert (ended.staged.state, ended.staged.reason) == (StageState.ROLLED_BACK, "it failed")
    assert await store.get_service(WEB) == ended
    assert (await store.state()).services == [ended]
    assert list(await store.changes_after(revision - 1, 10)) == list(changes)  # type: ignore[arg-type]  # a revision is a number


async def test_an_edit_under_an_old_epoch_does_nothing(store: Store) -> None:
    """Nobody who led before promotes anything (I2)."""
    await stage(store, "t1")
    leadership = await store.lead(EAST, EAST_REGION, "n1", 10.0)
    assert leadership is not None
    before = await store.get_service(WEB)
    with pytest.raises(LeadershipLost):
        await store.edit_service(EndStage(WEB, "t1"), Fence(EAST, Epoch(leadership.epoch + 1)))
    assert await store.get_service(WEB) == before
    promoted, _, _ = await store.edit_service(EndStage(WEB, "t1"), Fence(EAST, leadership.epoch))
    assert (promoted.policy, promoted.staged) == (POLICY, None)


async def test_the_words_of_a_canary_are_counted_and_a_fault_stays(store: Store) -> None:
    """Until it speaks of another stage."""
    good, bad = StageReport(A, WEB, "t1"), StageReport(A, WEB, "t1", "no\0thing")
    for _ in range(2):
        await store.report_stage(good)
    assert await store.stage_reports() == [StageWord(good, 2)]
    await store.report_stage(bad)
    await store.report_stage(good)
    (said,) = await store.stage_reports()
    assert (said.report.fault.replace("\0", " "), said.words) == ("no thing", 4)
    other = StageReport(A, WEB, "t2")
    await store.report_stage(other)
    await store.report_stage(StageReport(B, WEB, "t2"))
    await store.report_stage(StageReport(A, service_key("prod/api"), "t9"))
    assert [
        (w.report.service.service, w.report.frontend, w.words) for w in await store.stage_reports()
    ] == [
        ("api", "a", 1),
        ("web", "a", 1),
        ("web", "b", 1),
    ]


@pytest.mark.parametrize(
    "edit",
    [
        EndStage(WEB, "t1"),
        EndStage(WEB, "t1", "it failed"),
        UpdateService(WEB, None, ""),
        UpdateService(WEB, None, "", "t2"),
        DeleteService(WEB, "", True),
    ],
)
async def test_what_was_said_goes_with_the_stage(
    store: Store, edit: EndStage | UpdateService | DeleteService
) -> None:
    """However it ends; what was said of other services stays."""
    await stage(store, "t1")
    other = StageReport(A, service_key("prod/api"), "t9")
    await store.report_stage(StageReport(A, WEB, "t1"))
    await store.report_stage(other)
    if isinstance(edit, EndStage):
        await store.edit_service(edit)
    else:
        await edited(store, edit)
    assert await store.stage_reports() == [StageWord(other, 1)]
