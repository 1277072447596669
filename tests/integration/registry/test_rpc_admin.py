"""Operators look at everything, page by page, and owners edit their services."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import SERVICE, Site, eventually, fields, reason, refusal, registration
from two_keys import confirmed

from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import instance_pb2, plan_pb2
from sheetanchor.v1 import registration_service_pb2 as registration_pb
from sheetanchor.v1.service_pb2 import FailoverPolicy, HealthPolicy, Service, ServicePolicy

KEEP = instance_pb2.REMOVAL_DECISION_KEEP
POLICY = ServicePolicy(record_ttl_seconds=20, failover=FailoverPolicy(region_order=["us", "eu"]))


async def pages(method: Any, request: Any, items: str) -> list[list[str]]:
    """The names on all pages of a list, as a client turns them."""
    found: list[list[str]] = []
    while True:
        answer = await method(request)
        found.append([each.name for each in getattr(answer, items)])
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


async def populate(site: Site) -> list[str]:
    """Two namespaces, four services, twelve instances; the names of the last."""
    requests = [
        registration(f"i{n}", parent=f"namespaces/{namespace}/services/{service}")
        for namespace in ("a", "b")
        for service in ("x", "y")
        for n in range(3)
    ]
    await site.registration.BatchRegisterInstances(
        registration_pb.BatchRegisterInstancesRequest(requests=requests)
    )
    return [f"{request.parent}/instances/{request.instance_id}" for request in requests]


async def test_lists_are_in_order_and_cut_into_pages(site: Site) -> None:
    names = await populate(site)
    found = await pages(site.admin.ListInstances, pb.ListInstancesRequest(page_size=5), "instances")
    assert [len(page) for page in found] == [5, 5, 2]
    assert [name for page in found for name in page] == names
    leases = await pages(site.admin.ListLeases, pb.ListLeasesRequest(page_size=12), "leases")
    assert leases == [[f"{name}/lease" for name in names]]
    services = await pages(site.admin.ListServices, pb.ListServicesRequest(page_size=3), "services")
    assert services == [
        ["namespaces/a/services/x", "namespaces/a/services/y", "namespaces/b/services/x"],
        ["namespaces/b/services/y"],
    ]
    namespaces = await pages(
        site.admin.ListNamespaces, pb.ListNamespacesRequest(page_size=1), "namespaces"
    )
    assert namespaces == [["namespaces/a"], ["namespaces/b"]]
    cells = await pages(site.admin.ListCells, pb.ListCellsRequest(page_size=1), "cells")
    assert cells == [["cells/eu"], ["cells/us"]]


async def test_a_parent_narrows_a_list_and_dashes_widen_it(site: Site) -> None:
    names = await populate(site)
    for parent, wanted in {
        "": names,
        "namespaces/-": names,
        "namespaces/a": names[:6],
        "namespaces/b/services/y": names[9:],
        "namespaces/-/services/x": names[0:3] + names[6:9],
    }.items():
        request = pb.ListInstancesRequest(parent=parent)
        assert await pages(site.admin.ListInstances, request, "instances") == [wanted], parent


async def test_a_page_token_is_good_for_its_own_list_only(site: Site) -> None:
    await populate(site)
    first = await site.admin.ListInstances(
        pb.ListInstancesRequest(parent="namespaces/a", page_size=2)
    )
    token = first.next_page_token
    for request in (
        pb.ListInstancesRequest(parent="namespaces/b", page_token=token),
        pb.ListInstancesRequest(parent="namespaces/a", page_token=token[:-1]),
    ):
        status = await refusal(site.admin.ListInstances(request))
        assert (reason(status), fields(status)) == ("PAGE_TOKEN_INVALID", ["page_token"])
    other = pb.ListLeasesRequest(parent="namespaces/a", page_token=token)
    assert reason(await refusal(site.admin.ListLeases(other))) == "PAGE_TOKEN_INVALID"


async def test_a_page_may_be_turned_while_things_come_and_go(site: Site) -> None:
    names = await populate(site)
    first = await site.admin.ListInstances(pb.ListInstancesRequest(page_size=5))
    gone = first.instances[4]
    await site.registration.DeregisterInstance(
        registration_pb.DeregisterInstanceRequest(name=gone.name, uid=gone.uid)
    )
    request = pb.ListInstancesRequest(page_size=100, page_token=first.next_page_token)
    assert await pages(site.admin.ListInstances, request, "instances") == [names[5:]]


async def test_what_is_not_there_has_a_reason_of_its_own(site: Site) -> None:
    await site.register("one")
    for call, wanted in (
        (
            site.admin.GetNamespace(pb.GetNamespaceRequest(name="namespaces/no")),
            "NAMESPACE_NOT_FOUND",
        ),
        (
            site.admin.GetService(pb.GetServiceRequest(name="namespaces/shop/services/no")),
            "SERVICE_NOT_FOUND",
        ),
        (
            site.admin.GetInstance(pb.GetInstanceRequest(name=f"{SERVICE}/instances/no")),
            "INSTANCE_NOT_FOUND",
        ),
        (
            site.admin.GetLease(pb.GetLeaseRequest(name=f"{SERVICE}/instances/no/lease")),
            "INSTANCE_NOT_FOUND",
        ),
        (site.admin.GetCell(pb.GetCellRequest(name="cells/no")), "CELL_NOT_FOUND"),
        (site.admin.ListPlans(pb.ListPlansRequest(parent="cells/no")), "CELL_NOT_FOUND"),
        (site.admin.GetPlan(pb.GetPlanRequest(name="cells/eu/plans/99999")), "PLAN_NOT_FOUND"),
        (
            site.admin.GetPlan(pb.GetPlanRequest(name=f"cells/eu/plans/{'9' * 30}")),
            "PLAN_NOT_FOUND",
        ),
        (
            site.admin.GetFrontend(pb.GetFrontendRequest(name="frontends/no")),
            "FRONTEND_NOT_FOUND",
        ),
        (
            site.admin.GetObserver(pb.GetObserverRequest(name="cells/eu/observers/node.no")),
            "OBSERVER_NOT_FOUND",
        ),
        (
            site.admin.ListObservers(pb.ListObserversRequest(parent="cells/no")),
            "CELL_NOT_FOUND",
        ),
    ):
        status = await refusal(call)
        assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
        assert reason(status) == wanted


async def test_a_service_is_made_once_with_its_policy(site: Site) -> None:
    request = pb.CreateServiceRequest(
        parent="namespaces/shop", service_id="cart", service=Service(policy=POLICY)
    )
    made = await site.admin.CreateService(request)
    assert made.name == SERVICE
    assert made.policy.record_ttl_seconds == 20
    assert list(made.policy.failover.region_order) == ["us", "eu"]
    assert made.policy.failover.enter_threshold == 0.5
    assert made.policy.failover.exit_hold == Duration(seconds=30)
    assert made == await site.admin.GetService(pb.GetServiceRequest(name=SERVICE))
    status = await refusal(site.admin.CreateService(request))
    assert status.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert reason(status) == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (ServicePolicy(failover=FailoverPolicy(region_order=["us", "mars"])), "region_order[1]"),
        (ServicePolicy(failover=FailoverPolicy(region_order=["us", "us"])), "region_order[1]"),
        (ServicePolicy(failover=FailoverPolicy(exit_threshold=0.4)), "exit_threshold"),
        (ServicePolicy(failover=FailoverPolicy(enter_threshold=1.1)), "enter_threshold"),
        (ServicePolicy(record_ttl_seconds=0), "record_ttl_seconds"),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused_and_the_former_one_stays(
    site: Site, policy: ServicePolicy, field: str
) -> None:
    made = await site.admin.CreateService(
        pb.CreateServiceRequest(
            parent="namespaces/shop", service_id="cart", service=Service(policy=POLICY)
        )
    )
    status = await refusal(
        site.admin.UpdateService(
            pb.UpdateServiceRequest(service=Service(name=SERVICE, policy=policy))
        )
    )
    (told,) = fields(status)
    assert told.endswith(f".{field}")
    assert await site.admin.GetService(pb.GetServiceRequest(name=SERVICE)) == made


async def test_a_service_tells_which_regions_could_answer_for_others(site: Site) -> None:
    """I29: only those whose instances are validated, in the registry's order."""
    await site.register("one", region="us")
    await site.register("two", region="eu", check=instance_pb2.HealthCheck.KIND_TCP, port=1)

    async def ready() -> list[str]:
        asked = pb.GetServiceRequest(name=SERVICE)
        return list((await site.admin.GetService(asked)).ready_regions)

    assert await ready() == ["us"]
    listed = await site.admin.ListServices(pb.ListServicesRequest(parent="namespaces/shop"))
    assert [list(each.ready_regions) for each in listed.services] == [["us"]]
    await site.register("three", region="eu")
    assert await ready() == ["eu", "us"]


