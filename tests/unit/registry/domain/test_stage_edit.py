"""Every row of the tables by which a policy is staged, promoted and rolled back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.domain.change import ServicePut
from registry.domain.errors import ServiceNotFound
from registry.domain.names import NamespaceId, Revision, ServiceId, ServiceKey
from registry.domain.operation import CreateService, DeleteService, EndStage, UpdateService
from registry.domain.service import Service, ServicePolicy, StagedPolicy, StageState
from registry.domain.service_edit import ServiceVerdict, decide_service

CART = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
OLD, NEW, NEWER = (ServicePolicy(record_ttl_seconds=ttl) for ttl in (10, 20, 30))
LIVE = Service(CART, "s1", OLD, "e1", 10, 20, Revision(2))
BAKING = replace(LIVE, staged=StagedPolicy("t1", NEW, 30))
ENDED = replace(LIVE, staged=StagedPolicy("t1", NEW, 30, StageState.ROLLED_BACK, "it failed"))
DEAD = replace(LIVE, tombstone_time_ms=40)


def decide(edit: UpdateService | EndStage | DeleteService, current: Service) -> ServiceVerdict:
    return decide_service(edit, current, (), Revision(9), 50, "e2", {})


def staged(policy: ServicePolicy | None, uid: str = "t2") -> UpdateService:
    return UpdateService(CART, policy, "", uid)


@pytest.mark.parametrize(
    ("current", "edit", "policy", "stage"),
    [
        (LIVE, staged(NEW), OLD, StagedPolicy("t2", NEW, 50)),
        (LIVE, staged(None), OLD, StagedPolicy("t2", None, 50)),
        (ENDED, staged(NEW), OLD, StagedPolicy("t2", NEW, 50)),
        (BAKING, staged(NEWER), OLD, StagedPolicy("t2", NEWER, 50)),
        (BAKING, staged(OLD), OLD, None),
        (ENDED, staged(OLD), OLD, None),
        (LIVE, UpdateService(CART, NEW, ""), NEW, None),
        (BAKING, UpdateService(CART, NEW, ""), NEW, None),
        (BAKING, UpdateService(CART, OLD, ""), OLD, None),
        (ENDED, UpdateService(CART, NEWER, ""), NEWER, None),
        (BAKING, EndStage(CART, "t1"), NEW, None),
        (
            BAKING,
            EndStage(CART, "t1", "nothing answers"),
            OLD,
            StagedPolicy("t1", NEW, 30, StageState.ROLLED_BACK, "nothing answers"),
        ),
    ],
)
def test_what_an_edit_makes_of_policy_and_stage(
    current: Service,
    edit: UpdateService | EndStage,
    policy: ServicePolicy,
    stage: StagedPolicy | None,
) -> None:
    """Each is one change of the service, with an etag of its own."""
    verdict = decide(edit, current)
    assert verdict.service == replace(
        current, policy=policy, staged=stage, etag="e2", update_time_ms=50, revision=Revision(9)
    )
    assert verdict.changes == (ServicePut(Revision(9), verdict.service),)


@pytest.mark.parametrize(
    ("current", "edit"),
    [
        (BAKING, staged(NEW)),
        (LIVE, staged(OLD)),
        (LIVE, EndStage(CART, "t1")),
        (BAKING, EndStage(CART, "t0")),
        (BAKING, EndStage(CART, "t0", "nothing answers")),
        (ENDED, EndStage(CART, "t1")),
        (ENDED, EndStage(CART, "t1", "again")),
    ],
)
def test_what_is_so_already_writes_nothing(
    current: Service, edit: UpdateService | EndStage
) -> None:
    """The same change asked for twice bakes once, and a stage that ended stays ended."""
    assert decide(edit, current) == ServiceVerdict(current)


def test_a_deleted_service_has_no_stage() -> None:
    assert decide(DeleteService(CART, "", False), BAKING).service.staged is None
    with pytest.raises(ServiceNotFound):
        decide(EndStage(CART, "t1"), DEAD)


def test_a_new_service_has_nothing_to_stage() -> None:
    made = decide_service(CreateService(CART, NEW, "s2"), None, (), Revision(9), 50, "e2", {})
    assert (made.service.policy, made.service.staged) == (NEW, None)


@pytest.mark.parametrize(("service", "wished"), [(LIVE, OLD), (BAKING, NEW), (ENDED, OLD)])
def test_an_edit_builds_on_what_was_wished_for_last(
    service: Service, wished: ServicePolicy
) -> None:
    """So a second change during a bake does not lose the first."""
    assert service.wished == wished
