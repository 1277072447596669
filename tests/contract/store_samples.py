"""Registrations and plans that the store's tests write."""

from __future__ import annotations

from registry.domain.instance import (
    Check,
    CheckKind,
    HttpCheck,
    Identity,
    Instance,
    Port,
    Protocol,
    Registration,
)
from registry.domain.names import (
    CellName,
    Epoch,
    FrontendId,
    Generation,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import Done, Fence, Outcome, Register
from registry.domain.plan import PlanDelta, PlanRecord
from registry.domain.service import AllDown, Distance, FailoverPolicy, HealthPolicy, ServicePolicy
from registry.domain.zone import ClientNetwork, ZoneSettings
from registry.ports import Acknowledgement, Publication, Store

EAST = CellName("east")
EAST_REGION = RegionName("east")
WEB = ServiceKey(NamespaceId("prod"), ServiceId("web"))
POLICY = ServicePolicy(
    record_ttl_seconds=20,
    failover=FailoverPolicy(
        (RegionName("west"), EAST_REGION),
        0.4,
        0.9,
        12.5,
        2,
        3.5,
        (Distance(EAST_REGION, RegionName("west"), 7),),
        1.5,
        AllDown.STATIC,
        ("192.0.2.1", "2001:db8::1"),
    ),
    scale_to_zero=True,
    health=HealthPolicy(1, 4, 20.0, 300.0),
    zone=ZoneSettings(
        3,
        10,
        300,
        (ClientNetwork("10.0.0.0/8", EAST_REGION), ClientNetwork("2001:db8::/32", EAST_REGION)),
    ),
)


def service_key(text: str) -> ServiceKey:
    """`namespace/service`."""
    namespace, service = text.split("/")
    return ServiceKey(NamespaceId(namespace), ServiceId(service))


def instance_key(text: str) -> InstanceKey:
    """`namespace/service/instance`, or an instance of prod/web."""
    *service, instance = text.split("/")
    return InstanceKey(*(service_key("/".join(service)) if service else WEB), InstanceId(instance))


def register(
    name: str, uid: str, request_id: str = "", address: str = "192.0.2.1", ttl_seconds: float = 15.0
) -> Register:
    """A registration with something in every field."""
    return Register(
        Registration(
            key=instance_key(name),
            cell=EAST,
            region=EAST_REGION,
            zone="east-1a",
            addresses=(address, "2001:db8::1"),
            ports=(Port("http", 8080), Port("dns", 53, Protocol.UDP)),
            priority=1,
            weight=7,
            metadata={"version": "1.2", "owner": "Zoë \u0000 «x»"},
            check=Check(
                CheckKind.HTTPS,
                8080,
                1.5,
                0.5,
                1,
                4,
                HttpCheck("/ok", "shop.example", (200, 204), "Zoë"),
                identity=Identity.HEADER,
                tls_server_name="shop.example",
            ),
            ttl_seconds=ttl_seconds,
        ),
        Incarnation(uid),
        request_id,
        f"00-{'1' * 32}-{'2' * 16}-01",
    )


def instance_of(outcome: Outcome) -> Instance:
    """The instance of an operation that was carried out."""
    assert isinstance(outcome, Done), outcome
    assert outcome.instance is not None
    return outcome.instance


async def registered(store: Store, name: str, uid: str, request_id: str = "") -> Instance:
    """Register one instance and return it as stored."""
    applied = await store.apply([register(name, uid, request_id)])
    return instance_of(applied.outcomes[0])


def publication(
    epoch: int,
    parent: int,
    changed: dict[str, bytes],
    removed: tuple[str, ...] = (),
    base: dict[str, bytes] | None = None,
    cell: CellName = EAST,
) -> Publication:
    """The generation after `parent`."""
    record = PlanRecord(
        cell=cell,
        epoch=Epoch(epoch),
        generation=Generation(parent + 1),
        parent_generation=Generation(parent),
        digest=bytes([parent + 1]) * 32,
        service_count=2,
        endpoint_count=3,
        revision=Revision(40 + parent),
        create_time_ms=1_760_000_000_000 + parent,
        traceparent=f"00-{'3' * 32}-{'4' * 16}-01",
    )
    return Publication(Fence(cell, Epoch(epoch)), record, PlanDelta(changed, removed), base)


def word(
    generation: int, refusal: str = "", epoch: int = 1, time_ms: int = 1000, frontend: str = "f1"
) -> Acknowledgement:
    """What a frontend says of a generation of EAST."""
    return Acknowledgement(
        FrontendId(frontend),
        EAST_REGION,
        EAST,
        Epoch(epoch),
        Generation(generation),
        refusal,
        time_ms,
    )
