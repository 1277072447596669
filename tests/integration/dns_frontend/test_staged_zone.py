"""The zone's settings act on a canary first, and on the others only when they did well (I19).

A real registry that owns three regions, a frontend and a canary in eu, and DNS over UDP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
from frontend_site import settings
from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import eventually
from staged_site import (
    BAKING,
    BRIEF,
    LONG,
    NOW,
    REGIONS,
    ROLLED_BACK,
    Elsewhere,
    Stage,
    becomes,
    staging,
)

from dns_frontend.main import FrontendServer
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1.zone_pb2 import Zone
from sheetanchor.v1.zone_settings_pb2 import ClientNetwork, ClientNetworks, ZoneSettings

LOCAL = "127.0.0.0/8"
"""The network that the tests ask from."""


def networks(**regions: str) -> ClientNetworks:
    """`local` is in this region."""
    return ClientNetworks(
        networks=[ClientNetwork(cidr=LOCAL, region=region) for region in regions.values()]
    )


async def update(stage: Stage, rollout: Any = None, **wished: Any) -> Zone:
    """Change these settings of the zone."""
    changed: Zone = await stage.site.admin.UpdateZone(
        pb.UpdateZoneRequest(
            zone=Zone(name="zone", settings=ZoneSettings(**wished)),
            update_mask=FieldMask(paths=[f"settings.{name}" for name in wished]),
            rollout=rollout,
        )
    )
    return changed


async def zone(stage: Stage) -> Zone:
    """The zone as operators see it."""
    found: Zone = await stage.site.admin.GetZone(pb.GetZoneRequest(name="zone"))
    return found


async def rolled_back(stage: Stage) -> str:
    """Wait until the change is taken back; why it was."""

    async def look() -> str:
        staged = (await zone(stage)).staged_settings
        return staged.reason if staged.state == ROLLED_BACK else ""

    return str(await eventually(look))


async def told(frontend: FrontendServer | Elsewhere, name: str, kind: str) -> dns.message.Message:
    """A frontend's reply over UDP."""
    host, _, port = frontend.dns_address.rpartition(":")
    query = dns.message.make_query(f"{name}anchor.internal.", kind, use_edns=0)
    return await dns.asyncquery.udp(query, host, port=int(port), timeout=30)


async def denial(frontend: FrontendServer) -> int:
    """For how long a denial may be kept."""
    (soa,) = (await told(frontend, "nobody.", "A")).authority
    assert soa.ttl == soa[0].minimum
    return soa.ttl


async def denies(frontend: FrontendServer, seconds: int) -> None:
    """Wait until denials may be kept for so long."""

    async def look() -> bool:
        return await denial(frontend) == seconds

    await eventually(look)


async def cells(stage: Stage) -> dict[str, int]:
    """The generation of each cell."""
    found = (await stage.site.admin.ListCells(pb.ListCellsRequest())).cells
    return {each.name: each.generation for each in found}


async def says(stage: Stage, cell: str, seconds: int) -> None:
    """Wait until the active plan of a cell has that negative TTL."""

    async def look() -> bool:
        generation = (await cells(stage))[f"cells/{cell}"]
        request = pb.GetPlanRequest(name=f"cells/{cell}/plans/{generation}")
        plan = await stage.site.admin.GetPlan(request)
        return any(each.policy.zone.negative_ttl_seconds == seconds for each in plan.services)

    await eventually(look)


async def test_a_good_change_acts_on_the_canary_and_then_everywhere(tmp_path: Path) -> None:
    """Meanwhile endpoints change as ever, on both."""
    async with staging(tmp_path, BRIEF) as stage, stage.canary() as canary:
        reply = await update(stage, negative_ttl_seconds=2)
        assert reply.staged_settings.state == BAKING
        assert not reply.settings.HasField("negative_ttl_seconds")
        assert reply.staged_settings.settings.negative_ttl_seconds == 2
        await denies(canary, 2)
        # the bake takes longer than the next publication, by which the plain one has heard
        await stage.register("home", "eu", "127.0.0.4", 9)
        await becomes(stage.plain, (("127.0.0.4",), 10))
        await becomes(canary, (("127.0.0.4",), 10))
        await denies(stage.plain, 2)
        found = await zone(stage)
        assert found.settings.negative_ttl_seconds == 2
        assert not found.HasField("staged_settings")