async def test_an_update_takes_over_what_its_mask_names(site: Site) -> None:
    await site.register("one")
    before = await site.admin.GetService(pb.GetServiceRequest(name=SERVICE))
    assert not before.HasField("policy")
    asked = Service(name=SERVICE, policy=POLICY)
    after = await site.admin.UpdateService(
        pb.UpdateServiceRequest(
            service=asked, update_mask=FieldMask(paths=["policy.record_ttl_seconds"])
        )
    )
    assert after.policy.record_ttl_seconds == 20
    assert not after.policy.failover.region_order
    after = await site.admin.UpdateService(
        pb.UpdateServiceRequest(
            service=asked, update_mask=FieldMask(paths=["policy.failover.region_order"])
        )
    )
    assert list(after.policy.failover.region_order) == ["us", "eu"]
    after = await site.admin.UpdateService(pb.UpdateServiceRequest(service=Service(name=SERVICE)))
    assert not after.HasField("policy")
    assert after.etag != before.etag


async def test_an_unknown_path_of_a_mask_is_refused_by_name(site: Site) -> None:
    await site.register("one")
    status = await refusal(
        site.admin.UpdateService(
            pb.UpdateServiceRequest(
                service=Service(name=SERVICE), update_mask=FieldMask(paths=["policy.ttl"])
            )
        )
    )
    assert fields(status) == ["update_mask"]
    assert "policy.ttl" in status.message


