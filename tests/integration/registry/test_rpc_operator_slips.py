"""An operator slips, and is asked first (F40, I39, I41)."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import SERVICE, Site, eventually, fields, reason, refusal
from two_keys import confirmed, preview

from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import registration_service_pb2
from sheetanchor.v1.service_pb2 import FailoverPolicy, Service, ServicePolicy


async def answering(site: Site) -> None:
    """The plan of eu answers for the service."""

    async def look() -> bool:
        cell = await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))
        if not cell.generation:
            return False
        name = f"cells/eu/plans/{cell.generation}"
        plan = await site.admin.GetPlan(pb.GetPlanRequest(name=name))
        return any(each.endpoints for each in plan.services)

    await eventually(look)


async def exists(site: Site) -> bool:
    """Whether the service does."""
    reply = await site.admin.ListServices(pb.ListServicesRequest())
    return [each.name for each in reply.services] == [SERVICE]


async def test_a_busy_service_is_not_deleted_unseen(site: Site) -> None:
    """The preview says what goes and who answers now; nothing happens without it."""
    await site.register("one")
    await site.register("two", region="us")
    await answering(site)
    ask = pb.DeleteServiceRequest(name=SERVICE, force=True)
    status = await refusal(site.admin.DeleteService(ask))
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert reason(status) == "PREVIEW_REQUIRED"
    shown = await preview(site.admin.DeleteService(ask))
    assert shown.effects[0] == "shop/cart is deleted, with its policy and 2 instances"
    assert "one in cell eu, HEALTHY: goes with it" in shown.effects
    assert "eu: the name gets a tombstone; 1 endpoint may answer for it now" in shown.effects
    assert await exists(site)
    await confirmed(site.admin.DeleteService, ask)
    assert not await exists(site)


async def test_a_preview_of_other_instances_is_stale(site: Site) -> None:
    """Who registered since was not looked at; nor was who registered anew."""
    await site.register("one")
    ask = pb.DeleteServiceRequest(name=SERVICE, force=True)
    ask.preview_digest = (await preview(site.admin.DeleteService(ask))).preview_digest
    await site.register("two")
    status = await refusal(site.admin.DeleteService(ask))
    assert status.code == grpc.StatusCode.ABORTED.value[0]
    assert reason(status) == "PREVIEW_STALE"
    assert await exists(site)


async def test_of_many_deletions_with_one_preview_one_is_done(site: Site) -> None:
    """The preview is judged in the transaction that deletes."""
    await site.register("one")
    await answering(site)
    ask = pb.DeleteServiceRequest(name=SERVICE, force=True)
    ask.preview_digest = (await preview(site.admin.DeleteService(ask))).preview_digest
    done = await asyncio.gather(
        *(site.admin.DeleteService(ask) for _ in range(8)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in done) == 1
    # made anew, it is another service: the old preview is of no use
    await site.register("one")
    assert reason(await refusal(site.admin.DeleteService(ask))) == "PREVIEW_STALE"


async def test_a_name_that_was_ever_answered_is_not_deleted_unseen(site: Site) -> None:
    """Its instances are gone, its last set is held, and it would be denied."""
    uid = (await site.register("one")).instance.uid
    await answering(site)
    await site.registration.DeregisterInstance(
        registration_service_pb2.DeregisterInstanceRequest(name=f"{SERVICE}/instances/one", uid=uid)
    )
    shown = await preview(site.admin.DeleteService(pb.DeleteServiceRequest(name=SERVICE)))
    assert "0 instances" in shown.effects[0]


async def test_what_nobody_ever_used_goes_at_once(site: Site) -> None:
    """There is nothing to look at."""
    await site.admin.CreateService(
        pb.CreateServiceRequest(parent="namespaces/shop", service_id="cart", service=Service())
    )
    await site.admin.DeleteService(pb.DeleteServiceRequest(name=SERVICE))
    assert not await exists(site)


@pytest.mark.parametrize("name", ["", "namespaces/-/services/-", "namespaces/shop/services/"])
async def test_a_selector_that_matches_nothing_or_all_deletes_nothing(
    site: Site, name: str
) -> None:
    """I39."""
    await site.register("one")
    status = await refusal(site.admin.DeleteService(pb.DeleteServiceRequest(name=name, force=True)))
    assert fields(status) == ["name"]
    assert await exists(site)


async def test_a_floor_is_lowered_in_two_calls(site: Site) -> None:
    """By an update of one field, and by taking the whole policy away."""
    await site.register("one")
    policy = ServicePolicy(failover=FailoverPolicy(minimum_endpoints=3))
    set_ = pb.UpdateServiceRequest(service=Service(name=SERVICE, policy=policy))
    await site.admin.UpdateService(set_)
    lower = ServicePolicy(failover=FailoverPolicy(minimum_endpoints=2))
    for ask, says in (
        (
            pb.UpdateServiceRequest(
                service=Service(name=SERVICE, policy=lower),
                update_mask=FieldMask(paths=["policy.failover.minimum_endpoints"]),
            ),
            "3 -> 2",
        ),
        (pb.UpdateServiceRequest(service=Service(name=SERVICE)), "3 -> 1"),
    ):
        shown = await preview(site.admin.UpdateService(ask))
        assert says in shown.effects[1]
        found = await site.admin.GetService(pb.GetServiceRequest(name=SERVICE))
        assert found.policy.failover.minimum_endpoints == 3
        ask.preview_digest = "0" * 16
        assert reason(await refusal(site.admin.UpdateService(ask))) == "PREVIEW_STALE"
    done = await confirmed(site.admin.UpdateService, ask)
    assert not done.HasField("policy")


async def test_a_freeze_of_all_is_confirmed_though_generations_go_on(site: Site) -> None:
    """What is published between the look and the word takes nothing from what was seen."""

    async def generation() -> int:
        return (await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))).generation

    before = await eventually(generation)
    freeze = pb.FreezeCellRequest(name="cells/-", reason="why")
    freeze.preview_digest = (await site.admin.FreezeCell(freeze)).preview.digest
    await site.register("one")

    async def has_gone_on() -> bool:
        return await generation() > before

    await eventually(has_gone_on)
    assert not (await site.admin.FreezeCell(freeze)).HasField("preview")
    assert (await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))).frozen


async def test_a_freeze_of_all_is_lifted_in_two_calls(site: Site) -> None:
    """It concerns more than one cell; a cell's own freeze is not lifted with it."""
    await eventually(lambda: site.server.leading >= {"eu", "us"})
    await site.admin.FreezeCell(pb.FreezeCellRequest(name="cells/eu", reason="why"))
    freeze = pb.FreezeCellRequest(name="cells/-", reason="why")
    freeze.preview_digest = (await site.admin.FreezeCell(freeze)).preview.digest
    await site.admin.FreezeCell(freeze)
    lift = pb.UnfreezeCellRequest(name="cells/-")
    shown = (await site.admin.UnfreezeCell(lift)).preview
    assert list(shown.effects) == [
        "eu: stays frozen: it was frozen by itself, until `unfreeze eu`",
        "us: automation goes on",
    ]
    assert (await site.admin.GetCell(pb.GetCellRequest(name="cells/us"))).frozen
    lift.preview_digest = shown.digest
    assert (await site.admin.UnfreezeCell(lift)).was_frozen
    await eventually(lambda: site.server.leading == {"us"})
