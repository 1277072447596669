"""Registering, renewing and leaving over gRPC."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from registry_site import SERVICE, Site, details, eventually, reason, refusal, registration

from registry.domain.errors import StoreUnavailable
from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1 import registration_service_pb2 as pb

ONE = f"{SERVICE}/instances/one"


async def test_a_retry_with_the_same_request_id_returns_the_first_result(site: Site) -> None:
    request = registration("one")
    first = await site.registration.RegisterInstance(request)
    again = await site.registration.RegisterInstance(request)
    assert again.instance == first.instance
    assert again.revision == first.revision


async def test_a_request_id_is_good_for_one_content_only(site: Site) -> None:
    request = registration("one")
    await site.registration.RegisterInstance(request)
    request.instance.priority = 7
    status = await refusal(site.registration.RegisterInstance(request))
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert reason(status) == "REQUEST_ID_REUSED"
    (violation,) = details(status)["PreconditionFailure"].violations
    assert (violation.type, violation.subject) == ("REQUEST_ID_REUSED", ONE)


async def test_an_older_incarnation_has_no_say(site: Site) -> None:
    old = (await site.register("one")).instance.uid
    new = (await site.register("one")).instance.uid
    assert old != new
    for call in (
        site.registration.DeregisterInstance(pb.DeregisterInstanceRequest(name=ONE, uid=old)),
        site.registration.DrainInstance(pb.DrainInstanceRequest(name=ONE, uid=old)),
    ):
        assert reason(await refusal(call)) == "INCARNATION_SUPERSEDED"
    answer = await site.registration.Heartbeat(pb.HeartbeatRequest(uids=[old, new]))
    assert [(r.uid, reason(r.status)) for r in answer.refusals] == [(old, "INCARNATION_SUPERSEDED")]
    found = await site.admin.GetInstance(admin.GetInstanceRequest(name=ONE))
    assert found.uid == new


async def test_a_delayed_retry_does_not_resurrect_what_was_taken_out(site: Site) -> None:
    request = registration("one")
    uid = (await site.registration.RegisterInstance(request)).instance.uid
    await site.registration.DeregisterInstance(pb.DeregisterInstanceRequest(name=ONE, uid=uid))
    status = await refusal(site.registration.RegisterInstance(request))
    assert reason(status) == "INCARNATION_SUPERSEDED"


async def test_what_is_not_there_cannot_leave(site: Site) -> None:
    request = pb.DeregisterInstanceRequest(name=ONE, uid=str(uuid4()))
    status = await refusal(site.registration.DeregisterInstance(request))
    assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert reason(status) == "INSTANCE_NOT_FOUND"


async def test_the_instance_comes_back_as_it_was_sent_with_defaults_filled_in(site: Site) -> None:
    request = registration("one", check=instance_pb2.HealthCheck.KIND_UNSPECIFIED)
    request.instance.locality.zone = "eu-a"
    request.instance.addresses[:] = ["2001:DB8::0:1", "10.0.0.1"]
    request.instance.metadata["version"] = "1.2"
    request.ttl.FromMilliseconds(2500)
    said = (await site.registration.RegisterInstance(request)).instance
    assert list(said.addresses) == ["2001:db8::1", "10.0.0.1"]
    assert (said.cell, said.locality.zone, said.weight) == ("eu", "eu-a", 1)
    assert said.ports[0] == instance_pb2.Port(
        name="main", number=8080, protocol=instance_pb2.Port.PROTOCOL_TCP
    )
    assert said.health_check == instance_pb2.HealthCheck(
        kind=instance_pb2.HealthCheck.KIND_TCP,
        port=8080,
        interval=Duration(seconds=5),
        timeout=Duration(seconds=2),
        rise=2,
        fall=3,
    )
    assert dict(said.metadata) == {"version": "1.2"}
    assert said == await site.admin.GetInstance(admin.GetInstanceRequest(name=ONE))
    lease = await site.admin.GetLease(admin.GetLeaseRequest(name=f"{ONE}/lease"))
    assert lease.ttl.ToMilliseconds() == 2500


async def test_one_stream_renews_many_and_answers_in_order(site: Site) -> None:
    uids = [(await site.register(f"i{n}")).instance.uid for n in range(20)]
    call = site.registration.Heartbeats()
    strangers = [str(uuid4()) for _ in range(100)]

    async def send() -> None:
        for stranger in strangers:
            await call.write(pb.HeartbeatRequest(uids=[*uids, stranger]))
        await call.done_writing()

    sending = asyncio.create_task(send())
    replies = [reply async for reply in call]
    await sending
    assert [reply.refusals[0].uid for reply in replies] == strangers
    assert all(len(reply.refusals) == 1 for reply in replies)
    assert {reason(reply.refusals[0].status) for reply in replies} == {"LEASE_NOT_FOUND"}
    assert await call.code() is grpc.StatusCode.OK


async def test_the_advised_interval_is_spread(site: Site) -> None:
    """Of the lease that is granted to whoever asks for none."""
    asked = registration("one")
    asked.ClearField("ttl")
    granted = await site.registration.RegisterInstance(asked)
    assert granted.lease.ttl.seconds == 15
    request = pb.HeartbeatRequest(uids=[granted.instance.uid])
    advised = {
        (await site.registration.Heartbeat(request)).renewal_interval.ToMilliseconds()
        for _ in range(20)
    }
    assert len(advised) > 10
    assert 4000 <= min(advised) <= max(advised) <= 5000


async def test_renewals_make_no_history(site: Site) -> None:
    answer = await site.register("one")
    for _ in range(10):
        beat = await site.registration.Heartbeat(pb.HeartbeatRequest(uids=[answer.instance.uid]))
    assert beat.revision == answer.revision


async def test_a_lease_that_is_not_renewed_runs_out_and_cannot_be_renewed(site: Site) -> None:
    request = registration("one")
    request.ttl.FromSeconds(1)
    uid = (await site.registration.RegisterInstance(request)).instance.uid
    kept = (await site.register("two")).instance.uid

    async def expired() -> bool:
        found = await site.admin.GetInstance(admin.GetInstanceRequest(name=ONE))
        return bool(found.state == instance_pb2.Instance.STATE_EXPIRED)

    await eventually(expired)
    found = await site.admin.GetInstance(admin.GetInstanceRequest(name=ONE))
    assert found.health == instance_pb2.HEALTH_UNHEALTHY
    assert found.evidence == instance_pb2.EVIDENCE_LEASE_EXPIRED
    answer = await site.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid, kept]))
    assert [(r.uid, reason(r.status)) for r in answer.refusals] == [(uid, "LEASE_EXPIRED")]
    new = (await site.register("one")).instance
    assert new.uid != uid
    assert new.state == instance_pb2.Instance.STATE_ACTIVE


async def test_a_broken_stream_expires_nothing_and_leaves_no_task(site: Site) -> None:
    uid = (await site.register("one")).instance.uid
    call = site.registration.Heartbeats()
    await call.write(pb.HeartbeatRequest(uids=[uid]))
    await call.read()
    before = len(asyncio.all_tasks())
    for _ in range(5):
        await call.write(pb.HeartbeatRequest(uids=[uid]))
    call.cancel()
    await eventually(lambda: len(asyncio.all_tasks()) < before)
    answer = await site.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid]))
    assert not answer.refusals


async def test_a_stream_message_that_breaks_a_rule_ends_the_stream_after_those_before_it(
    site: Site,
) -> None:
    uid = (await site.register("one")).instance.uid
    call = site.registration.Heartbeats()
    await call.write(pb.HeartbeatRequest(uids=[uid]))
    await call.write(pb.HeartbeatRequest(uids=[uid] * 1001))
    assert not (await call.read()).refusals
    status = await refusal(call.read())
    assert reason(status) == "INVALID_FIELD"


async def test_while_the_database_is_away_calls_are_told_to_come_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = (await site.register("one")).instance.uid
    store = site.server._store

    async def gone(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the disk is full", retry_after_seconds=1.5)

    with monkeypatch.context() as away:
        away.setattr(store, "apply", gone, raising=True)
        away.setattr(store, "renew", gone, raising=True)
        for call in (
            site.registration.RegisterInstance(registration("two")),
            site.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid])),
        ):
            status = await refusal(call)
            assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
            assert reason(status) == "STORE_UNAVAILABLE"
            assert details(status)["RetryInfo"].retry_delay.ToMilliseconds() == 1500
    assert not (await site.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid]))).refusals
    assert (await site.register("two")).instance.uid


async def test_what_would_outgrow_a_services_entry_is_refused_and_the_rest_is_not(
    site: Site,
) -> None:
    """Some 41 KB of metadata each: the entry of the service has room for 22 of them."""
    metadata = {f"{number:02}{'k' * 126}": "v" * 512 for number in range(64)}

    def heavy(number: int) -> pb.RegisterInstanceRequest:
        request = registration(f"heavy-{number}")
        request.instance.metadata.update(metadata)
        return request

    answer = await site.registration.BatchRegisterInstances(
        pb.BatchRegisterInstancesRequest(requests=[heavy(number) for number in range(23)])
    )
    assert all(result.HasField("registered") for result in answer.results[:22])
    full = answer.results[22].status
    assert full.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert reason(full) == "SERVICE_FULL"
    (violation,) = details(full)["BadRequest"].field_violations
    assert violation.field == "requests[22].instance"
    assert "RetryInfo" in details(full)

    assert reason(await refusal(site.registration.RegisterInstance(heavy(99)))) == "SERVICE_FULL"
    again = await site.registration.RegisterInstance(heavy(3))
    assert again.instance.name == answer.results[3].registered.instance.name
    await site.registration.DeregisterInstance(
        pb.DeregisterInstanceRequest(name=again.instance.name, uid=again.instance.uid)
    )
    assert (await site.registration.RegisterInstance(heavy(99))).instance.uid
