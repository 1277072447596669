"""A change of policy acts on a canary first, and on the others only when it did well (I19).

A real registry that owns three regions, a frontend and a canary in eu, and DNS over UDP.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from registry_site import Site, fields, refusal
from staged_site import (
    BAKING,
    BRIEF,
    LONG,
    NAME,
    NOW,
    REGIONS,
    Elsewhere,
    Stage,
    becomes,
    staging,
)

from benchmarks.process import ServerProcess, ready, wait_for
from benchmarks.servers import registry_arguments
from sheetanchor.cli.demo.port import free_port
from sheetanchor.v1 import admin_service_pb2 as admin_pb
from sheetanchor.v1 import publication_service_pb2 as pb
from sheetanchor.v1 import registration_service_pb2

PROGRAM = "tests.integration.dns_frontend.canary_frontend"


async def test_a_good_change_acts_on_the_canary_and_then_everywhere(tmp_path: Path) -> None:
    """The usual answer's TTL shows where it acts."""
    async with staging(tmp_path, BRIEF) as stage:
        await stage.register("home", "eu", "127.0.0.2", 9)
        await becomes(stage.plain, (("127.0.0.2",), 10))
        async with stage.canary() as canary:
            begun = asyncio.get_running_loop().time()
            reply = await stage.update(record_ttl_seconds=30)
            assert reply.staged_policy.state == BAKING
            assert (
                reply.policy.record_ttl_seconds,
                reply.staged_policy.policy.record_ttl_seconds,
            ) == (0, 30)
            await becomes(canary, (("127.0.0.2",), 30))
            await becomes(stage.plain, (("127.0.0.2",), 30))
            assert asyncio.get_running_loop().time() - begun >= BRIEF.bake_seconds
            service = await stage.service()
            assert service.policy.record_ttl_seconds == 30
            assert not service.HasField("staged_policy")


async def test_a_change_that_leads_to_closed_ports_is_rolled_back_by_itself(
    tmp_path: Path,
) -> None:
    """The order of regions puts one first whose endpoints, healthy on paper, refuse."""
    async with staging(tmp_path, LONG) as stage:
        await stage.register("deaf", "ap", "127.0.0.3", 9)
        async with stage.canary() as canary:
            await stage.update(failover=["ap", "us"])
            reason = await stage.rolled_back()
            assert "0 of 1 endpoints take connections" in reason
            assert "canary" in reason
            await becomes(canary, (("127.0.0.2",), 5))
        assert stage.shown == {(("127.0.0.2",), 5)}
        assert list((await stage.service()).policy.failover.region_order) == []


async def test_a_change_that_empties_the_name_is_rolled_back_by_itself(tmp_path: Path) -> None:
    """All instances are gone, the last set is held, and the policy would let go of it (I7)."""
    async with staging(tmp_path, LONG) as stage:
        async with stage.canary() as canary:
            reply = await stage.site.admin.ListInstances(admin_pb.ListInstancesRequest(parent=NAME))
            for each in reply.instances:
                await stage.site.registration.DeregisterInstance(
                    registration_service_pb2.DeregisterInstanceRequest(name=each.name, uid=each.uid)
                )
            await stage.update(scale_to_zero=True)
            assert "nothing would be answered" in await stage.rolled_back()
            await becomes(canary, (("127.0.0.2",), 5))
        assert stage.shown == {(("127.0.0.2",), 5)}


async def test_endpoints_change_everywhere_while_a_policy_bakes(tmp_path: Path) -> None:
    """What is staged delays nothing else; and breaking the glass skips the waiting."""
    async with staging(tmp_path, LONG) as stage, stage.canary() as canary:
        await stage.update(record_ttl_seconds=30)
        await stage.register("home", "eu", "127.0.0.4", 9)
        await becomes(stage.plain, (("127.0.0.4",), 10))
        await becomes(canary, (("127.0.0.4",), 30))
        assert (await stage.service()).staged_policy.state == BAKING
        reply = await stage.update(NOW, record_ttl_seconds=40)
        assert not reply.HasField("staged_policy")
        await becomes(stage.plain, (("127.0.0.4",), 40))