async def test_staged_settings_act_on_no_other_and_endpoints_are_not_delayed(
    tmp_path: Path,
) -> None:
    """And breaking the glass skips the waiting."""
    async with staging(tmp_path, LONG) as stage, stage.canary() as canary:
        await update(stage, negative_ttl_seconds=2)
        await denies(canary, 2)
        await stage.register("home", "eu", "127.0.0.4", 9)
        await becomes(stage.plain, (("127.0.0.4",), 10))
        assert await denial(stage.plain) == 5
        assert (await zone(stage)).staged_settings.state == BAKING
        reply = await update(stage, NOW, negative_ttl_seconds=3)
        assert not reply.HasField("staged_settings")
        await denies(stage.plain, 3)
        await denies(canary, 3)


async def test_clients_that_would_be_sent_to_closed_ports_stay_where_they_are(
    tmp_path: Path,
) -> None:
    """The change is tried on the canary's clients, and taken back by itself."""
    async with staging(tmp_path, LONG) as stage:
        await stage.register("deaf", "ap", "127.0.0.3", 9)
        async with stage.canary() as canary:
            await update(stage, client_networks=networks(local="ap"))
            reason = await rolled_back(stage)
            # judged as each cell publishes it, so by whichever home is heard of first
            assert any(
                f"{LOCAL}, of shop/cart in ap instead of {home}" in reason for home in ("eu", "us")
            )
            assert "0 of 1 endpoints take connections" in reason
            await becomes(canary, (("127.0.0.2",), 5))
        # by region order eu's clients are answered from us, and none was ever sent to ap
        assert stage.shown == {(("127.0.0.2",), 5)}
        assert not (await zone(stage)).settings.HasField("client_networks")


async def test_clients_whose_new_region_answers_are_moved(tmp_path: Path) -> None:
    """On the canary first; `_why` tells it what is tried, and the others what holds."""
    async with staging(tmp_path, BRIEF) as stage, stage.canary() as canary:
        await update(stage, client_networks=networks(local="us"))
        # us is at home there, so its answer is the usual one
        await becomes(canary, (("127.0.0.2",), 10))
        await becomes(stage.plain, (("127.0.0.2",), 10))

        async def lines() -> list[str]:
            (found,) = (await told(stage.plain, "_why.zone.sheetanchor.svc.", "TXT")).answer
            shown = [b" ".join(each.strings).decode() for each in found]
            # the three cells publish one after the other
            superseded = [line for line in shown if line.startswith("zone=superseded")]
            return shown if len(superseded) == 2 else []

        shown = await eventually(lines)
        assert f"network={LOCAL} region=us" in shown
        (held,) = [line for line in shown if line.startswith("zone=in_force")]
        assert held == (
            "zone=in_force cell=eu negative_ttl=own degraded_ttl=own nameserver_ttl=own networks=1"
        )


async def test_a_rollback_of_a_cell_brings_its_older_settings_back(tmp_path: Path) -> None:
    """They are content like the rest; the other cells keep theirs, and home is heard first."""
    async with staging(tmp_path, LONG) as stage:
        await update(stage, negative_ttl_seconds=3)
        await says(stage, "eu", 3)
        older = (await cells(stage))["cells/eu"]
        await update(stage, negative_ttl_seconds=2)
        await says(stage, "eu", 2)
        await denies(stage.plain, 2)
        name = f"cells/eu/plans/{older}"
        roll_back = pb.RollBackPlanRequest(name=name, reason="the settings", actor="ann")
        roll_back.preview_digest = (await stage.site.admin.RollBackPlan(roll_back)).preview.digest
        await stage.site.admin.RollBackPlan(roll_back)
        await denies(stage.plain, 3)
        # the rollback froze the cell: what is wished for now waits there, and there alone
        await update(stage, negative_ttl_seconds=4)

        await says(stage, "us", 4)
        await says(stage, "ap", 4)
        await says(stage, "eu", 3)
        assert await denial(stage.plain) == 3


async def test_settings_hold_over_a_restart_without_a_registry(tmp_path: Path) -> None:
    """They are on disk with the rest (I16)."""
    async with staging(tmp_path, LONG) as stage:
        await update(stage, negative_ttl_seconds=2, client_networks=networks(local="us"))
        await denies(stage.plain, 2)
        await becomes(stage.plain, (("127.0.0.2",), 10))
    again = FrontendServer(
        settings(tmp_path / "plain", (stage.site.server.grpc_address,), regions=REGIONS)
    )
    await again.start()
    try:
        assert await denial(again) == 2
        assert (await told(again, "cart.shop.svc.", "A")).answer[0].ttl == 10
    finally:
        await again.stop()
