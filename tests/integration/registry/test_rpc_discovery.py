"""Clients find instances, and follow their coming and going, without DNS."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from registry_site import SERVICE, Site, details, eventually, fields, reason, refusal
from two_keys import confirmed

from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import discovery_service_pb2 as pb
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1 import registration_service_pb2 as registration_pb

CHECKED = instance_pb2.HealthCheck.KIND_TCP


async def resolved(site: Site, **how: Any) -> list[str]:
    """Ids of the instances that a service resolves to."""
    answer = await site.discovery.ResolveService(pb.ResolveServiceRequest(name=SERVICE, **how))
    return [instance.name.rpartition("/")[2] for instance in answer.instances]


async def test_only_validated_instances_are_resolved_unless_asked_otherwise(site: Site) -> None:
    await site.register("b", region="eu")
    await site.register("a", region="us")
    uid = (await site.register("d", region="eu")).instance.uid
    await site.registration.DrainInstance(
        registration_pb.DrainInstanceRequest(name=f"{SERVICE}/instances/d", uid=uid)
    )
    await site.register("c", check=CHECKED, port=1)
    assert await resolved(site) == ["a", "b"]
    assert await resolved(site, region="eu") == ["b"]
    assert await resolved(site, include_unvalidated=True) == ["a", "b", "c", "d"]


async def test_what_can_never_match_is_a_mistake_and_no_empty_answer(site: Site) -> None:
    await site.register("a")
    call = site.discovery.ResolveService(pb.ResolveServiceRequest(name=SERVICE, region="mars"))
    status = await refusal(call)
    assert (reason(status), fields(status)) == ("UNKNOWN_REGION", ["region"])
    other = pb.ResolveServiceRequest(name="namespaces/shop/services/no")
    status = await refusal(site.discovery.ResolveService(other))
    assert reason(status) == "SERVICE_NOT_FOUND"


async def test_a_deleted_service_is_not_found(site: Site) -> None:
    await site.register("a")
    deletion = admin.DeleteServiceRequest(name=SERVICE, force=True)
    await confirmed(site.admin.DeleteService, deletion)
    call = site.discovery.ResolveService(pb.ResolveServiceRequest(name=SERVICE))
    assert reason(await refusal(call)) == "SERVICE_NOT_FOUND"


async def test_a_watch_begins_with_a_snapshot_and_goes_on_with_changes(site: Site) -> None:
    await site.register("a")
    stream = site.discovery.WatchServices(pb.WatchServicesRequest(parent=SERVICE))
    first = await stream.read()
    assert first.snapshot.complete
    assert [each.name for each in first.snapshot.services] == [SERVICE]
    assert [each.name for each in first.snapshot.instances] == [f"{SERVICE}/instances/a"]
    await site.register("other", parent="namespaces/shop/services/other")
    uid = (await site.register("b")).instance.uid
    await site.registration.DeregisterInstance(
        registration_pb.DeregisterInstanceRequest(name=f"{SERVICE}/instances/b", uid=uid)
    )
    seen: list[tuple[str, str]] = []
    revisions: list[int] = []
    async with asyncio.timeout(30):
        while len(seen) < 2:
            message = await stream.read()
            revisions.append(message.revision)
            for change in message.changes.changes:
                kind = change.WhichOneof("subject")
                subject = getattr(change, kind)
                seen.append((kind, subject if isinstance(subject, str) else subject.name))
    assert seen == [
        ("instance", f"{SERVICE}/instances/b"),
        ("removed_instance", f"{SERVICE}/instances/b"),
    ]
    assert revisions == sorted(revisions)
    stream.cancel()


async def test_a_watch_resumes_without_a_gap_even_at_a_restarted_node(site: Site) -> None:
    start = (await site.register("a")).revision
    uid = (await site.register("b")).instance.uid
    last = await site.registration.DeregisterInstance(
        registration_pb.DeregisterInstanceRequest(name=f"{SERVICE}/instances/b", uid=uid)
    )
    await site.server.stop(0)
    server = type(site.server)(site.settings)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            again = Site(server, site.settings, channel)
            stream = again.discovery.WatchServices(pb.WatchServicesRequest(start_revision=start))
            seen: list[str] = []
            async with asyncio.timeout(30):
                async for message in stream:
                    assert not message.HasField("snapshot")
                    seen += [str(c.WhichOneof("subject")) for c in message.changes.changes]
                    if message.revision >= last.revision:
                        break
            assert seen == ["instance", "removed_instance"]
            stream.cancel()
    finally:
        await server.stop(0)


async def test_an_idle_watch_gets_checkpoints(site: Site) -> None:
    revision = (await site.register("a")).revision
    stream = site.discovery.WatchServices(pb.WatchServicesRequest(start_revision=revision))
    async with asyncio.timeout(30):
        message = await stream.read()
    assert message.WhichOneof("event") == "checkpoint"
    assert message.revision == revision
    stream.cancel()


async def test_a_revision_of_the_future_is_out_of_range(site: Site) -> None:
    stream = site.discovery.WatchServices(pb.WatchServicesRequest(start_revision=10**9))
    status = await refusal(stream.read())
    assert status.code == grpc.StatusCode.OUT_OF_RANGE.value[0]
    assert reason(status) == "REVISION_IN_FUTURE"


async def test_a_revision_that_is_forgotten_is_out_of_range_and_says_so(site: Site) -> None:
    first = (await site.register("a")).revision
    for n in range(5):
        await site.register(f"b{n}")
    await site.server._store.compact(2)
    await site.server.stop(0)
    server = type(site.server)(site.settings)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            again = Site(server, site.settings, channel)
            stream = again.discovery.WatchServices(pb.WatchServicesRequest(start_revision=first))
            status = await refusal(stream.read())
            assert status.code == grpc.StatusCode.OUT_OF_RANGE.value[0]
            assert reason(status) == "REVISION_COMPACTED"
            assert set(details(status)) == {"ErrorInfo"}
    finally:
        await server.stop(0)


async def test_a_watcher_of_nothing_learns_of_the_first_thing(site: Site) -> None:
    stream = site.discovery.WatchServices(pb.WatchServicesRequest(parent="namespaces/new"))
    assert (await stream.read()).snapshot.complete
    await site.register("a", parent="namespaces/new/services/s")

    async def seen() -> bool:
        message = await stream.read()
        return any(change.HasField("service") for change in message.changes.changes)

    await eventually(seen)
    stream.cancel()
