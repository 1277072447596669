"""Bad input is INVALID_ARGUMENT, names its field, and changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import SERVICE, Site, details, fields, reason, refusal, registration

from sheetanchor.v1 import admin_service_pb2 as admin
from sheetanchor.v1 import discovery_service_pb2 as discovery
from sheetanchor.v1 import frontend_pb2 as frontend
from sheetanchor.v1 import publication_service_pb2 as publication
from sheetanchor.v1 import registration_service_pb2 as pb
from sheetanchor.v1.instance_pb2 import HealthCheck, Port
from sheetanchor.v1.service_pb2 import FailoverPolicy, Service, ServicePolicy

LONG = "a" * 64
MEBIBYTE = "x" * (1024 * 1024)


def without_ports(request: pb.RegisterInstanceRequest) -> pb.RegisterInstanceRequest:
    """A registration that has lost its ports."""
    request.instance.ClearField("ports")
    return request


def put(path: str, value: Any) -> pb.RegisterInstanceRequest:
    """A good registration with a field set; a list replaces, a message is copied."""
    request = registration("spoiled")
    at: Any = request
    *parents, name = path.split(".")
    for parent in parents:
        at = getattr(at, parent)
    match value:
        case list():
            at.ClearField(name)
            getattr(at, name).extend(value)
        case dict():
            getattr(at, name).update(value)
        case str() | int():
            setattr(at, name, value)
        case _:
            getattr(at, name).CopyFrom(value)
    return request


REGISTRATIONS = [
    # what is wrong                     request                                       field
    ("empty parent", put("parent", ""), "parent"),
    ("namespace over 63", put("parent", f"namespaces/{LONG}/services/a"), "parent"),
    ("service over 63", put("parent", f"namespaces/a/services/{LONG}"), "parent"),
    ("upper case", put("parent", "namespaces/A/services/b"), "parent"),
    ("empty id", put("instance_id", ""), "instance_id"),
    ("id over 63", put("instance_id", LONG), "instance_id"),
    ("id with a dot", put("instance_id", "a.b"), "instance_id"),
    ("id that begins with a digit", put("instance_id", "1a"), "instance_id"),
    ("name of another", put("instance.name", f"{SERVICE}/instances/other"), "instance.name"),
    ("port 0", put("instance.ports", [Port(number=0)]), "instance.ports[0].number"),
    ("port 70000", put("instance.ports", [Port(number=70000)]), "instance.ports[0].number"),
    ("port -1", put("instance.ports", [Port(number=-1)]), "instance.ports[0].number"),
    (
        "second port without a name",
        put("instance.ports", [Port(number=1), Port(number=2)]),
        "instance.ports[1].name",
    ),
    (
        "two ports of a name",
        put("instance.ports", [Port(name="a", number=1), Port(name="a", number=2)]),
        "instance.ports[1].name",
    ),
    (
        "protocol of the future",
        put("instance.ports", [Port(number=1, protocol=9)]),  # type: ignore[arg-type]  # of no version known
        "instance.ports[0].protocol",
    ),
    (
        "17 ports",
        put("instance.ports", [Port(name=f"p{n}", number=n + 1) for n in range(17)]),
        "instance.ports",
    ),
    ("no address", put("instance.addresses", []), "instance.addresses"),
    ("nine addresses", put("instance.addresses", ["10.0.0.1"] * 9), "instance.addresses"),
    ("host name", put("instance.addresses", ["localhost"]), "instance.addresses[0]"),
    ("address of five parts", put("instance.addresses", ["1.2.3.4.5"]), "instance.addresses[0]"),
    ("leading zeros", put("instance.addresses", ["010.0.0.1"]), "instance.addresses[0]"),
    ("unspecified", put("instance.addresses", ["0.0.0.0"]), "instance.addresses[0]"),
    ("multicast", put("instance.addresses", ["ff02::1"]), "instance.addresses[0]"),
    ("broadcast", put("instance.addresses", ["255.255.255.255"]), "instance.addresses[0]"),
    ("twice", put("instance.addresses", ["::1", "0:0::1"]), "instance.addresses[1]"),
    ("a scope", put("instance.addresses", ["fe80::1%eth0"]), "instance.addresses[0]"),
    ("no region", put("instance.locality.region", ""), "instance.locality.region"),
    ("unknown region", put("instance.locality.region", "mars"), "instance.locality.region"),
    ("bad zone", put("instance.locality.zone", "A"), "instance.locality.zone"),
    ("unknown cell", put("instance.cell", "mars"), "instance.cell"),
    ("cell of another region", put("instance.cell", "us"), "instance.cell"),
    ("priority over 65535", put("instance.priority", 65536), "instance.priority"),
    ("negative weight", put("instance.weight", -1), "instance.weight"),
    (
        "65 metadata pairs",
        put("instance.metadata", {f"k{n}": "v" for n in range(65)}),
        "instance.metadata",
    ),
    ("metadata key", put("instance.metadata", {"a b": "v"}), "instance.metadata['a b']"),
    ("long value", put("instance.metadata", {"k": "v" * 513}), "instance.metadata['k']"),
    ("line break", put("instance.metadata", {"k": "a\nb"}), "instance.metadata['k']"),
    ("lease of 0", put("ttl", Duration()), "ttl"),
    ("lease below a second", put("ttl", Duration(nanos=999_999_999)), "ttl"),
    ("lease of a year", put("ttl", Duration(seconds=365 * 86400)), "ttl"),
    ("negative lease", put("ttl", Duration(seconds=-15)), "ttl"),
    ("lease for ever", put("ttl", Duration(seconds=315_576_000_000)), "ttl"),
    ("request id", put("request_id", "again"), "request_id"),
    (
        "check of the future",
        put("instance.health_check", HealthCheck(kind=9)),  # type: ignore[arg-type]  # of no version known
        "instance.health_check.kind",
    ),
    (
        "check without a port",
        without_ports(put("instance.health_check", HealthCheck(kind=HealthCheck.KIND_TCP))),
        "instance.health_check.port",
    ),
    (
        "check each millisecond",
        put(
            "instance.health_check",
            HealthCheck(kind=HealthCheck.KIND_TCP, interval=Duration(nanos=1_000_000)),
        ),
        "instance.health_check.interval",
    ),
    (
        "timeout over the interval",
        put(
            "instance.health_check",
            HealthCheck(
                kind=HealthCheck.KIND_TCP,
                interval=Duration(seconds=2),
                timeout=Duration(seconds=3),
            ),
        ),
        "instance.health_check.timeout",
    ),
    (
        "fall of 11",
        put("instance.health_check", HealthCheck(kind=HealthCheck.KIND_TCP, fall=11)),
        "instance.health_check.fall",
    ),
    ("over a mebibyte", put("instance.metadata", {"k": MEBIBYTE}), "instance.metadata"),
    (
        "instance over 64 KiB",
        put("instance.metadata", {f"k{n}": "é" * 512 for n in range(64)}),
        "instance",
    ),
]
REASONS = {"unknown region": "UNKNOWN_REGION", "unknown cell": "UNKNOWN_CELL"}


async def everything(site: Site) -> tuple[int, list[str]]:
    """The registry's revision and the names of all that it has."""
    stream = site.discovery.WatchServices(discovery.WatchServicesRequest())
    names: list[str] = []
    async for message in stream:
        names += [each.name for each in message.snapshot.services]
        names += [each.name for each in message.snapshot.instances]
        if message.snapshot.complete:
            stream.cancel()
            return message.revision, sorted(names)
    raise AssertionError("the snapshot was not complete")


