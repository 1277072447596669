"""Every row of the table of service edits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.domain.change import InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.deletion import deletion_preview
from registry.domain.errors import AlreadyExists, EtagMismatch, ServiceNotEmpty, ServiceNotFound
from registry.domain.grave import bury
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance, Registration, State
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import CreateService, DeleteService, DivertService, UpdateService
from registry.domain.service import Service, ServicePolicy
from registry.domain.service_edit import decide_service, open_service

KEY = InstanceKey(NamespaceId("shop"), ServiceId("cart"), InstanceId("a"))
SERVICE = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
NOW_MS = 5_000
REVISION = Revision(9)
UID, R1 = Incarnation("u1"), "r-1"
CURRENT = Instance(
    registration=Registration(
        key=KEY,
        cell=CellName("eu"),
        region=RegionName("eu"),
        zone="",
        addresses=("10.0.0.1",),
        ports=(),
        priority=0,
        weight=1,
        metadata={},
        check=Check(CheckKind.NONE),
        ttl_seconds=15.0,
    ),
    incarnation=UID,
    request_id=R1,
    state=State.ACTIVE,
    health=Health.HEALTHY,
    evidence=Evidence.LEASE_RENEWED,
    health_time_ms=100,
    create_time_ms=50,
    state_time_ms=50,
    revision=Revision(3),
    lease_id=7,
)
LIVE = Service(SERVICE, "s1", ServicePolicy(), "e1", 10, 20, Revision(2))
DEAD = replace(LIVE, tombstone_time_ms=30)
POLICY = ServicePolicy(record_ttl_seconds=30)


class TestServiceEdits:
    @pytest.mark.parametrize("current", [None, DEAD])
    def test_creating_makes_a_new_service_and_lifts_a_tombstone(
        self, current: Service | None
    ) -> None:
        verdict = decide_service(
            CreateService(SERVICE, POLICY, "s2"), current, (), REVISION, NOW_MS, "e2", {}
        )
        made = Service(SERVICE, "s2", POLICY, "e2", NOW_MS, NOW_MS, REVISION)
        assert verdict.service == made
        assert verdict.changes == (ServicePut(REVISION, made),)

    def test_creating_what_lives_is_refused(self) -> None:
        with pytest.raises(AlreadyExists):
            decide_service(CreateService(SERVICE, None, "s2"), LIVE, (), REVISION, NOW_MS, "e2", {})

    def test_the_same_creation_tried_twice_replays(self) -> None:
        edit = CreateService(SERVICE, None, "s1")
        verdict = decide_service(edit, LIVE, (), REVISION, NOW_MS, "e2", {})
        assert (verdict.service, verdict.changes) == (LIVE, ())

    @pytest.mark.parametrize("current", [None, DEAD])
    @pytest.mark.parametrize(
        "edit", [UpdateService(SERVICE, POLICY, ""), DeleteService(SERVICE, "", True)]
    )
    def test_what_does_not_live_cannot_be_edited(
        self, current: Service | None, edit: UpdateService | DeleteService
    ) -> None:
        with pytest.raises(ServiceNotFound):
            decide_service(edit, current, (), REVISION, NOW_MS, "e2", {})

    @pytest.mark.parametrize(
        "edit", [UpdateService(SERVICE, POLICY, "e0"), DeleteService(SERVICE, "e0", True)]
    )
    def test_a_stale_etag_is_refused(self, edit: UpdateService | DeleteService) -> None:
        with pytest.raises(EtagMismatch) as caught:
            decide_service(edit, LIVE, (), REVISION, NOW_MS, "e2", {})
        assert caught.value.details["current_etag"] == "e1"

    def test_a_diversion_is_put_beside_the_policy_and_ended_by_no_time_at_all(self) -> None:
        cell = CellName("eu")
        edit = DivertService(SERVICE, cell, 60.0, "moving house", "")
        verdict = decide_service(edit, LIVE, (), REVISION, NOW_MS, "e2", {})
        (diversion,) = verdict.service.diversions
        assert (diversion.cell, diversion.reason) == (cell, "moving house")
        assert verdict.service.policy == LIVE.policy
        assert (verdict.service.etag, verdict.service.revision) == ("e2", REVISION)
        over = DivertService(SERVICE, cell, 0.0, "", "e2")
        ended = decide_service(over, verdict.service, (), Revision(10), NOW_MS, "e3", {})
        assert ended.service.diversions == ()

    @pytest.mark.parametrize("etag", ["", "e1"])
    def test_an_update_replaces_the_policy(self, etag: str) -> None:
        edit = UpdateService(SERVICE, POLICY, etag)
        verdict = decide_service(edit, LIVE, (), REVISION, NOW_MS, "e2", {})
        assert verdict.service == replace(
            LIVE, policy=POLICY, etag="e2", update_time_ms=NOW_MS, revision=REVISION
        )
        assert verdict.changes == (ServicePut(REVISION, verdict.service),)

    def test_an_update_to_the_same_policy_writes_nothing(self) -> None:
        edit = UpdateService(SERVICE, ServicePolicy(), "")
        verdict = decide_service(edit, LIVE, (), REVISION, NOW_MS, "e2", {})
        assert (verdict.service, verdict.changes) == (LIVE, ())

    def test_a_service_with_instances_is_deleted_only_by_force(self) -> None:
        with pytest.raises(ServiceNotEmpty):
            decide_service(
                DeleteService(SERVICE, "", False), LIVE, (CURRENT,), REVISION, NOW_MS, "e2", {}
            )

    def test_deleting_leaves_a_tombstone_and_buries_the_instances(self) -> None:
        preview = deletion_preview(LIVE, (CURRENT,), {})
        assert preview is not None
        edit = DeleteService(SERVICE, "e1", True, preview.digest)
        verdict = decide_service(edit, LIVE, (CURRENT,), REVISION, NOW_MS, "e2", {})
        assert verdict.service.tombstone_time_ms == NOW_MS
        assert verdict.changes == (
            InstanceRemoved(REVISION, KEY, CellName("eu")),
            ServiceRemoved(REVISION, verdict.service),
        )
        assert verdict.graves == (bury(CURRENT, NOW_MS),)

    def test_registering_opens_a_service_without_a_policy(self) -> None:
        def never() -> str:
            raise AssertionError("it lives, so it has a name")

        assert open_service(SERVICE, LIVE, REVISION, NOW_MS, never, "e2") is None
        made = Service(SERVICE, "s2", None, "e2", NOW_MS, NOW_MS, REVISION)
        for current in (None, DEAD):
            assert open_service(SERVICE, current, REVISION, NOW_MS, lambda: "s2", "e2") == made