async def test_an_edit_on_an_old_etag_is_refused(site: Site) -> None:
    await site.register("one")
    old = await site.admin.GetService(pb.GetServiceRequest(name=SERVICE))
    old.policy.CopyFrom(POLICY)
    new = await site.admin.UpdateService(pb.UpdateServiceRequest(service=old))
    for call in (
        site.admin.UpdateService(pb.UpdateServiceRequest(service=old)),
        site.admin.DeleteService(pb.DeleteServiceRequest(name=SERVICE, etag=old.etag, force=True)),
    ):
        status = await refusal(call)
        assert status.code == grpc.StatusCode.ABORTED.value[0]
        assert reason(status) == "ETAG_MISMATCH"
    assert new == await site.admin.GetService(pb.GetServiceRequest(name=SERVICE))


async def test_concurrent_edits_of_different_fields_are_both_kept(site: Site) -> None:
    await site.register("one")
    asked = ServicePolicy(record_ttl_seconds=30, health=HealthPolicy(rise=3))
    await asyncio.gather(
        *(
            site.admin.UpdateService(
                pb.UpdateServiceRequest(
                    service=Service(name=SERVICE, policy=asked),
                    update_mask=FieldMask(paths=[path]),
                )
            )
            for path in ("policy.record_ttl_seconds", "policy.health.rise")
        )
    )
    found = await site.admin.GetService(pb.GetServiceRequest(name=SERVICE))
    assert (found.policy.record_ttl_seconds, found.policy.health.rise) == (30, 3)


async def test_a_service_with_instances_is_deleted_by_force_only(site: Site) -> None:
    await site.register("one")
    status = await refusal(site.admin.DeleteService(pb.DeleteServiceRequest(name=SERVICE)))
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert reason(status) == "SERVICE_NOT_EMPTY"
    deletion = pb.DeleteServiceRequest(name=SERVICE, force=True)
    await confirmed(site.admin.DeleteService, deletion)
    gone = site.admin.GetInstance(pb.GetInstanceRequest(name=f"{SERVICE}/instances/one"))
    assert reason(await refusal(gone)) == "INSTANCE_NOT_FOUND"
    gone = site.admin.GetService(pb.GetServiceRequest(name=SERVICE))
    assert reason(await refusal(gone)) == "SERVICE_NOT_FOUND"