async def test_a_bad_registration_is_refused_by_its_field_and_changes_nothing(
    site: Site,
) -> None:
    """The whole table on one node: its history must be as short at the end as before."""
    await site.register("good")
    before = await everything(site)
    wrong: list[str] = []
    for what, request, field in REGISTRATIONS:
        status = await refusal(site.registration.RegisterInstance(request))
        if fields(status) != [field] or reason(status) != REASONS.get(what, "INVALID_FIELD"):
            wrong.append(f"{what}: {fields(status)} {reason(status)}, not {field}")
    assert wrong == []
    assert await everything(site) == before


async def test_all_violations_are_told_at_once(site: Site) -> None:
    request = pb.RegisterInstanceRequest(parent="x", ttl=Duration(seconds=900))
    status = await refusal(site.registration.RegisterInstance(request))
    assert fields(status) == [
        "parent",
        "instance_id",
        "instance.locality.region",
        "instance.addresses",
        "ttl",
    ]
    assert reason(status) == "INVALID_FIELD"
    assert "Nothing was changed" in status.message


async def test_a_bad_item_leaves_the_rest_of_its_batch_alone(site: Site) -> None:
    bad = [request for _, request, field in REGISTRATIONS if field != "instance.metadata"]
    for at, request in enumerate(bad):
        if request.instance_id == "spoiled":
            request.instance_id = f"spoiled-{at}"
    good = [registration(f"good-{n}") for n in range(20)]
    answer = await site.registration.BatchRegisterInstances(
        pb.BatchRegisterInstancesRequest(requests=[*good[:10], *bad, *good[10:]])
    )
    said = [result.WhichOneof("outcome") for result in answer.results]
    assert said == ["registered"] * 10 + ["status"] * len(bad) + ["registered"] * 10
    for at, result in enumerate(answer.results):
        if result.HasField("status"):
            assert all(field.startswith(f"requests[{at}].") for field in fields(result.status))
            assert set(details(result.status)) == {"ErrorInfo", "BadRequest"}
    _, names = await everything(site)
    assert names == sorted([SERVICE, *(f"{SERVICE}/instances/good-{n}" for n in range(20))])


