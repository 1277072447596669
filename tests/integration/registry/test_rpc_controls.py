"""The emergency controls over gRPC: two keys, no leader, and what automation makes of it."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from registry_site import Site, eventually

from registry.config import RegistrySettings
from registry.main import RegistryServer
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1 import cell_pb2, plan_pb2


async def cell(site: Site) -> cell_pb2.Cell:
    """The cell as it is now."""
    found: cell_pb2.Cell = await site.admin.GetCell(pb.GetCellRequest(name="cells/eu"))
    return found


async def instances(site: Site, generation: int) -> set[str]:
    """The instances in a plan."""
    name = f"cells/eu/plans/{generation}"
    plan = await site.admin.GetPlan(pb.GetPlanRequest(name=name))
    services: list[plan_pb2.ServicePlan] = list(plan.services)
    return {endpoint.instance for service in services for endpoint in service.endpoints}


async def published(site: Site, count: int) -> int:
    """The generation that holds so many instances."""

    async def look() -> int:
        at = (await cell(site)).generation
        return at if at and len(await instances(site, at)) == count else 0

    return int(await eventually(look))


async def test_a_rollback_takes_two_keys_and_stays_until_the_cell_is_unfrozen(site: Site) -> None:
    """I1, I21, I41: a new generation with old content, and nothing undoes it meanwhile."""
    await site.register("a")
    old = await published(site, 1)
    await site.register("b")
    newer = await published(site, 2)
    ask = pb.RollBackPlanRequest(name=f"cells/eu/plans/{old}", reason="b is bad", actor="ann")
    shown = await site.admin.RollBackPlan(ask)
    assert shown.preview.effects
    assert not shown.HasField("plan")
    assert (await cell(site)).generation == newer
    ask.preview_digest = shown.preview.digest
    done = await site.admin.RollBackPlan(ask)
    assert done.plan.generation > newer
    assert await instances(site, done.plan.generation) == {"a"}
    now = await cell(site)
    assert now.frozen == f"rolled back to generation {old}: b is bad"
    await site.register("c")
    await eventually(lambda: "eu" not in site.server.leading)
    assert (await cell(site)).generation == done.plan.generation
    await site.admin.UnfreezeCell(pb.UnfreezeCellRequest(name="cells/eu"))
    await published(site, 3)


async def test_a_stale_preview_is_refused_and_nothing_happens(site: Site) -> None:
    """I41."""
    await site.register("a")
    old = await published(site, 1)
    ask = pb.RollBackPlanRequest(
        name=f"cells/eu/plans/{old}", reason="why", preview_digest="0" * 16
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await site.admin.RollBackPlan(ask)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    assert not (await cell(site)).frozen


async def test_a_preview_of_a_rollback_outlives_publications_and_no_new_service(
    site: Site,
) -> None:
    """A cell that publishes all the time can be rolled back all the same (I21, I41)."""
    await site.register("a")
    old = await published(site, 1)
    await site.register("b")
    await published(site, 2)
    ask = pb.RollBackPlanRequest(name=f"cells/eu/plans/{old}", reason="b is bad")
    seen = (await site.admin.RollBackPlan(ask)).preview.digest
    await site.register("c")
    await published(site, 3)
    assert (await site.admin.RollBackPlan(ask)).preview.digest == seen
    await site.register("d", parent="namespaces/shop/services/another")
    await published(site, 4)
    ask.preview_digest = seen
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await site.admin.RollBackPlan(ask)
    assert refused.value.code() is grpc.StatusCode.ABORTED
    ask.preview_digest = ""
    ask.preview_digest = (await site.admin.RollBackPlan(ask)).preview.digest
    assert (await site.admin.RollBackPlan(ask)).plan.generation > old


async def test_a_freeze_of_all_is_shown_first(site: Site) -> None:
    """I40, I41; one cell needs no preview, and an empty name means nothing (I39)."""
    await eventually(lambda: "eu" in site.server.leading)
    shown = await site.admin.FreezeCell(pb.FreezeCellRequest(name="cells/-", reason="why"))
    assert [effect for effect in shown.preview.effects if effect.startswith("eu: ")]
    assert not (await cell(site)).frozen
    with pytest.raises(grpc.aio.AioRpcError):
        await site.admin.FreezeCell(pb.FreezeCellRequest(name="", reason="why"))
    with pytest.raises(grpc.aio.AioRpcError):
        await site.admin.FreezeCell(pb.FreezeCellRequest(name="cells/eu"))
    done = await site.admin.FreezeCell(pb.FreezeCellRequest(name="cells/eu", reason="why"))
    assert not done.HasField("preview")
    await eventually(lambda: "eu" not in site.server.leading)
    undone = await site.admin.UnfreezeCell(pb.UnfreezeCellRequest(name="cells/eu"))
    assert undone.was_frozen
    await eventually(lambda: "eu" in site.server.leading)


async def test_a_second_freeze_tells_of_the_first(site: Site) -> None:
    """Which stays: who lifts it goes by what it was made for."""
    first = pb.FreezeCellRequest(name="cells/eu", reason="one", actor="ann")
    assert await site.admin.FreezeCell(first) == pb.FreezeCellResponse()
    second = pb.FreezeCellRequest(name="cells/eu", reason="two", actor="bob")
    found = (await site.admin.FreezeCell(second)).earlier_freeze
    assert (found.name, found.reason, found.actor) == ("cells/eu", "one", "ann")
    assert found.create_time.seconds
    assert (await cell(site)).frozen == "one"
    shown = await site.admin.FreezeCell(pb.FreezeCellRequest(name="cells/-", reason="all"))
    assert "eu: is frozen already" in shown.preview.effects


async def test_a_cell_that_nobody_ever_led_can_be_frozen(tmp_path: Path) -> None:
    """I40: an emergency may begin with the node's first request; no cell need have begun."""
    (tmp_path / "freeze").touch()
    settings = RegistrySettings(
        data_dir=tmp_path, regions=("eu",), listen="127.0.0.1:0", migrate=True
    )
    server = RegistryServer(settings)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            site = Site(server, settings, channel)
            assert ((await cell(site)).epoch, (await cell(site)).frozen) == (0, "")
            assert (await cell(site)).freeze_file == str(tmp_path / "freeze")
            await site.admin.FreezeCell(pb.FreezeCellRequest(name="cells/eu", reason="why"))
            assert (await cell(site)).frozen == "why"
    finally:
        await server.stop(0)


async def test_a_plan_is_pinned_if_it_is_there(site: Site) -> None:
    """I4."""
    await site.register("a")
    at = await published(site, 1)
    name = f"cells/eu/plans/{at}"
    await site.admin.PinPlan(pb.PinPlanRequest(name=name, reason="known good"))
    assert (await site.admin.UnpinPlan(pb.UnpinPlanRequest(name=name))).was_pinned
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await site.admin.PinPlan(pb.PinPlanRequest(name="cells/eu/plans/9999", reason="why"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