async def test_plans_are_listed_newest_first_and_shown_with_their_services(site: Site) -> None:
    for n in range(4):
        await site.register(f"i{n}", parent=f"namespaces/shop/services/s{n}")

        async def planned(n: int = n) -> Any:
            cell = await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))
            if not cell.generation:
                return None
            name = f"cells/eu/plans/{cell.generation}"
            plan = await site.admin.GetPlan(pb.GetPlanRequest(name=name))
            return plan if sum(len(s.endpoints) for s in plan.services) == n + 1 else None

        plan = await eventually(planned)
    assert [service.service for service in plan.services] == ["s0", "s1", "s2", "s3"]
    assert plan.plan.endpoint_count == 4
    listed = await pages(
        site.admin.ListPlans, pb.ListPlansRequest(parent="cells/eu", page_size=2), "plans"
    )
    numbers = [int(name.rpartition("/")[2]) for page in listed for name in page]
    assert numbers == list(range(plan.plan.generation, 0, -1))
    cell = await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))
    assert cell.leader == site.settings.node
    assert cell.digest == plan.plan.digest


async def test_a_decision_on_a_removal_names_its_instance_incarnation_and_decision(
    site: Site,
) -> None:
    uid = (await site.register("one", check=instance_pb2.HealthCheck.KIND_TCP, port=1)).instance.uid
    name = f"{SERVICE}/instances/one"
    for request, field in (
        (pb.DecideRemovalRequest(name="one", uid=uid, decision=KEEP), "name"),
        (pb.DecideRemovalRequest(name=name, decision=KEEP), "uid"),
        (pb.DecideRemovalRequest(name=name, uid=uid), "decision"),
        (pb.DecideRemovalRequest(name=name, uid=uid, decision=9), "decision"),  # type: ignore[arg-type]  # of no version known
    ):
        assert fields(await refusal(site.admin.DecideRemoval(request))) == [field]
    kept = await site.admin.DecideRemoval(
        pb.DecideRemovalRequest(name=name, uid=uid, decision=KEEP)
    )
    assert kept.removal_decision == KEEP
    none = instance_pb2.REMOVAL_DECISION_NONE
    back = await site.admin.DecideRemoval(
        pb.DecideRemovalRequest(name=name, uid=uid, decision=none)
    )
    assert back.removal_decision == instance_pb2.REMOVAL_DECISION_UNSPECIFIED
    stale = pb.DecideRemovalRequest(name=name, uid="another", decision=KEEP)
    assert reason(await refusal(site.admin.DecideRemoval(stale))) == "INCARNATION_SUPERSEDED"


async def test_a_removal_is_not_forbidden_where_there_is_none(site: Site) -> None:
    """Nothing is changed, nor written down."""
    uid = (await site.register("one")).instance.uid
    request = pb.DecideRemovalRequest(name=f"{SERVICE}/instances/one", uid=uid, decision=KEEP)
    status = await refusal(site.admin.DecideRemoval(request))
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert reason(status) == "NO_REMOVAL"
    assert "is HEALTHY: no removal of it is held" in status.message
    found = await site.admin.GetInstance(pb.GetInstanceRequest(name=request.name))
    assert found.removal_decision == instance_pb2.REMOVAL_DECISION_UNSPECIFIED
    assert not (await site.admin.ListAuditEntries(pb.ListAuditEntriesRequest())).audit_entries


async def test_held_removals_are_listed_with_reason_and_can_be_confirmed(site: Site) -> None:
    """I8: the only one of a name is not lost by silence."""
    short = registration("one")
    short.ttl.FromSeconds(1)
    uid = (await site.registration.RegisterInstance(short)).instance.uid
    listed: list[pb.HeldRemoval] = []

    async def held() -> bool:
        answer = await site.admin.ListHeldRemovals(pb.ListHeldRemovalsRequest(parent="cells/eu"))
        listed[:] = answer.held_removals
        return bool(listed)

    await eventually(held)
    (only,) = listed
    assert (only.name, only.uid, only.cell) == (f"{SERVICE}/instances/one", uid, "eu")
    assert (only.health, only.evidence) == (
        instance_pb2.HEALTH_UNHEALTHY,
        instance_pb2.EVIDENCE_LEASE_EXPIRED,
    )
    assert only.hold.reason == plan_pb2.Hold.REASON_NAME_FLOOR
    assert not only.hold.HasField("release_time")
    missing = pb.ListHeldRemovalsRequest(parent="cells/mars")
    assert reason(await refusal(site.admin.ListHeldRemovals(missing))) == "CELL_NOT_FOUND"
    remove = instance_pb2.REMOVAL_DECISION_REMOVE
    await site.admin.DecideRemoval(
        pb.DecideRemovalRequest(name=only.name, uid=uid, decision=remove)
    )

    async def gone() -> bool:
        return not await held()

    await eventually(gone)