async def test_all_twins_in_a_batch_are_refused_and_the_others_are_not(site: Site) -> None:
    big = registration("two")
    for n in range(64):
        big.instance.metadata[f"k{n}"] = "é" * 512
    answer = await site.registration.BatchRegisterInstances(
        pb.BatchRegisterInstancesRequest(
            requests=[registration("one"), registration("two"), registration("one"), big]
        )
    )
    assert [fields(result.status) for result in answer.results] == [
        ["requests[0].instance_id"],
        ["requests[1].instance_id"],
        ["requests[2].instance_id"],
        ["requests[3].instance"],
    ]
    other = pb.BatchRegisterInstancesRequest(
        requests=[registration("one"), registration("one", parent="namespaces/shop/services/b")]
    )
    answer = await site.registration.BatchRegisterInstances(other)
    assert all(result.HasField("registered") for result in answer.results)


SPOILED_CALLS: list[tuple[str, str, Any, list[str]]] = [
    ("registration", "BatchRegisterInstances", pb.BatchRegisterInstancesRequest(), ["requests"]),
    (
        "registration",
        "BatchRegisterInstances",
        pb.BatchRegisterInstancesRequest(requests=[registration(f"i{n}") for n in range(101)]),
        ["requests"],
    ),
    (
        "registration",
        "BatchRegisterInstances",
        pb.BatchRegisterInstancesRequest(
            requests=[put("instance.metadata", {"k": MEBIBYTE[:30_000]}) for _ in range(40)]
        ),
        ["requests"],
    ),
    ("registration", "DeregisterInstance", pb.DeregisterInstanceRequest(uid="u"), ["name"]),
    (
        "registration",
        "DeregisterInstance",
        pb.DeregisterInstanceRequest(name=f"{SERVICE}/instances/one"),
        ["uid"],
    ),
    ("registration", "DrainInstance", pb.DrainInstanceRequest(name=SERVICE, uid="u"), ["name"]),
    (
        "registration",
        "Heartbeat",
        pb.HeartbeatRequest(uids=["u"] * 600, not_serving_uids=["v"] * 401),
        ["uids"],
    ),
    ("registration", "Heartbeat", pb.HeartbeatRequest(uids=[MEBIBYTE]), ["uids"]),
    ("discovery", "ResolveService", discovery.ResolveServiceRequest(name="cart"), ["name"]),
    ("admin", "GetNamespace", admin.GetNamespaceRequest(name="namespaces/-"), ["name"]),
    ("admin", "GetService", admin.GetServiceRequest(name=""), ["name"]),
    ("admin", "GetInstance", admin.GetInstanceRequest(name=SERVICE), ["name"]),
    ("admin", "GetLease", admin.GetLeaseRequest(name=f"{SERVICE}/instances/a"), ["name"]),
    ("admin", "GetCell", admin.GetCellRequest(name="eu"), ["name"]),
    ("admin", "GetPlan", admin.GetPlanRequest(name="cells/eu/plans/x"), ["name"]),
    ("admin", "GetFrontend", admin.GetFrontendRequest(name="dns-1"), ["name"]),
    ("admin", "ListServices", admin.ListServicesRequest(parent="x"), ["parent"]),
    ("admin", "ListServices", admin.ListServicesRequest(page_size=-1), ["page_size"]),
    ("admin", "ListServices", admin.ListServicesRequest(page_token="x"), ["page_token"]),
    ("admin", "ListPlans", admin.ListPlansRequest(), ["parent"]),
    ("admin", "CreateService", admin.CreateServiceRequest(service_id="a"), ["parent"]),
    (
        "admin",
        "CreateService",
        admin.CreateServiceRequest(parent="namespaces/shop", service_id=LONG),
        ["service_id"],
    ),
    (
        "admin",
        "CreateService",
        admin.CreateServiceRequest(
            parent="namespaces/shop", service_id="a", service=Service(name=SERVICE)
        ),
        ["service.name"],
    ),
    (
        "admin",
        "CreateService",
        admin.CreateServiceRequest(
            parent="namespaces/shop",
            service_id="a",
            service=Service(
                policy=ServicePolicy(
                    record_ttl_seconds=4,
                    failover=FailoverPolicy(
                        enter_threshold=1.5,
                        exit_hold=Duration(seconds=3601),
                        minimum_endpoints=-1,
                        region_order=["eu", "EU", "eu"],
                    ),
                )
            ),
        ),
        [
            "service.policy.record_ttl_seconds",
            "service.policy.failover.region_order[1]",
            "service.policy.failover.region_order[2]",
            "service.policy.failover.enter_threshold",
            "service.policy.failover.exit_hold",
            "service.policy.failover.minimum_endpoints",
        ],
    ),
    (
        "admin",
        "UpdateService",
        admin.UpdateServiceRequest(
            service=Service(name=SERVICE), update_mask=FieldMask(paths=["uid", "policy.no"])
        ),
        ["update_mask", "update_mask"],
    ),
    ("admin", "DeleteService", admin.DeleteServiceRequest(name="x", force=True), ["name"]),
    (
        "publication",
        "AcknowledgePlan",
        publication.AcknowledgePlanRequest(epoch=-1, generation=-1, frontend_id="A B"),
        ["frontend_id", "region", "cell", "epoch", "generation", "verdict"],
    ),
    (
        "publication",
        "AcknowledgePlan",
        publication.AcknowledgePlanRequest(
            frontend_id="a",
            region="eu",
            cell="eu",
            generation=1,
            epoch=1,
            verdict="VERDICT_REFUSED",
        ),
        ["refusal"],
    ),
    (
        "publication",
        "AcknowledgePlan",
        publication.AcknowledgePlanRequest(
            frontend_id="a",
            region="eu",
            cell="eu",
            generation=1,
            epoch=1,
            verdict="VERDICT_APPLIED",
            held=frontend.HeldNames(service_count=-1, services=["a/b", *["namespaces/a"] * 20]),
        ),
        ["held.service_count", "held.services", *(f"held.services[{n}]" for n in range(20))],
    ),
    (
        "publication",
        "AcknowledgePlan",
        publication.AcknowledgePlanRequest(
            frontend_id="a",
            region="eu",
            cell="eu",
            generation=10**12,
            verdict="VERDICT_APPLIED",
        ),
        ["generation"],
    ),
    (
        "publication",
        "AcknowledgePlan",
        publication.AcknowledgePlanRequest(
            frontend_id="a",
            region="eu",
            cell="eu",
            epoch=10**12,
            verdict="VERDICT_APPLIED",
        ),
        ["epoch"],
    ),
]


