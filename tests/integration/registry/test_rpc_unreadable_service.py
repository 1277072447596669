"""A service whose row cannot be read is registered into as before, and loses nothing by it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import SERVICE, Site, reason, refusal

from registry.adapters.store.factory import SQLITE_FILE
from sheetanchor.v1 import admin_service_pb2 as pb
from sheetanchor.v1.service_pb2 import Service, ServicePolicy


def rows(site: Site, change: str = "") -> list[tuple[str]]:
    """What the database holds of the service, after a change to it if one is given."""
    with closing(sqlite3.connect(site.settings.data_dir / SQLITE_FILE)) as database, database:
        if change:
            assert database.execute(f"UPDATE services SET {change}").rowcount == 1
        return database.execute("SELECT body FROM services").fetchall()


async def test_a_registration_drops_no_policy_that_cannot_be_read(site: Site) -> None:
    """An instance comes to a service that is there: what is unreadable is no absence (I39)."""
    service = Service(policy=ServicePolicy(record_ttl_seconds=42))
    await site.admin.CreateService(
        pb.CreateServiceRequest(parent="namespaces/shop", service_id="cart", service=service)
    )
    readable = rows(site)
    damaged = rows(site, "body = replace(body, '\"policy\"', '\"policy of later\"')")
    assert damaged != readable

    made = (await site.register("one")).instance
    assert rows(site) == damaged
    found = await site.admin.GetInstance(pb.GetInstanceRequest(name=made.name))
    assert found.uid == made.uid
    asked = pb.GetServiceRequest(name=SERVICE)
    assert reason(await refusal(site.admin.GetService(asked))) == "SERVICE_UNREADABLE"

    rows(site, "body = replace(body, '\"policy of later\"', '\"policy\"')")
    changed = await site.admin.UpdateService(
        pb.UpdateServiceRequest(
            service=Service(name=SERVICE, policy=ServicePolicy(scale_to_zero=False)),
            update_mask=FieldMask(paths=["policy.scale_to_zero"]),
        )
    )
    assert changed.policy.record_ttl_seconds == 42
