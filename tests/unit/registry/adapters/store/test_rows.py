"""A row is read as what it should be, or not at all: nothing else comes to those who work on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from registry.adapters.rpc.translate.instance import instance_message
from registry.adapters.rpc.translate.service import service_message
from registry.adapters.store.ledger import lease_ttl_ms
from registry.adapters.store.rows import (
    UNREADABLE,
    decode_instance,
    decode_service,
    encode_instance,
    encode_service,
)
from registry.domain.diversion import Diversion, Span
from registry.domain.health import Evidence, Health
from registry.domain.instance import (
    Check,
    CheckKind,
    HttpCheck,
    Identity,
    Instance,
    Port,
    Registration,
    State,
)
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.room import octets_of
from registry.domain.service import (
    Distance,
    FailoverPolicy,
    Service,
    ServicePolicy,
    StagedPolicy,
    StageState,
)
from registry.domain.zone import ClientNetwork, ZoneSettings

EAST = RegionName("east")
INSTANCE = Instance(
    registration=Registration(
        key=InstanceKey(NamespaceId("prod"), ServiceId("web"), InstanceId("one")),
        cell=CellName("east"),
        region=EAST,
        zone="east-1a",
        addresses=("192.0.2.1",),
        ports=(Port("http", 8080),),
        priority=1,
        weight=7,
        metadata={"owner": "Zoë"},
        check=Check(
            CheckKind.HTTPS,
            8080,
            1.5,
            0.5,
            1,
            4,
            HttpCheck("/ok", "shop.example", (200,), "Zoë"),
            identity=Identity.HEADER,
            tls_server_name="shop.example",
        ),
        ttl_seconds=15.0,
    ),
    incarnation=Incarnation("u1"),
    request_id="r1",
    state=State.ACTIVE,
    health=Health.HEALTHY,
    evidence=Evidence.VALIDATED,
    health_time_ms=1,
    create_time_ms=2,
    state_time_ms=3,
    revision=Revision(7),
    lease_id=7,
)
POLICY = ServicePolicy(
    failover=FailoverPolicy(
        region_order=(EAST,),
        distances=(Distance(EAST, RegionName("west"), 7),),
        static_addresses=("192.0.2.1",),
    ),
    zone=ZoneSettings(3, 10, 300, (ClientNetwork("10.0.0.0/8", EAST),)),
)
SERVICE = Service(
    key=ServiceKey(NamespaceId("prod"), ServiceId("web")),
    uid="u2",
    policy=POLICY,
    etag="r1",
    create_time_ms=1,
    update_time_ms=2,
    revision=Revision(2),
    tombstone_time_ms=3,
    staged=StagedPolicy("u3", POLICY, 4, StageState.BAKING, "why"),
    diversions=(Diversion(CellName("east"), Span(5, 6), "why"),),
)
WRONG = (None, "\ud800", -1, 0.5, 1e308, [], {}, True, 10**30, [["x"]], {"x": None}, "x" * 9)


def replaced(value: Any, wrong: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The value with one of its parts replaced, for each of them, and which one it is."""
    if path:
        yield path, wrong
    if not isinstance(value, dict | list):
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        for where, changed in replaced(part, wrong, f"{path}.{key}"):
            whole = value.copy()
            whole[key] = changed
            yield where, whole


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_an_instance_that_is_read_can_be_told_and_counted(wrong: object) -> None:
    """Whatever one part of its row has become (I11)."""
    tried = read = 0
    for path, row in replaced(json.loads(encode_instance(INSTANCE)), wrong):
        tried += 1
        try:
            found = decode_instance(json.dumps(row))
        except UNREADABLE:
            continue
        read += 1
        assert decode_instance(encode_instance(found)) == found, path
        instance_message(found)
        assert octets_of(found.registration) < 10_000, path
        assert lease_ttl_ms(found) < 1 << 62, path
        hash((found.incarnation, found.lease_id, found.registration.cell))
        assert found.health_time_ms + found.revision + found.registration.weight >= 0, path
    assert read < tried / 2


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_service_that_is_read_can_be_told(wrong: object) -> None:
    """Whatever one part of its row has become (I11)."""
    for path, row in replaced(json.loads(encode_service(SERVICE)), wrong):
        try:
            found = decode_service(json.dumps(row))
        except UNREADABLE:
            continue
        assert decode_service(encode_service(found)) == found, path
        service_message(found)
        hash((found.key, found.policy, found.staged, found.diversions))


def test_what_was_written_is_read() -> None:
    assert decode_instance(encode_instance(INSTANCE)) == INSTANCE
    assert decode_service(encode_service(SERVICE)) == SERVICE
