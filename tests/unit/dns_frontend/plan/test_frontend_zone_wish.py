"""What the plans say of the zone: what holds, what is refused, and what a canary finds wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answer_samples import endpoint, entry

from dns_frontend.plan.answer import Composer, RecordType
from dns_frontend.plan.entry import ZONE_KEY, Health, Policy, ServiceEntry, StagedChange
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.guard import fault_of as fault_of_entry
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.rehearsal import Target, fault_of, targets_of
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.plan.zone_rehearsal import Move, fault_of_settings, looks_of, moves
from dns_frontend.plan.zone_wish import ZoneWish, in_force
from dns_frontend.plan.zone_wish import fault_of as fault_of_wish
from registry.domain import zone as registry_zone

EAST, WEST = ("10.0.0.0/8", "east"), ("10.0.0.0/8", "west")
OWN = ZoneSettings(networks=(EAST,))


@pytest.mark.parametrize(
    ("wish", "settings"),
    [
        (None, OWN),
        (ZoneWish(), OWN),
        (ZoneWish(negative_ttl_seconds=3), replace(OWN, negative_ttl_seconds=3)),
        (ZoneWish(degraded_ttl_seconds=9), replace(OWN, degraded_ttl_seconds=9)),
        (ZoneWish(nameserver_ttl_seconds=90), replace(OWN, nameserver_ttl_seconds=90)),
        (ZoneWish(networks=(WEST,)), replace(OWN, networks=(WEST,))),
        (ZoneWish(networks=()), replace(OWN, networks=())),
    ],
)
def test_what_is_said_holds_and_the_rest_is_the_frontends_own(
    wish: ZoneWish | None, settings: ZoneSettings
) -> None:
    """Field by field; that no client is in any network is said by an empty table."""
    assert in_force(OWN, wish) == settings


@pytest.mark.parametrize(
    ("wish", "fault"),
    [
        (ZoneWish(), ""),
        (ZoneWish(5, 30, 3600, (EAST, ("2001:db8::/32", "west"))), ""),
        (ZoneWish(networks=(EAST, EAST)), ""),
        (ZoneWish(negative_ttl_seconds=0), "negative TTL 0 s"),
        (ZoneWish(negative_ttl_seconds=301), "negative TTL 301 s"),
        (ZoneWish(degraded_ttl_seconds=-1), "degraded TTL -1 s"),
        (ZoneWish(nameserver_ttl_seconds=86_401), "name server TTL 86401 s"),
        (ZoneWish(networks=(("x", "east"),)), "the client network 'x'"),
        (ZoneWish(networks=(("10.0.0.1/8", "east"),)), "the client network '10.0.0.1/8'"),
        (ZoneWish(networks=(EAST, WEST)), "client network 10.0.0.0/8 in two regions"),
        (
            ZoneWish(networks=(("10.0.0.0/8", "No label"),)),
            "client network 10.0.0.0/8: its region is not a DNS label",
        ),
        (
            ZoneWish(
                networks=tuple((f"10.{n >> 8}.{n & 255}.0/24", "east") for n in range(10_001))
            ),
            "10001 client networks, above 10000",
        ),
    ],
)
def test_the_guard_refuses_what_no_answer_must_come_of(wish: ZoneWish, fault: str) -> None:
    """In force and staged alike; what the rest of the frontend takes never raises (I9)."""
    told = f"sheetanchor/zone: {fault}" if fault else ""
    policy = Policy(zone=wish)
    said = entry(key=ZONE_KEY, policy=policy)
    assert fault_of_wish(wish) == fault
    assert fault_of_entry(ZONE_KEY.entry, 10, said, Limits()) == told
    staged = replace(said, policy=None, staged=StagedChange("t1", policy))
    told = f"sheetanchor/zone: staged: {fault}" if fault else ""
    assert fault_of_entry(ZONE_KEY.entry, 10, staged, Limits()) == told
    if not fault:
        ClientRegions(wish.networks or ())


def test_the_guard_is_no_narrower_than_the_registrys() -> None:
    """Else what the registry lets pass would stop a cell here."""
    for least, most in (
        registry_zone.NEGATIVE_TTL_SECONDS,
        registry_zone.DEGRADED_TTL_SECONDS,
        registry_zone.NAMESERVER_TTL_SECONDS,
    ):
        assert least >= 1
        assert most <= 86_400
    wish = ZoneWish(
        registry_zone.NEGATIVE_TTL_SECONDS[1],
        registry_zone.DEGRADED_TTL_SECONDS[1],
        registry_zone.NAMESERVER_TTL_SECONDS[1],
        tuple((f"10.{n >> 8}.{n & 255}.0/24", "a") for n in range(registry_zone.NETWORK_LIMIT)),
    )
    assert fault_of_wish(wish) == ""
    assert registry_zone.ZONE_KEY == ZONE_KEY


@pytest.mark.parametrize(
    ("cidr", "region"),
    [
        ("10.0.0.0/8", "east"),
        ("10.1.0.0/16", "west"),
        ("10.1.2.0/24", "west"),
        ("10.2.0.0/16", "east"),
        ("10.0.0.0/7", None),
        ("192.0.2.0/24", None),
        ("2001:db8::/48", "east"),
        ("::/0", None),
    ],
)
def test_a_network_is_in_the_region_of_the_least_that_holds_it(
    cidr: str, region: str | None
) -> None:
    """Smaller ones inside of it say nothing of the rest."""
    regions = ClientRegions(
        [("10.0.0.0/8", "east"), ("10.1.0.0/16", "west"), ("2001:db8::/32", "east")]
    )
    assert regions.region_of_network(cidr) == region


def test_who_would_be_elsewhere_is_found_whichever_table_names_it() -> None:
    """A network that is new, is given another region, or is there no more; each move once."""
    before = ZoneSettings(networks=(("10.0.0.0/8", "east"), ("10.9.0.0/16", "south")))
    after = ZoneSettings(
        networks=(("10.0.0.0/8", "east"), ("10.1.0.0/16", "west"), ("10.2.0.0/16", "west"))
    )
    assert moves(before, after, ["home"]) == [
        Move("10.1.0.0/16", "east", "west"),
        Move("10.9.0.0/16", "south", "east"),
    ]
    assert moves(before, before, ["home"]) == []
    assert moves(ZoneSettings(), ZoneSettings(networks=(("10.0.0.0/8", "home"),)), ["home"]) == []


def test_clients_in_no_network_are_at_home_wherever_that_is() -> None:
    """A frontend of each region that goes by the settings has some; all are looked at."""
    after = ZoneSettings(networks=(("10.0.0.0/8", "west"),))
    assert moves(ZoneSettings(), after, ["west", "south", "east"]) == [
        Move("10.0.0.0/8", "east", "west"),
        Move("10.0.0.0/8", "south", "west"),
    ]
    assert moves(after, ZoneSettings(), ["west", "east"]) == [Move("10.0.0.0/8", "west", "east")]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (ZoneSettings(), ""),
        (ZoneSettings(negative_ttl_seconds=1, degraded_ttl_seconds=30), ""),
        (ZoneSettings(negative_ttl_seconds=60), "the negative TTL would be 60 s"),
        (ZoneSettings(degraded_ttl_seconds=60), "the degraded TTL would be 60 s"),
        (ZoneSettings(networks=(WEST,)), ""),
        (
            ZoneSettings(networks=(("10.0.0.0/8", "mars"),)),
            "clients of 10.0.0.0/8 would be in mars, and no cell of that region is known here",
        ),
    ],
)
def test_a_canary_finds_fault_with_settings_that_would_do_harm(
    settings: ZoneSettings, fault: str
) -> None:
    """Though the guards let them pass (I30)."""
    before = ZoneSettings()
    moved = moves(before, settings, ["east"])
    found = fault_of_settings(before, settings, moved, {"east", "west"})
    assert found.startswith(fault) if fault else not found
    # what is so already is not this change's doing
    assert fault_of_settings(settings, settings, (), {"east", "west"}) == ""


def ledger(east: ServiceEntry, west: ServiceEntry | None) -> Ledger:
    """A service that two cells speak of."""
    made = Ledger(east.key, Ranking("east", ("east", "west")))
    for cell, said in (("east", east), ("west", west)):
        if said is not None:
            made.put(cell, cell, said, 0.0)
    return made


E, W = entry(endpoint("e", "10.0.0.1")), entry(endpoint("w", "10.2.0.1"))
SICK = entry(endpoint("w", "10.2.0.1", health=Health.UNHEALTHY))


@pytest.mark.parametrize(
    ("west", "refusing", "fault"),
    [
        (W, (), ""),
        (SICK, (), ""),  # clients of west are sent to east, as they are now
        (None, (), ""),
        (W, ("10.2.0.1",), "0 of 1 endpoints take connections, and 1 of 1"),
        (W, ("10.2.0.1", "10.0.0.1"), ""),
    ],
)
def test_moved_clients_must_be_answered_no_worse_than_they_are(
    west: ServiceEntry | None, refusing: tuple[str, ...], fault: str
) -> None:
    """Judged as a change of policy is, by answers and by connections."""
    composer = Composer(("east", "west"), 5, ("anchor", "internal"))
    looks = looks_of([Move("10.0.0.0/8", "east", "west")], [ledger(E, west)], composer)
    assert [look.type for look in looks] == [RecordType.A, RecordType.AAAA, RecordType.SRV]
    accepted: dict[Target, bool] = {
        target: target.address not in refusing for target in targets_of(looks)
    }
    found = fault_of(looks, accepted)
    if fault:
        start = "A for clients in 10.0.0.0/8, of payments/api in west instead of east: "
        assert found.startswith(start + fault)
    else:
        assert found == ""
