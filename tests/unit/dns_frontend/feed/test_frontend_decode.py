"""What a registry sends, read: nothing in it makes the frontend fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from feed_samples import LIMITS, body
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.feed.decode import MalformedMessageError, position_of, published_of
from dns_frontend.plan.entry import Health, Policy, Protocol, StagedChange
from dns_frontend.plan.zone_wish import ZoneWish
from sheetanchor.v1 import instance_pb2, plan_pb2, service_pb2, zone_settings_pb2

KEY = "shop/cart"


def plan(**fields: Any) -> plan_pb2.ServicePlan:
    """The octets of `body`, changed."""
    made = plan_pb2.ServicePlan.FromString(body())
    made.MergeFrom(plan_pb2.ServicePlan(**fields))
    return made


def position(**fields: Any) -> plan_pb2.Plan:
    right: dict[str, Any] = {"cell": "east", "generation": 7, "epoch": 2, "digest": bytes(32)}
    return plan_pb2.Plan(**(right | fields))


def test_an_entry_is_read_as_it_is() -> None:
    """Every field that answers come from."""
    published = published_of(KEY, body(address="10.1.2.3", revision=9), LIMITS)
    assert published.fault == ""
    assert published.entry is not None
    assert published.entry.key.entry == KEY
    assert published.entry.revision == 9
    (endpoint,) = published.entry.endpoints
    assert (endpoint.addresses, endpoint.weight) == (("10.1.2.3",), 1)
    assert (endpoint.health, endpoint.evidence) == (Health.HEALTHY, "validated")
    (port,) = endpoint.ports
    assert (port.name, port.number, port.protocol) == ("main", 8080, Protocol.TCP)


def test_a_policy_of_zeros_has_the_contracts_defaults() -> None:
    """Unset is not zero."""
    read = published_of(KEY, plan(policy=service_pb2.ServicePolicy()).SerializeToString(), LIMITS)
    assert read.entry is not None
    assert read.entry.policy == Policy()


def test_a_policy_that_is_set_is_read() -> None:
    """A hold of zero seconds is one, where it is set."""
    failover = service_pb2.FailoverPolicy(
        region_order=["us"], enter_threshold=0.9, exit_hold=Duration()
    )
    policy = service_pb2.ServicePolicy(record_ttl_seconds=30, failover=failover, scale_to_zero=True)
    read = published_of(KEY, plan(policy=policy).SerializeToString(), LIMITS).entry
    assert read is not None
    assert read.policy == Policy(30, ("us",), 0.9, 0.9, 0.0, 1, True)


@pytest.mark.parametrize("health", [0, 99, -1])
def test_a_health_that_is_not_known_is_never_served(health: int) -> None:
    """A value of a later registry reads as UNKNOWN (I27); the entry is read all the same."""
    made = plan()
    made.endpoints[0].health = health  # type: ignore[assignment]  # what a later release may send
    read = published_of(KEY, made.SerializeToString(), LIMITS)
    assert read.entry is not None
    assert read.entry.endpoints[0].health is Health.UNKNOWN


def test_evidence_and_protocol_that_are_not_known_do_no_harm() -> None:
    """They read as none and TCP."""
    made = plan()
    made.endpoints[0].evidence = 99  # type: ignore[assignment]  # what a later release may send
    made.endpoints[0].ports[0].protocol = 99  # type: ignore[assignment]  # the same
    read = published_of(KEY, made.SerializeToString(), LIMITS).entry
    assert read is not None
    assert read.endpoints[0].evidence == "none"
    assert read.endpoints[0].ports[0].protocol is Protocol.TCP


@pytest.mark.parametrize("octets", [b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff", b"\x0b" * 5000])
def test_octets_that_are_no_message_are_a_fault(octets: bytes) -> None:
    """It names the key, and keeps the octets that the digest is over."""
    read = published_of(KEY, octets, LIMITS)
    assert (read.entry, read.body) == (None, octets)
    assert KEY in read.fault


def test_an_entry_too_large_is_not_even_read() -> None:
    """The bound is on the octets as they came (I9)."""
    read = published_of(KEY, body(), replace(LIMITS, entry_octets=10))
    assert read.entry is None
    assert "octets" in read.fault


@given(st.text(max_size=200), st.binary(max_size=300))
def test_garbage_is_a_fault_and_no_crash(key: str, octets: bytes) -> None:
    """Whatever the octets are, and the key."""
    read = published_of(key, octets, LIMITS)
    assert read.fault
    assert read.body == octets


@given(st.integers(0, len(body()) - 1), st.integers(0, 255))
def test_an_entry_with_one_octet_changed_is_no_crash(at: int, octet: int) -> None:
    """Most are read, and are for the guard to judge."""
    octets = bytearray(body())
    octets[at] = octet
    published_of(KEY, bytes(octets), LIMITS)


@given(
    st.text(max_size=20),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3),
)
def test_well_formed_nonsense_is_no_crash(
    word: str, number: int, real: float, long: int, address: str, metadata: dict[str, str]
) -> None:
    """NaN weights, negative ports, addresses that are none (F15)."""
    failover = service_pb2.FailoverPolicy(
        region_order=[word, word],
        enter_threshold=real,
        exit_threshold=real,
        exit_hold=Duration(seconds=long, nanos=number),
        minimum_endpoints=number,
    )
    made = plan(
        revision=long,
        policy=service_pb2.ServicePolicy(record_ttl_seconds=number, failover=failover),
        endpoints=[
            plan_pb2.Endpoint(
                instance=word,
                uid=word,
                addresses=[address],
                ports=[instance_pb2.Port(name=word, number=number)],
                weight=number,
                priority=number,
                metadata=metadata,
            )
        ],
    )
    published_of(KEY, made.SerializeToString(), LIMITS)


def test_a_position_is_read() -> None:
    """With its time in milliseconds."""
    made = position()
    made.create_time.FromMilliseconds(1_700_000_000_123)
    read = position_of("east", made, "eu")
    assert (read.cell, read.region, read.epoch, read.generation) == ("east", "eu", 2, 7)
    assert (read.digest, read.create_time_ms) == (bytes(32), 1_700_000_000_123)


@pytest.mark.parametrize(
    ("cell", "region", "fields"),
    [
        ("west", "eu", {}),
        ("../../etc", "eu", {"cell": "../../etc"}),
        ("", "eu", {"cell": ""}),
        ("east\n", "eu", {"cell": "east\n"}),
        ("east", "", {}),
        ("east", "EU", {}),
        ("east", "e" * 64, {}),
        ("east", "eu", {"generation": -1}),
        ("east", "eu", {"epoch": -1}),
        ("east", "eu", {"parent_generation": -1}),
        ("east", "eu", {"digest": b""}),
        ("east", "eu", {"digest": bytes(31)}),
    ],
)
def test_what_cannot_be_placed_in_a_chain_is_malformed(
    cell: str, region: str, fields: dict[str, Any]
) -> None:
    """A cell's name becomes a directory's, a region's a label."""
    with pytest.raises(MalformedMessageError):
        position_of(cell, position(**fields), region)