async def test_every_other_call_names_what_is_wrong_with_it(site: Site) -> None:
    await site.register("good")
    before = await everything(site)
    wrong: list[str] = []
    for service, method, request, expected in SPOILED_CALLS:
        status = await refusal(getattr(getattr(site, service), method)(request))
        if fields(status) != expected:
            wrong.append(f"{method}: {fields(status)}, not {expected}")
    assert wrong == []
    assert await everything(site) == before


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (discovery.WatchServicesRequest(start_revision=-1), "start_revision"),
        (discovery.WatchServicesRequest(parent="services/a"), "parent"),
        (discovery.WatchServicesRequest(parent="namespaces/-/services/a"), "parent"),
        (publication.WatchPlansRequest(frontend_id="", region="eu"), "frontend_id"),
        (publication.WatchPlansRequest(frontend_id="a"), "region"),
        (
            publication.WatchPlansRequest(
                frontend_id="a",
                region="eu",
                have=[publication.WatchPlansRequest.Position(cell="eu", generation=-1)],
            ),
            "have[0].generation",
        ),
    ],
)
async def test_a_stream_that_cannot_begin_names_what_is_wrong(
    site: Site, request_: Any, field: str
) -> None:
    watch = (
        site.discovery.WatchServices
        if isinstance(request_, discovery.WatchServicesRequest)
        else site.publication.WatchPlans
    )
    assert fields(await refusal(watch(request_).read())) == [field]


async def test_octets_that_are_no_message_end_the_call_and_nothing_else(site: Site) -> None:
    method = "/sheetanchor.v1.RegistrationService/RegisterInstance"
    raw = site.channel.unary_unary(method)
    for octets in (b"\xff", b"\x0a\x05\xff\xfe\xfd\xfc\xfb", bytes(1000)):
        with pytest.raises(Exception, match="StatusCode"):
            await raw(octets)
    assert (await site.register(f"after-{uuid4().hex[:8]}")).instance.uid


async def test_more_than_the_transport_takes_is_refused_before_it_is_read(site: Site) -> None:
    request = put("instance.metadata", {"k": MEBIBYTE * 17})
    with pytest.raises(Exception, match="RESOURCE_EXHAUSTED"):
        await site.registration.RegisterInstance(request)
    assert (await site.register("after")).instance.uid
