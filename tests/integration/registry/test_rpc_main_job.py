"""From a registration by the generated stubs alone to a plan that frontends receive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from registry_site import SERVICE, Site, eventually, reason, refusal, registration
from two_keys import confirmed

from sheetanchor.v1 import admin_service_pb2, instance_pb2, plan_pb2, service_pb2
from sheetanchor.v1 import discovery_service_pb2 as discovery
from sheetanchor.v1 import publication_service_pb2 as publication
from sheetanchor.v1 import registration_service_pb2 as pb

KEY = "shop/cart"


@dataclass
class Follower:
    """What a frontend of a test has been told: entries and generations by cell."""

    entries: dict[str, dict[str, plan_pb2.ServicePlan]] = field(default_factory=dict)
    heads: dict[str, plan_pb2.Plan] = field(default_factory=dict)
    checkpoints: list[tuple[str, int]] = field(default_factory=list)

    async def follow(self, stream: AsyncIterator[Any]) -> None:
        """Take in a stream for ever, as the contract says it comes."""
        async for message in stream:
            cell = message.cell
            match message.WhichOneof("event"):
                case "base":
                    self.entries.setdefault(cell, {})
                    self._put(cell, message.base.entries)
                    if message.base.complete:
                        self.heads[cell] = message.base.plan
                case "delta":
                    assert message.delta.plan.parent_generation == self.heads[cell].generation
                    self._put(cell, message.delta.changed)
                    for key in message.delta.removed:
                        del self.entries[cell][key]
                    self.heads[cell] = message.delta.plan
                case "checkpoint":
                    self.checkpoints.append((cell, message.checkpoint.generation))

    def _put(self, cell: str, entries: Any) -> None:
        for entry in entries:
            self.entries[cell][entry.key] = plan_pb2.ServicePlan.FromString(entry.body)

    def health(self, cell: str, key: str = KEY) -> dict[str, int]:
        """Health of the endpoints of a service in a cell, by instance."""
        plan = self.entries.get(cell, {}).get(key, plan_pb2.ServicePlan())
        return {endpoint.instance: endpoint.health for endpoint in plan.endpoints}


def entries_have_tombstone(entries: dict[str, plan_pb2.ServicePlan]) -> Callable[[], bool]:
    """Whether the service is deleted by now."""
    return lambda: entries[KEY].HasField("tombstone")


@pytest.fixture
async def follower(site: Site) -> AsyncIterator[Follower]:
    """A frontend that follows the node from the start."""
    told = Follower()
    stream = site.publication.WatchPlans(
        publication.WatchPlansRequest(frontend_id="dns-1", region="eu")
    )
    task = asyncio.create_task(told.follow(stream))
    await eventually(lambda: set(told.heads) == {"eu", "us"})
    yield told
    assert not task.done() or not task.exception()
    task.cancel()


async def test_a_registered_instance_is_in_the_plan_of_its_cell_alone(
    site: Site, follower: Follower
) -> None:
    answer = await site.register("one", region="eu")
    assert answer.instance.name == f"{SERVICE}/instances/one"
    assert answer.instance.uid
    await eventually(lambda: follower.health("eu") == {"one": instance_pb2.HEALTH_HEALTHY})
    await eventually(lambda: KEY in follower.entries["us"])
    assert follower.health("us") == {}
    endpoint = follower.entries["eu"][KEY].endpoints[0]
    assert list(endpoint.addresses) == ["127.0.0.1"]
    assert [(port.name, port.number) for port in endpoint.ports] == [("main", 8080)]
    assert endpoint.uid == answer.instance.uid


async def test_an_instance_with_a_check_is_validated_before_it_counts(
    site: Site, follower: Follower
) -> None:
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    check = instance_pb2.HealthCheck.KIND_TCP
    answer = await site.register("good", check=check, port=port)
    assert answer.instance.health == instance_pb2.HEALTH_UNKNOWN
    # a port that nothing listens on: taken, and given back
    spare = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    closed = spare.sockets[0].getsockname()[1]
    spare.close()
    await spare.wait_closed()
    await site.register("bad", check=check, port=closed)
    try:
        await eventually(lambda: follower.health("eu").get("good") == instance_pb2.HEALTH_HEALTHY)
        await eventually(lambda: "bad" in follower.health("eu"))
        assert follower.health("eu")["bad"] == instance_pb2.HEALTH_UNKNOWN
        found = await site.discovery.ResolveService(discovery.ResolveServiceRequest(name=SERVICE))
        assert [i.name.rpartition("/")[2] for i in found.instances] == ["good"]
    finally:
        server.close()


async def test_drained_is_in_the_plan_as_draining_and_deregistered_is_not(
    site: Site, follower: Follower
) -> None:
    uids = {name: (await site.register(name)).instance.uid for name in ("one", "two", "three")}
    await eventually(lambda: len(follower.health("eu")) == 3)
    one = f"{SERVICE}/instances/one"
    drained = await site.registration.DrainInstance(
        pb.DrainInstanceRequest(name=one, uid=uids["one"])
    )
    assert drained.instance.state == instance_pb2.Instance.STATE_DRAINING
    await eventually(lambda: follower.health("eu")["one"] == instance_pb2.HEALTH_DRAINING)
    two = f"{SERVICE}/instances/two"
    request = pb.DeregisterInstanceRequest(name=two, uid=uids["two"])
    first = await site.registration.DeregisterInstance(request)
    again = await site.registration.DeregisterInstance(request)
    assert again.revision == first.revision
    await eventually(lambda: set(follower.health("eu")) == {"one", "three"})


async def test_the_last_one_to_leave_is_held_and_only_deletion_empties(
    site: Site, follower: Follower
) -> None:
    uid = (await site.register("one")).instance.uid
    await eventually(lambda: follower.health("eu"))
    await site.registration.DeregisterInstance(
        pb.DeregisterInstanceRequest(name=f"{SERVICE}/instances/one", uid=uid)
    )
    await eventually(lambda: follower.entries["eu"][KEY].held)
    assert follower.health("eu") == {"one": instance_pb2.HEALTH_UNHEALTHY}
    deletion = admin_service_pb2.DeleteServiceRequest(name=SERVICE)
    await confirmed(site.admin.DeleteService, deletion)
    for cell in ("eu", "us"):
        entries = follower.entries[cell]
        await eventually(entries_have_tombstone(entries))
        assert follower.health(cell) == {}


async def test_not_serving_is_unhealthy_until_the_owner_takes_it_back(
    site: Site, follower: Follower
) -> None:
    uid = (await site.register("one")).instance.uid
    await site.register("two")
    quick = service_pb2.HealthPolicy(damping_window=Duration(seconds=1))
    await site.admin.UpdateService(
        admin_service_pb2.UpdateServiceRequest(
            service=service_pb2.Service(
                name=SERVICE, policy=service_pb2.ServicePolicy(health=quick)
            )
        )
    )
    await site.registration.Heartbeat(pb.HeartbeatRequest(not_serving_uids=[uid]))
    await eventually(lambda: follower.health("eu").get("one") == instance_pb2.HEALTH_UNHEALTHY)
    await site.registration.Heartbeat(pb.HeartbeatRequest(uids=[uid]))
    await eventually(lambda: follower.health("eu").get("one") == instance_pb2.HEALTH_HEALTHY)


async def test_what_a_frontend_acknowledges_shows_in_its_cell(
    site: Site, follower: Follower
) -> None:
    await site.register("one")
    await eventually(lambda: follower.health("eu"))
    head = follower.heads["eu"]
    word = publication.AcknowledgePlanRequest(
        frontend_id="dns-1",
        region="eu",
        cell="eu",
        epoch=head.epoch,
        generation=head.generation,
        verdict=publication.AcknowledgePlanRequest.VERDICT_APPLIED,
    )
    await site.publication.AcknowledgePlan(word)

    async def acknowledged() -> bool:
        cell = await site.admin.GetCell(admin_service_pb2.GetCellRequest(name="cells/eu"))
        return bool(cell.acknowledged_generation == head.generation)

    await eventually(acknowledged)
    name = "frontends/dns-1"
    found = await site.admin.GetFrontend(admin_service_pb2.GetFrontendRequest(name=name))
    assert [(each.cell, each.generation) for each in found.cells] == [("eu", head.generation)]
    word.cell = "mars"
    assert reason(await refusal(site.publication.AcknowledgePlan(word))) == "CELL_NOT_FOUND"


async def test_an_idle_watch_is_told_that_it_is_up_to_date(site: Site, follower: Follower) -> None:
    def head() -> int:
        return follower.heads["eu"].generation

    await eventually(lambda: follower.checkpoints.count(("eu", head())) >= 2)


async def test_a_frontend_resumes_from_what_it_has_without_a_base(
    site: Site, follower: Follower
) -> None:
    await site.register("one")
    await eventually(lambda: follower.health("eu"))
    have = [
        publication.WatchPlansRequest.Position(
            cell=cell, epoch=plan.epoch, generation=plan.generation, digest=plan.digest
        )
        for cell, plan in follower.heads.items()
    ]
    stream = site.publication.WatchPlans(
        publication.WatchPlansRequest(frontend_id="dns-1", region="eu", have=have)
    )
    await site.register("two")
    kinds = set()
    async with asyncio.timeout(30):
        async for message in stream:
            kinds.add(message.WhichOneof("event"))
            if message.WhichOneof("event") == "delta" and message.cell == "eu":
                break
    assert "base" not in kinds
    stream.cancel()


async def test_the_trace_of_a_registration_leads_to_the_plan(
    site: Site, follower: Follower
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    await site.registration.RegisterInstance(
        registration("one"), metadata=(("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01"),)
    )
    await eventually(lambda: follower.health("eu"))
    assert follower.heads["eu"].traceparent.split("-")[1] == trace_id