def test_a_staged_change_is_read_beside_the_policy_in_force() -> None:
    """Also one that takes the policy away."""
    tried = service_pb2.ServicePolicy(record_ttl_seconds=30)
    for staged, read in (
        (plan_pb2.StagedChange(uid="t1", policy=tried), StagedChange("t1", Policy(30))),
        (plan_pb2.StagedChange(uid="t2"), StagedChange("t2", None)),
    ):
        octets = plan(policy=service_pb2.ServicePolicy(), staged=staged).SerializeToString()
        entry = published_of(KEY, octets, LIMITS).entry
        assert entry is not None
        assert (entry.policy, entry.staged) == (Policy(), read)


NETWORKS = zone_settings_pb2.ClientNetworks(
    networks=[zone_settings_pb2.ClientNetwork(cidr="10.0.0.0/8", region="eu")]
)


def zone_octets(**settings: Any) -> bytes:
    """The entry by which settings of the zone come."""
    zone = zone_settings_pb2.ZoneSettings(**settings)
    policy = service_pb2.ServicePolicy(zone=zone)
    made = plan_pb2.ServicePlan(namespace="sheetanchor", service="zone", policy=policy)
    return made.SerializeToString()


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({}, ZoneWish()),
        (
            {"negative_ttl_seconds": 3, "degraded_ttl_seconds": 9, "nameserver_ttl_seconds": 90},
            ZoneWish(3, 9, 90),
        ),
        ({"client_networks": NETWORKS}, ZoneWish(networks=(("10.0.0.0/8", "eu"),))),
        ({"client_networks": zone_settings_pb2.ClientNetworks()}, ZoneWish(networks=())),
    ],
)
def test_settings_of_the_zone_are_read(settings: dict[str, Any], read: ZoneWish) -> None:
    """What is unset says nothing; an empty table says that nobody is in any network."""
    found = published_of("sheetanchor/zone", zone_octets(**settings), LIMITS)
    assert (found.fault, found.entry is not None) == ("", True)
    assert found.entry is not None
    assert found.entry.policy == Policy(zone=read)


def test_a_zero_that_is_said_is_a_fault() -> None:
    """It is no unset field: a TTL of 0 was asked for (I30)."""
    found = published_of("sheetanchor/zone", zone_octets(negative_ttl_seconds=0), LIMITS)
    assert found.fault == "sheetanchor/zone: negative TTL 0 s"


def test_a_frontend_that_does_not_know_of_settings_sees_a_service_with_nobody_in_it() -> None:
    """As this one does with a field of a later version: it is passed over, and no fault."""
    known = zone_octets(negative_ttl_seconds=3)
    # the field's tag, of a policy whose only field it is
    later = known.replace(bytes([5 << 3 | 2]), bytes([15 << 3 | 2]), 1)
    assert later != known
    found = published_of("sheetanchor/zone", later, LIMITS)
    assert (found.fault, found.entry is not None) == ("", True)
    assert found.entry is not None
    assert (found.entry.policy, found.entry.endpoints) == (Policy(), ())
    assert not found.entry.tombstoned
