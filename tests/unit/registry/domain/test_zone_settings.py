"""What may be said of the zone, each rule with what breaks it, and the guard's second look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.domain.admission import Draft, admit
from registry.domain.errors import InvalidField
from registry.domain.guard import fault_of
from registry.domain.names import CellName, RegionName, Revision
from registry.domain.plan import ServicePlan, StagedChange
from registry.domain.service import ServicePolicy
from registry.domain.zone import ZONE_KEY, ClientNetwork, ZoneSettings
from registry.domain.zone_admission import DraftZone, admit_zone

REGIONS = ("eu", "us")
EU = RegionName("eu")
PLAN = ServicePlan(ZONE_KEY, None, (), False, None, Revision(1))


def refused(draft: DraftZone) -> list[str]:
    """The fields that are complained of, in order."""
    with pytest.raises(InvalidField) as refusal:
        admit_zone(draft, REGIONS)
    return [each.field.removeprefix("zone.settings.") for each in refusal.value.violations]


def test_what_is_not_said_is_left_to_the_frontends() -> None:
    """An empty table of networks says something; none says nothing."""
    assert admit_zone(DraftZone(), REGIONS).says_nothing
    assert not admit_zone(DraftZone(client_networks=()), REGIONS).says_nothing


def test_equal_wishes_give_equal_settings() -> None:
    """Whatever the order of networks, and however an address is written."""
    one = DraftZone(
        3, 10, 300, [("2001:DB8::/32", "us"), ("10.1.0.0/16", "us"), ("10.0.0.0/8", "eu")]
    )
    other = replace(
        one,
        client_networks=[("10.0.0.0/8", "eu"), ("10.1.0.0/16", "us"), ("2001:db8:0::/32", "us")],
    )
    found = admit_zone(one, REGIONS)
    assert found == admit_zone(other, REGIONS)
    assert [each.cidr for each in found.client_networks or ()] == [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "2001:db8::/32",
    ]


@pytest.mark.parametrize(
    ("draft", "fields"),
    [
        (DraftZone(negative_ttl_seconds=0), ["negative_ttl_seconds"]),
        (DraftZone(negative_ttl_seconds=6), ["negative_ttl_seconds"]),
        (DraftZone(degraded_ttl_seconds=4), ["degraded_ttl_seconds"]),
        (DraftZone(degraded_ttl_seconds=31), ["degraded_ttl_seconds"]),
        (DraftZone(nameserver_ttl_seconds=-1), ["nameserver_ttl_seconds"]),
        (DraftZone(nameserver_ttl_seconds=86_400), ["nameserver_ttl_seconds"]),
        (
            DraftZone(0, 0, client_networks=[("10.0.0.0/8", "mars")]),
            [
                "negative_ttl_seconds",
                "degraded_ttl_seconds",
                "client_networks.networks[0].region",
            ],
        ),
        (DraftZone(client_networks=[("10.0.0.0/8", "")]), ["client_networks.networks[0].region"]),
        (DraftZone(client_networks=[("ten", "eu")]), ["client_networks.networks[0].cidr"]),
        (DraftZone(client_networks=[("10.0.0.1/8", "eu")]), ["client_networks.networks[0].cidr"]),
        (
            DraftZone(client_networks=[("10.0.0.0/8", "eu"), ("10.0.0.0/8", "us")]),
            ["client_networks.networks[1].cidr"],
        ),
        (
            DraftZone(
                client_networks=[(f"10.{n // 256}.{n % 256}.0/24", "eu") for n in range(1001)]
            ),
            ["client_networks.networks"],
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_name_of_its_field(
    draft: DraftZone, fields: list[str]
) -> None:
    """All of it at once (I30, I39)."""
    assert refused(draft) == fields


def test_a_thousand_networks_are_not_too_many() -> None:
    networks = [(f"10.{n // 256}.{n % 256}.0/24", "eu") for n in range(1000)]
    assert (
        len(admit_zone(DraftZone(client_networks=networks), REGIONS).client_networks or ()) == 1000
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (ZoneSettings(), ""),
        (ZoneSettings(1, 5, 5, ()), ""),
        (ZoneSettings(5, 30, 3600, (ClientNetwork("10.0.0.0/8", EU),)), ""),
        (ZoneSettings(negative_ttl_seconds=0), "negative TTL 0 s"),
        (ZoneSettings(degraded_ttl_seconds=31), "degraded TTL 31 s"),
        (ZoneSettings(nameserver_ttl_seconds=4), "name server TTL 4 s"),
        (
            ZoneSettings(client_networks=(ClientNetwork("x", EU),)),
            "the client network 'x'",
        ),
        (
            ZoneSettings(client_networks=(ClientNetwork("10.0.0.0/8", EU),) * 2),
            "the client network 10.0.0.0/8 twice",
        ),
        (
            ZoneSettings(client_networks=(ClientNetwork("10.0.0.0/8", RegionName("A b")),)),
            "client network 10.0.0.0/8: its region is not a DNS label",
        ),
        (
            ZoneSettings(
                client_networks=tuple(
                    ClientNetwork(f"10.{n // 256}.{n % 256}.0/24", EU) for n in range(1001)
                )
            ),
            "1001 client networks, above 1000",
        ),
    ],
)
def test_the_guard_looks_again_at_what_is_in_force_and_at_what_is_staged(
    settings: ZoneSettings, fault: str
) -> None:
    """Whoever made it, and whatever row it was read from (I9)."""
    policy = ServicePolicy(zone=settings)
    assert fault_of(ZONE_KEY.entry, replace(PLAN, policy=policy)) == fault
    staged = replace(PLAN, staged=StagedChange("t1", policy))
    assert fault_of(ZONE_KEY.entry, staged) == (f"staged: {fault}" if fault else "")


def test_nobody_registers_as_the_zone() -> None:
    """The name is taken, and would be answered with."""
    draft = Draft(str(ZONE_KEY), "one", "eu", ["127.0.0.1"])
    with pytest.raises(InvalidField) as refusal:
        admit(draft, {CellName("eu"): EU})
    assert [each.field for each in refusal.value.violations] == ["parent"]
