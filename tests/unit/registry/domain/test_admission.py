"""Bad input names its field, all of it at once; good input has one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from registry.domain.admission import Draft, DraftPort, admit
from registry.domain.check_admission import DraftCheck, DraftHttpCheck
from registry.domain.errors import InvalidField, UnknownCell, UnknownRegion
from registry.domain.instance import Check, CheckKind, HttpCheck, Identity, Port, Protocol
from registry.domain.names import CellName, RegionName
from registry.domain.policy_admission import DraftFailover, DraftHealth, DraftPolicy, admit_policy
from registry.domain.service import AllDown, Distance, FailoverPolicy, HealthPolicy, ServicePolicy

CELLS: Mapping[CellName, RegionName] = {
    CellName("eu"): RegionName("eu"),
    CellName("eu-2"): RegionName("eu"),
    CellName("west"): RegionName("us"),
}
GOOD = Draft(
    parent="namespaces/shop/services/cart",
    instance_id="a",
    region="eu",
    addresses=("10.0.0.1",),
)
UUID = "123e4567-e89b-12d3-a456-426614174000"
HTTP = "instance.health_check.http"


def failing(**fields: Any) -> DraftPolicy:
    return DraftPolicy(failover=DraftFailover(**fields))


def fields_of(draft: Draft, prefix: str = "") -> list[str]:
    with pytest.raises(InvalidField) as caught:
        admit(draft, CELLS, prefix)
    return [violation.field for violation in caught.value.violations]


def bad(**changes: Any) -> Draft:
    return replace(GOOD, **changes)


def check(**fields: Any) -> Draft:
    return bad(ports=(DraftPort("http", 80),), check=DraftCheck(**fields))


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (bad(parent=""), "parent"),
        (bad(parent="namespaces/shop"), "parent"),
        (bad(parent="namespaces/shop/services/cart/instances/a"), "parent"),
        (bad(parent="namespaces/Shop/services/cart"), "parent"),
        (bad(parent="namespaces/-/services/cart"), "parent"),
        (bad(instance_id=""), "instance_id"),
        (bad(instance_id="a" * 64), "instance_id"),
        (bad(instance_id="1a"), "instance_id"),
        (bad(instance_id="a-"), "instance_id"),
        (bad(instance_id="a\n"), "instance_id"),
        (bad(instance_id="ä"), "instance_id"),
        (bad(name="namespaces/shop/services/cart/instances/b"), "instance.name"),
        (bad(region=""), "instance.locality.region"),
        (bad(region="mars"), "instance.locality.region"),
        (bad(zone="Z"), "instance.locality.zone"),
        (bad(cell="mars"), "instance.cell"),
        (bad(cell="west"), "instance.cell"),
        (bad(region="us"), "instance.cell"),
        (bad(addresses=()), "instance.addresses"),
        (bad(addresses=tuple(f"10.0.0.{n}" for n in range(1, 10))), "instance.addresses"),
        (bad(addresses=("10.0.0.1", "nonsense")), "instance.addresses[1]"),
        (bad(addresses=("10.0.0.256",)), "instance.addresses[0]"),
        (bad(addresses=("010.0.0.1",)), "instance.addresses[0]"),
        (bad(addresses=("localhost",)), "instance.addresses[0]"),
        (bad(addresses=("10.0.0.1:80",)), "instance.addresses[0]"),
        (bad(addresses=("0.0.0.0",)), "instance.addresses[0]"),
        (bad(addresses=("::",)), "instance.addresses[0]"),
        (bad(addresses=("224.0.0.1",)), "instance.addresses[0]"),
        (bad(addresses=("239.255.255.255",)), "instance.addresses[0]"),
        (bad(addresses=("ff02::1",)), "instance.addresses[0]"),
        (bad(addresses=("255.255.255.255",)), "instance.addresses[0]"),
        (bad(addresses=("::ffff:10.0.0.1",)), "instance.addresses[0]"),
        (bad(addresses=("fe80::1%eth0",)), "instance.addresses[0]"),
        (bad(addresses=("2001:db8::1", "2001:DB8:0::1")), "instance.addresses[1]"),
        (bad(addresses=("1" * 1_000_000,)), "instance.addresses[0]"),
        (bad(ports=(DraftPort("", 0),)), "instance.ports[0].number"),
        (bad(ports=(DraftPort("", 70000),)), "instance.ports[0].number"),
        (bad(ports=(DraftPort("", -1),)), "instance.ports[0].number"),
        (bad(ports=(DraftPort("", 65536),)), "instance.ports[0].number"),
        (bad(ports=(DraftPort("", 1), DraftPort("", 2))), "instance.ports[1].name"),
        (bad(ports=(DraftPort("a", 1), DraftPort("a", 2))), "instance.ports[1].name"),
        (bad(ports=(DraftPort("", 1), DraftPort("main", 2))), "instance.ports[1].name"),
        (bad(ports=(DraftPort("_a", 1),)), "instance.ports[0].name"),
        (bad(ports=(DraftPort("a", 1, "value 9"),)), "instance.ports[0].protocol"),
        (bad(ports=tuple(DraftPort(f"p{n}", 80) for n in range(17))), "instance.ports"),
        (bad(priority=-1), "instance.priority"),
        (bad(priority=65536), "instance.priority"),
        (bad(weight=-1), "instance.weight"),
        (bad(weight=65536), "instance.weight"),
        (bad(metadata={f"k{n}": "" for n in range(65)}), "instance.metadata"),
        (bad(metadata={"": "v"}), "instance.metadata['']"),
        (bad(metadata={"k k": "v"}), "instance.metadata['k k']"),
        (bad(metadata={"k" * 129: "v"}), f"instance.metadata['{'k' * 77}...']"),
        (bad(metadata={"k": "v" * 513}), "instance.metadata['k']"),
        (bad(metadata={"k": "a\nb"}), "instance.metadata['k']"),
        (bad(ttl_seconds=0.0), "ttl"),
        (bad(ttl_seconds=0.999), "ttl"),
        (bad(ttl_seconds=-15.0), "ttl"),
        (bad(ttl_seconds=300.001), "ttl"),
        (bad(ttl_seconds=365 * 86400.0), "ttl"),
        (bad(ttl_seconds=float("nan")), "ttl"),
        (bad(request_id="retry-1"), "request_id"),
        (check(kind="value 9"), "instance.health_check.kind"),
        (check(kind="tcp", port=70000), "instance.health_check.port"),
        (check(kind="none", port=80), "instance.health_check.port"),
        (bad(check=DraftCheck(kind="tcp")), "instance.health_check.port"),
        (check(interval_seconds=0.5), "instance.health_check.interval"),
        (check(interval_seconds=301.0), "instance.health_check.interval"),
        (check(timeout_seconds=0.05), "instance.health_check.timeout"),
        (check(timeout_seconds=31.0, interval_seconds=60.0), "instance.health_check.timeout"),
        (check(timeout_seconds=6.0), "instance.health_check.timeout"),
        (check(rise=11), "instance.health_check.rise"),
        (check(fall=-1), "instance.health_check.fall"),
        (check(kind="http", http=DraftHttpCheck(path="healthz")), f"{HTTP}.path"),
        (check(kind="http", http=DraftHttpCheck(path="/a b")), f"{HTTP}.path"),
        (check(kind="http", http=DraftHttpCheck(path="/\r\nX: y")), f"{HTTP}.path"),
        (check(kind="http", http=DraftHttpCheck(path="/" * 1025)), f"{HTTP}.path"),
        (check(kind="http", http=DraftHttpCheck(host="a\r\nb")), f"{HTTP}.host"),
        (check(kind="https", http=DraftHttpCheck(statuses=(99,))), f"{HTTP}.expected_statuses[0]"),
        (
            check(kind="http", http=DraftHttpCheck(statuses=(200, 600))),
            f"{HTTP}.expected_statuses[1]",
        ),
        (
            check(kind="http", http=DraftHttpCheck(statuses=(200,) * 17)),
            f"{HTTP}.expected_statuses",
        ),
        (check(kind="http", http=DraftHttpCheck(body_match="x" * 257)), f"{HTTP}.body_match"),
        (check(kind="tcp", http=DraftHttpCheck()), HTTP),
        (check(kind="none", http=DraftHttpCheck()), HTTP),
        (check(kind="grpc", http=DraftHttpCheck()), HTTP),
        (check(kind="http", grpc_service=""), "instance.health_check.grpc"),
        (check(kind="grpc", grpc_service="x" * 257), "instance.health_check.grpc.service"),
        (check(kind="grpc", tls_server_name="a.example"), "instance.health_check.tls_server_name"),
        (check(kind="http", tls_server_name="a.example"), "instance.health_check.tls_server_name"),
        (check(kind="grpcs"), "instance.health_check.tls_server_name"),
        (check(kind="https", tls_server_name="a b"), "instance.health_check.tls_server_name"),
        (check(kind="tcp", identity="header"), "instance.health_check.identity"),
        (check(kind="none", identity="metadata"), "instance.health_check.identity"),
        (check(kind="http", identity="metadata"), "instance.health_check.identity"),
        (check(kind="grpc", identity="header"), "instance.health_check.identity"),
        (check(kind="grpc", identity="value 9"), "instance.health_check.identity"),
        (
            check(kind="grpc", identity="health_service", grpc_service="cart"),
            "instance.health_check.grpc.service",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_by_the_name_of_its_field(draft: Draft, field: str) -> None:
    assert fields_of(draft) == [field]


def test_all_violations_are_named_at_once_under_the_prefix() -> None:
    draft = Draft(parent="", instance_id="", region="", addresses=(), ttl_seconds=0.0)
    assert fields_of(draft, "requests[3].") == [
        "requests[3].parent",
        "requests[3].instance_id",
        "requests[3].instance.locality.region",
        "requests[3].instance.addresses",
        "requests[3].ttl",
    ]


def test_a_message_does_not_echo_a_megabyte() -> None:
    with pytest.raises(InvalidField) as caught:
        admit(bad(instance_id="x" * 1_000_000), CELLS)
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (bad(region="mars"), UnknownRegion),
        (bad(cell="mars"), UnknownCell),
        (bad(region="us"), UnknownCell),
        (bad(cell="west"), InvalidField),
        (bad(region="mars", ttl_seconds=0.0), InvalidField),
    ],
)
def test_an_unknown_place_alone_has_a_reason_of_its_own(
    draft: Draft, kind: type[InvalidField]
) -> None:
    with pytest.raises(InvalidField) as caught:
        admit(draft, CELLS)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("draft", "told"),
    [
        pytest.param(
            bad(cell="mars"),
            "'mars' is not a cell of this registry; it has: eu, eu-2, west",
            id="a cell that was asked for",
        ),
        pytest.param(
            bad(region="us"),
            "is required, since no cell is named like the region us; it has: eu, eu-2, west",
            id="a cell that could not be guessed",
        ),
    ],
)
def test_who_names_no_cell_of_the_registry_is_told_which_there_are(draft: Draft, told: str) -> None:
    with pytest.raises(UnknownCell) as caught:
        admit(draft, CELLS)
    assert told in caught.value.message


def test_unset_fields_take_their_documented_defaults() -> None:
    registration = admit(GOOD, CELLS)
    assert (registration.cell, registration.region) == ("eu", "eu")
    assert (registration.priority, registration.weight) == (0, 1)
    assert registration.ttl_seconds == 15.0
    assert registration.check == Check(CheckKind.NONE)
    assert str(registration.key) == "namespaces/shop/services/cart/instances/a"


def test_the_limits_themselves_are_allowed() -> None:
    registration = admit(
        bad(
            instance_id="a" * 63,
            cell="eu-2",
            addresses=tuple(f"10.0.0.{n}" for n in range(1, 9)),
            ports=tuple(DraftPort(f"p{n}", 65535 - n) for n in range(16)),
            priority=65535,
            weight=65535,
            metadata={f"{'k' * 126}{n}": "ä" * 512 for n in range(64)},
            ttl_seconds=300.0,
            request_id=UUID.upper(),
        ),
        CELLS,
    )
    assert registration.ports[0].number == 65535
    assert registration.cell == "eu-2"


def test_the_longest_names_and_the_shortest_lease_are_allowed() -> None:
    registration = admit(
        bad(parent=f"namespaces/{'n' * 63}/services/{'s' * 63}", ttl_seconds=1.0), CELLS
    )
    assert registration.key.service_key == ("n" * 63, "s" * 63)
    assert registration.ttl_seconds == 1.0


def test_equal_requests_come_out_equal_however_they_were_written() -> None:
    one = bad(
        addresses=("2001:db8:0:0::1", "10.0.0.1"),
        metadata={"b": "2", "a": "1"},
        ports=(DraftPort("", 80),),
        weight=0,
    )
    other = bad(
        addresses=["2001:DB8::1", "10.0.0.1"],
        metadata={"a": "1", "b": "2"},
        ports=[DraftPort("main", 80, "tcp")],
        weight=1,
        ttl_seconds=15.0,
        check=DraftCheck(kind="tcp", port=80),
        cell="eu",
    )
    assert admit(one, CELLS) == admit(other, CELLS)


TCP_PORT, UDP_PORT = DraftPort("web", 80), DraftPort("game", 7777, "udp")


@pytest.mark.parametrize(
    ("ports", "asked", "wanted"),
    [
        ((UDP_PORT, TCP_PORT), None, Check(CheckKind.TCP, 80)),
        ((UDP_PORT,), None, Check(CheckKind.NONE)),
        ((), DraftCheck(), Check(CheckKind.NONE)),
        ((), DraftCheck(port=90), Check(CheckKind.TCP, 90)),
        ((TCP_PORT,), DraftCheck(kind="none"), Check(CheckKind.NONE)),
        ((TCP_PORT,), DraftCheck(kind="tcp", port=90), Check(CheckKind.TCP, 90)),
        ((TCP_PORT,), DraftCheck(interval_seconds=1.0), Check(CheckKind.TCP, 80, 1.0, 1.0)),
        (
            (TCP_PORT,),
            DraftCheck("tcp", 0, 10.0, 0.1, 1, 10),
            Check(CheckKind.TCP, 80, 10.0, 0.1, 1, 10),
        ),
        ((TCP_PORT,), DraftCheck("http"), Check(CheckKind.HTTP, 80, http=HttpCheck())),
        (
            (TCP_PORT,),
            DraftCheck(
                "https",
                443,
                http=DraftHttpCheck("/ok?a=1", "[2001:db8::1]:443", (404, 200, 404), "ready"),
                identity="header",
                tls_server_name="a.example",
            ),
            Check(
                CheckKind.HTTPS,
                443,
                http=HttpCheck("/ok?a=1", "[2001:db8::1]:443", (200, 404), "ready"),
                identity=Identity.HEADER,
                tls_server_name="a.example",
            ),
        ),
        (
            (TCP_PORT,),
            DraftCheck("grpcs", grpc_service="a.B", identity="metadata", tls_server_name="a"),
            Check(
                CheckKind.GRPCS,
                80,
                grpc_service="a.B",
                identity=Identity.METADATA,
                tls_server_name="a",
            ),
        ),
        (
            (TCP_PORT,),
            DraftCheck("grpc", identity="health_service"),
            Check(CheckKind.GRPC, 80, identity=Identity.HEALTH_SERVICE),
        ),
    ],
)
def test_what_is_checked_follows_from_kind_and_ports(
    ports: tuple[DraftPort, ...], asked: DraftCheck | None, wanted: Check
) -> None:
    assert admit(bad(ports=ports, check=asked), CELLS).check == wanted


def test_ports_keep_their_order_and_protocols() -> None:
    assert admit(bad(ports=(UDP_PORT, TCP_PORT)), CELLS).ports == (
        Port("game", 7777, Protocol.UDP),
        Port("web", 80, Protocol.TCP),
    )


REGIONS = ("eu", "us", "ap")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (DraftPolicy(record_ttl_seconds=4), "record_ttl_seconds"),
        (DraftPolicy(record_ttl_seconds=61), "record_ttl_seconds"),
        (DraftPolicy(record_ttl_seconds=-1), "record_ttl_seconds"),
        (DraftPolicy(record_ttl_seconds=0), "record_ttl_seconds"),
        (failing(enter_hold_seconds=-1.0), "failover.enter_hold"),
        (failing(enter_hold_seconds=601.0), "failover.enter_hold"),
        (failing(overprovisioning=0.9), "failover.overprovisioning"),
        (failing(overprovisioning=10.1), "failover.overprovisioning"),
        (failing(overprovisioning=float("nan")), "failover.overprovisioning"),
        (failing(distances=[("EU", "us", 1)]), "failover.distances[0].start"),
        (failing(distances=[("eu", "", 1)]), "failover.distances[0].end"),
        (failing(distances=[("eu", "eu", 1)]), "failover.distances[0].end"),
        (failing(distances=[("eu", "us", 0)]), "failover.distances[0].distance"),
        (failing(distances=[("eu", "us", 1), ("us", "eu", 2)]), "failover.distances[1]"),
        (failing(distances=[("eu", f"r{n}", 1) for n in range(257)]), "failover.distances"),
        (failing(distances=[("mars", "us", 1)]), "failover.distances[0].start"),
        (failing(distances=[("us", "mars", 1)]), "failover.distances[0].end"),
        (failing(all_down="value 9"), "failover.all_down"),
        (failing(all_down="static"), "failover.static_addresses"),
        (
            failing(all_down="static", static_addresses=["10.0.0.1", "x"]),
            "failover.static_addresses[1]",
        ),
        (failing(static_addresses=["10.0.0.1"]), "failover.static_addresses"),
        (DraftPolicy(failover=DraftFailover(["EU"])), "failover.region_order[0]"),
        (DraftPolicy(failover=DraftFailover(["eu", "eu"])), "failover.region_order[1]"),
        (DraftPolicy(failover=DraftFailover(["eu", "us", "eu"])), "failover.region_order[2]"),
        (DraftPolicy(failover=DraftFailover(["us", "mars"])), "failover.region_order[1]"),
        (
            DraftPolicy(failover=DraftFailover([f"r{n}" for n in range(33)])),
            "failover.region_order",
        ),
        (DraftPolicy(failover=DraftFailover(enter_threshold=1.1)), "failover.enter_threshold"),
        (DraftPolicy(failover=DraftFailover(enter_threshold=-0.1)), "failover.enter_threshold"),
        (
            DraftPolicy(failover=DraftFailover(enter_threshold=float("nan"))),
            "failover.enter_threshold",
        ),
        (DraftPolicy(failover=DraftFailover(exit_threshold=0.4)), "failover.exit_threshold"),
        (DraftPolicy(failover=DraftFailover(exit_threshold=1.1)), "failover.exit_threshold"),
        (DraftPolicy(failover=DraftFailover(exit_hold_seconds=-1.0)), "failover.exit_hold"),
        (DraftPolicy(failover=DraftFailover(exit_hold_seconds=3601.0)), "failover.exit_hold"),
        (DraftPolicy(failover=DraftFailover(minimum_endpoints=1001)), "failover.minimum_endpoints"),
        (DraftPolicy(failover=DraftFailover(minimum_endpoints=-1)), "failover.minimum_endpoints"),
        (DraftPolicy(health=DraftHealth(rise=11)), "health.rise"),
        (DraftPolicy(health=DraftHealth(rise=-1)), "health.rise"),
        (DraftPolicy(health=DraftHealth(fall=11)), "health.fall"),
        (DraftPolicy(health=DraftHealth(damping_window_seconds=0.9)), "health.damping_window"),
        (DraftPolicy(health=DraftHealth(damping_window_seconds=601.0)), "health.damping_window"),
        (DraftPolicy(health=DraftHealth(slow_start_seconds=-1.0)), "health.slow_start"),
        (DraftPolicy(health=DraftHealth(slow_start_seconds=901.0)), "health.slow_start"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_by_field(draft: DraftPolicy, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        admit_policy(draft, REGIONS, "service.policy.")
    assert [v.field for v in caught.value.violations] == [f"service.policy.{field}"]


def test_an_unknown_region_is_told_with_the_known_ones_and_the_way_out() -> None:
    """I39: what matches nothing is refused, not waited for in vain."""
    with pytest.raises(InvalidField) as caught:
        admit_policy(DraftPolicy(failover=DraftFailover(["mars"])), REGIONS)
    (violation,) = caught.value.violations
    assert "mars is not among the regions known here (ap, eu, us)" in violation.description
    assert "`--other-regions`" in violation.description


def test_an_unset_policy_is_the_default_one() -> None:
    assert admit_policy(DraftPolicy(), REGIONS) == ServicePolicy()


def test_a_default_never_contradicts_what_was_asked_for() -> None:
    policy = admit_policy(DraftPolicy(failover=DraftFailover(enter_threshold=0.9)), REGIONS)
    assert policy.failover.exit_threshold == 0.9


def test_a_full_policy_is_taken_as_it_is() -> None:
    draft = DraftPolicy(
        60,
        DraftFailover(
            ["us", "ap"], 0.25, 0.5, 0.0, 3, 600.0, [("eu", "us", 7)], 1.5, "static", ["10.0.0.1"]
        ),
        True,
        DraftHealth(1, 10, 600.0, 900.0),
    )
    assert admit_policy(draft, REGIONS) == ServicePolicy(
        60,
        FailoverPolicy(
            (RegionName("us"), RegionName("ap")),
            0.25,
            0.5,
            0.0,
            3,
            600.0,
            (Distance(RegionName("eu"), RegionName("us"), 7),),
            1.5,
            AllDown.STATIC,
            ("10.0.0.1",),
        ),
        True,
        HealthPolicy(1, 10, 600.0, 900.0),
    )
