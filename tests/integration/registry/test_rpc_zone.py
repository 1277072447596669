"""The zone over gRPC: read, edited, guarded, published in each cell, and written down."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import Site, eventually, fields, reason, refusal, registration

from registry.adapters.store.factory import SQLITE_FILE
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1.audit_entry_pb2 import AuditEntry
from sheetanchor.v1.service_pb2 import Service
from sheetanchor.v1.zone_pb2 import Zone
from sheetanchor.v1.zone_settings_pb2 import ClientNetwork, ClientNetworks, ZoneSettings

RESERVED = "namespaces/sheetanchor/services/zone"


def update(
    etag: str = "", *, only: tuple[str, ...] = (), look: bool = False, **settings: Any
) -> pb.UpdateZoneRequest:
    """An edit of these settings."""
    return pb.UpdateZoneRequest(
        zone=Zone(name="zone", etag=etag, settings=ZoneSettings(**settings)),
        update_mask=FieldMask(paths=[f"settings.{each}" for each in only or settings]),
        validate_only=look,
        actor="ann",
        reason="shorter",
    )


async def zone(site: Site) -> Zone:
    """The zone as it is."""
    found: Zone = await site.admin.GetZone(pb.GetZoneRequest(name="zone"))
    return found


async def published(site: Site, cell: str) -> ZoneSettings | None:
    """What the active plan of a cell says of the zone."""
    head = await site.admin.GetCell(pb.GetCellRequest(name=f"cells/{cell}"))
    if not head.generation:
        return None
    name = f"cells/{cell}/plans/{head.generation}"
    plan = await site.admin.GetPlan(pb.GetPlanRequest(name=name))
    for service in plan.services:
        if service.namespace == "sheetanchor" and service.policy.HasField("zone"):
            found: ZoneSettings = service.policy.zone
            return found
    return None


async def test_settings_that_cannot_be_read_are_lost_by_nobody(site: Site) -> None:
    """They are no absence (I39): only who gives all of them may go on without them."""
    await site.admin.UpdateZone(update(negative_ttl_seconds=3, degraded_ttl_seconds=10))
    await eventually(lambda: published(site, "eu"))
    with closing(sqlite3.connect(site.settings.data_dir / SQLITE_FILE)) as database, database:
        cut = "UPDATE services SET body = replace(body, '\"networks\"', '\"net\"')"
        assert database.execute(f"{cut} WHERE service = 'zone'").rowcount == 1
    for refused in (
        site.admin.GetZone(pb.GetZoneRequest(name="zone")),
        site.admin.UpdateZone(update(negative_ttl_seconds=2)),
        site.admin.UpdateZone(update(negative_ttl_seconds=2, look=True)),
    ):
        status = await refusal(refused)
        assert reason(status) == "SERVICE_UNREADABLE"
        assert "KeyError('networks')" in status.message
        assert "`zone set --replace`" in status.message
    whole = pb.UpdateZoneRequest(
        zone=Zone(name="zone", settings=ZoneSettings(negative_ttl_seconds=2)), reason="anew"
    )
    whole.validate_only = True
    assert (await site.admin.UpdateZone(whole)).settings == whole.zone.settings
    assert reason(await refusal(site.admin.GetZone(pb.GetZoneRequest(name="zone"))))
    whole.validate_only = False
    await site.admin.UpdateZone(whole)
    assert (await zone(site)).settings == ZoneSettings(negative_ttl_seconds=2)

    async def served() -> bool:
        return await published(site, "eu") == ZoneSettings(negative_ttl_seconds=2)

    await eventually(served)
    entries = await site.admin.ListAuditEntries(pb.ListAuditEntriesRequest())
    assert "anew" in [each.reason for each in entries.audit_entries]


async def test_settings_are_kept_and_published_in_each_cell(site: Site) -> None:
    """Without a canary at once; what is not named stays as it was."""
    assert (await zone(site)).settings == ZoneSettings()
    networks = ClientNetworks(networks=[ClientNetwork(cidr="10.0.0.0/8", region="us")])
    done = await site.admin.UpdateZone(update(negative_ttl_seconds=3))
    done = await site.admin.UpdateZone(update(done.etag, client_networks=networks))
    wanted = ZoneSettings(negative_ttl_seconds=3, client_networks=networks)
    assert done.settings == wanted
    assert await zone(site) == done
    for cell in ("eu", "us"):

        async def there(cell: str = cell) -> bool:
            return await published(site, cell) == wanted

        await eventually(there)
    again = await site.admin.UpdateZone(update(only=("negative_ttl_seconds",)))
    assert again.settings == ZoneSettings(client_networks=networks)


async def test_a_look_says_what_would_be_and_changes_nothing(site: Site) -> None:
    """Nor is it written down."""
    seen = await site.admin.UpdateZone(update(look=True, negative_ttl_seconds=3))
    assert seen.settings.negative_ttl_seconds == 3
    assert (await zone(site)).settings == ZoneSettings()
    assert not (await site.admin.ListAuditEntries(pb.ListAuditEntriesRequest())).audit_entries


async def test_what_cannot_be_meant_is_refused_by_field(site: Site) -> None:
    """Looked at or meant; and a path, a name or a rollout that is none."""
    bad = ClientNetworks(networks=[ClientNetwork(cidr="10.0.0.1/8", region="mars")])
    for look in (False, True):
        asked = update(look=look, negative_ttl_seconds=0, client_networks=bad)
        assert fields(await refusal(site.admin.UpdateZone(asked))) == [
            "zone.settings.negative_ttl_seconds",
            "zone.settings.client_networks.networks[0].region",
            "zone.settings.client_networks.networks[0].cidr",
        ]
    assert fields(await refusal(site.admin.UpdateZone(update(only=("ttl",))))) == ["update_mask"]
    strange = update(negative_ttl_seconds=3)
    strange.zone.name = "zones/x"
    assert fields(await refusal(site.admin.UpdateZone(strange))) == ["zone.name"]
    strange = update(negative_ttl_seconds=3)
    strange.rollout = 7  # type: ignore[assignment]  # of a later version
    assert fields(await refusal(site.admin.UpdateZone(strange))) == ["rollout"]
    assert fields(await refusal(site.admin.GetZone(pb.GetZoneRequest()))) == ["name"]
    assert (await zone(site)).settings == ZoneSettings()


async def test_an_edit_from_an_old_reading_is_refused(site: Site) -> None:
    """As of any resource that operators edit."""
    done = await site.admin.UpdateZone(update(negative_ttl_seconds=3))
    await site.admin.UpdateZone(update(negative_ttl_seconds=4))
    status = await refusal(site.admin.UpdateZone(update(done.etag, negative_ttl_seconds=2)))
    assert status.code == grpc.StatusCode.ABORTED.value[0]
    assert reason(status) == "ETAG_MISMATCH"


async def test_who_changed_the_zone_is_written_down(site: Site) -> None:
    """With what, and why."""
    await site.admin.UpdateZone(update(negative_ttl_seconds=3))
    (entry,) = (await site.admin.ListAuditEntries(pb.ListAuditEntriesRequest())).audit_entries
    assert (entry.act, entry.subject, entry.actor, entry.reason, entry.detail) == (
        AuditEntry.ACT_UPDATE_ZONE,
        "zone",
        "ann",
        "shorter",
        "settings.negative_ttl_seconds",
    )


@pytest.mark.parametrize("made", [False, True])
async def test_the_name_that_settings_are_kept_under_is_nobody_elses(
    site: Site, made: bool
) -> None:
    """It is neither created, updated, deleted, diverted nor registered under, and in no list."""
    if made:
        await site.admin.UpdateZone(update(negative_ttl_seconds=3))
    create = pb.CreateServiceRequest(parent="namespaces/sheetanchor", service_id="zone")
    assert fields(await refusal(site.admin.CreateService(create))) == ["service_id"]
    change = pb.UpdateServiceRequest(service=Service(name=RESERVED))
    assert fields(await refusal(site.admin.UpdateService(change))) == ["service.name"]
    delete = pb.DeleteServiceRequest(name=RESERVED, force=True)
    assert fields(await refusal(site.admin.DeleteService(delete))) == ["name"]
    divert = pb.DivertServiceRequest(name=RESERVED, cell="eu", reason="drill")
    assert fields(await refusal(site.admin.DivertService(divert))) == ["name"]
    asked = registration("one", parent=RESERVED)
    assert fields(await refusal(site.registration.RegisterInstance(asked))) == ["parent"]
    assert not (await site.admin.ListServices(pb.ListServicesRequest())).services
    assert (await zone(site)).settings.HasField("negative_ttl_seconds") is made