async def test_without_a_canary_a_change_acts_at_once(tmp_path: Path) -> None:
    """As it does for a developer, and on a site of one frontend."""
    async with staging(tmp_path, LONG) as stage:
        await stage.register("home", "eu", "127.0.0.4", 9)
        reply = await stage.update(record_ttl_seconds=30)
        assert not reply.HasField("staged_policy")
        await becomes(stage.plain, (("127.0.0.4",), 30))


async def test_a_canary_killed_during_the_bake_takes_the_change_with_it(tmp_path: Path) -> None:
    """It may have died of it (F16)."""
    async with staging(tmp_path, replace(LONG, gap_seconds=6.0)) as stage:
        port, directory = free_port(), tmp_path / "canary"
        arguments = [PROGRAM, str(directory), str(port), stage.site.server.grpc_address]
        process = ServerProcess("canary", arguments, tmp_path / "canary.log")
        process.start()
        try:
            await stage.canary_is_known()
            await stage.register("home", "eu", "127.0.0.2", 9)
            await becomes(stage.plain, (("127.0.0.2",), 10))
            stage.forget()
            await stage.update(record_ttl_seconds=30)
            await becomes(Elsewhere(f"127.0.0.1:{port}"), (("127.0.0.2",), 30))
            # long enough that its silence would have been noticed
            await asyncio.sleep(stage.pace.gap_seconds + 2.0)
            assert (await stage.service()).staged_policy.state == BAKING, process.tail()
        finally:
            process.kill()
        assert "fell silent" in await stage.rolled_back()
        assert stage.shown == {(("127.0.0.2",), 10)}


@pytest.mark.timeout(300)
async def test_a_registry_killed_during_the_bake_lets_it_begin_anew(tmp_path: Path) -> None:
    """What was staged is on disk; half a bake is none."""
    port, http_port, bake_seconds = free_port(), free_port(), 3.0
    arguments = registry_arguments(tmp_path / "registry", port, http_port, REGIONS)
    # in its first life no bake ends, however long the machine takes to kill it
    process = ServerProcess("registry", [*arguments, "--bake", "600"], tmp_path / "registry.log")
    stage = Stage(tmp_path, LONG)

    def is_ready() -> bool:
        assert process.alive, process.tail()
        return ready(http_port)

    async def start() -> None:
        # a process begins with a second or two of work, which is long on a busy machine
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(wait_for, "the registry ready", is_ready)

    try:
        await start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stage.site = Site(Elsewhere(grpc_address=f"127.0.0.1:{port}"), None, channel)  # type: ignore[arg-type]  # in another process
            await stage.register("home", "eu", "127.0.0.2", 9)
            async with stage.follow():
                await becomes(stage.plain, (("127.0.0.2",), 10))
                async with stage.canary() as canary:
                    await stage.update(record_ttl_seconds=30)
                    await becomes(canary, (("127.0.0.2",), 30))
                    process.kill()
                    process.arguments = [*arguments, "--bake", str(bake_seconds)]
                    begun = asyncio.get_running_loop().time()
                    await start()
                    await becomes(stage.plain, (("127.0.0.2",), 30))
                    assert asyncio.get_running_loop().time() - begun >= bake_seconds
                    assert not (await stage.service()).HasField("staged_policy")
    finally:
        process.kill()


async def test_only_what_follows_as_a_canary_may_speak_of_stages(tmp_path: Path) -> None:
    """Each fault of a report is named, and no word of a stranger counts."""
    async with staging(tmp_path, LONG) as stage:
        report = stage.site.publication.ReportStage
        bad = pb.ReportStageRequest(frontend_id="A!", cell="Mars", service="cart")
        assert fields(await refusal(report(bad))) == [
            "frontend_id",
            "cell",
            "stage_uid",
            "verdict",
        ]
        good = pb.ReportStageRequest(
            frontend_id="dns-1",
            cell="eu",
            service=NAME,
            stage_uid="t1",
            verdict=pb.ReportStageRequest.VERDICT_FAILED,
        )
        assert fields(await refusal(report(good))) == ["reason"]
        good.reason = "no"
        assert fields(await refusal(report(good))) == ["frontend_id"]
        watch = pb.WatchPlansRequest(frontend_id="x", region="eu", role=7)  # type: ignore[arg-type]  # of a later version
        assert fields(await refusal(stage.site.publication.WatchPlans(watch).read())) == ["role"]
