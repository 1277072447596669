"""What a staged policy may do, and what it must not do worse than the one in force (I19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from answer_samples import API, ZONE, endpoint, entry

from dns_frontend.plan.answer import Composer, RecordType
from dns_frontend.plan.entry import (
    Health,
    Policy,
    Port,
    Protocol,
    ServiceEntry,
    StagedChange,
)
from dns_frontend.plan.failover import ServingMode
from dns_frontend.plan.rehearsal import (
    TARGETS_MAXIMUM,
    Look,
    Said,
    Seen,
    Target,
    acted_on,
    fault_of,
    rehearse,
    targets_of,
)
from dns_frontend.plan.role import Role

REGIONS = ("east", "west", "north")
OPEN, SHUT, OTHER, FURTHER = (Target(f"10.0.0.{number}", 80) for number in range(1, 5))
ACCEPTED = {OPEN: True, SHUT: False, OTHER: True, FURTHER: False}
NORMAL, FAILOVER, FAIL_OPEN = ServingMode.NORMAL, ServingMode.FAILOVER, ServingMode.FAIL_OPEN
COMPOSER = Composer(REGIONS, 5, ZONE.rstrip(".").split("."))


def seen(*targets: Target, mode: ServingMode = NORMAL, ttl: int = 10) -> Seen:
    return Seen(mode, ttl, targets)


def looked(in_force: Seen | None, staged: Seen | None) -> str:
    return fault_of([Look("east", RecordType.A, in_force, staged)], ACCEPTED)


@pytest.mark.parametrize(
    ("in_force", "staged", "fault"),
    [
        (None, None, ""),
        (None, seen(SHUT, mode=FAIL_OPEN), ""),
        (None, seen(ttl=3), "its TTL would be 3 s"),
        (seen(), seen(ttl=61), "its TTL would be 61 s"),
        (seen(), None, "nothing would be answered"),
        (seen(mode=FAIL_OPEN), None, "nothing would be answered"),
        (seen(), seen(mode=FAILOVER), ""),
        (seen(), seen(mode=FAIL_OPEN), "served fail_open, and normal by the policy in force"),
        (seen(mode=FAILOVER), seen(mode=FAIL_OPEN), "served fail_open, and failover"),
        (seen(mode=FAIL_OPEN), seen(mode=FAIL_OPEN), ""),
        (seen(OPEN), seen(SHUT), "0 of 1 endpoints take connections, and 1 of 1"),
        (seen(OPEN), seen(SHUT, FURTHER, OTHER), "1 of 3 endpoints take connections"),
        (seen(OPEN), seen(SHUT, OTHER), ""),
        (seen(SHUT), seen(SHUT), ""),
        (seen(SHUT), seen(FURTHER), ""),
        (seen(), seen(SHUT), ""),
        (seen(OPEN), seen(Target("10.9.9.9", 1)), ""),
        (seen(OPEN), seen(), ""),
    ],
)
def test_every_row_of_the_table(in_force: Seen | None, staged: Seen | None, fault: str) -> None:
    """The fault begins with the question that shows it."""
    found = looked(in_force, staged)
    assert found.startswith(f"A for clients in east: {fault}" if fault else "")
    assert bool(found) == bool(fault)


def staged(policy: Policy | None, said: ServiceEntry, uid: str = "t1") -> ServiceEntry:
    return replace(said, staged=StagedChange(uid, policy))


HELD = entry(
    endpoint("gone", health=Health.UNHEALTHY), endpoint("new", health=Health.UNKNOWN), held=True
)
PLAIN = entry(endpoint(), policy=Policy(record_ttl_seconds=20))
TRIED = Policy(record_ttl_seconds=30)
TO_ZERO = Policy(scale_to_zero=True)


@pytest.mark.parametrize(
    ("said", "role", "acted"),
    [
        (PLAIN, Role.SERVING, PLAIN),
        (PLAIN, Role.CANARY, PLAIN),
        (staged(TRIED, PLAIN), Role.SERVING, PLAIN),
        (staged(TRIED, PLAIN), Role.CANARY, replace(staged(TRIED, PLAIN), policy=TRIED)),
        (staged(None, PLAIN), Role.CANARY, replace(staged(None, PLAIN), policy=None)),
        (staged(TRIED, HELD), Role.CANARY, replace(staged(TRIED, HELD), policy=TRIED)),
        (
            staged(TO_ZERO, HELD),
            Role.CANARY,
            replace(
                staged(TO_ZERO, HELD), policy=TO_ZERO, held=False, endpoints=HELD.endpoints[1:]
            ),
        ),
        (staged(TO_ZERO, HELD), Role.SERVING, HELD),
    ],
)
def test_what_each_role_makes_of_an_entry(
    said: ServiceEntry, role: Role, acted: ServiceEntry
) -> None:
    """Who serves leaves a stage alone; a canary goes by it."""
    assert acted_on(said, role) == acted


def tried(*said: Said, accepted: Mapping[Target, bool] | None = None, uid: str = "t1") -> str:
    """The fault of a stage, when all that is not named accepts."""
    looks = rehearse(API, said, uid, COMPOSER, REGIONS)
    return fault_of(looks, dict.fromkeys(targets_of(looks), True) | dict(accepted or {}))


WEST = endpoint("w", "10.1.0.1", "2001:db8::1")
NORTH = endpoint("n", "10.2.0.1", "2001:db8::2")
NORTH_FIRST = Policy(region_order=("north", "west"))


def two_regions(policy: Policy | None) -> list[Said]:
    """East has none of its own; a registry of all regions stages this."""
    return [
        Said("east", "east", staged(policy, entry())),
        Said("west", "west", staged(policy, entry(WEST))),
        Said("north", "north", staged(policy, entry(NORTH))),
    ]


def test_a_harmless_change_has_no_fault() -> None:
    assert tried(*two_regions(Policy(record_ttl_seconds=60))) == ""
    assert tried(*two_regions(NORTH_FIRST)) == ""
    assert tried(*two_regions(None)) == ""


def test_an_order_that_sends_clients_where_nobody_listens_is_a_fault() -> None:
    """And the same order is fine when the first choice is as deaf already."""
    deaf = {Target("10.2.0.1", 8080): False, Target("2001:db8::2", 8080): False}
    fault = tried(*two_regions(NORTH_FIRST), accepted=deaf)
    assert fault.startswith("A for clients in east: 0 of 1 endpoints take connections")
    also = deaf | {Target("10.1.0.1", 8080): False, Target("2001:db8::1", 8080): False}
    assert tried(*two_regions(NORTH_FIRST), accepted=also) == ""


def test_to_let_go_of_the_last_set_is_a_fault() -> None:
    """It may be meant; then it is to be said with the glass broken."""
    said = Said("east", "east", staged(TO_ZERO, HELD))
    assert tried(said) == "A for clients in east: nothing would be answered"
    living = Said("east", "east", staged(TO_ZERO, entry(endpoint())))
    assert tried(living) == ""


def test_a_failing_region_is_not_the_policy_s_fault() -> None:
    """Both policies are judged on the same endpoints at the same moment."""
    ill = entry(endpoint("e", health=Health.UNHEALTHY))
    assert tried(Said("east", "east", staged(TRIED, ill))) == ""


def test_each_registry_s_stage_is_tried_by_itself() -> None:
    """A stage of the west is judged as the west's frontends would serve it, and not by
    another registry's stage that happens to bake as well."""
    east = Said("east", "east", staged(TO_ZERO, replace(HELD, policy=Policy()), uid="other"))
    west = Said("west", "west", staged(NORTH_FIRST, entry(WEST)))
    assert tried(east, west) == ""
    assert "nothing would be answered" in tried(east, uid="other")


def test_as_many_are_connected_to_as_there_is_time_for() -> None:
    """Only what listens on TCP, and of a crowd some."""
    crowd = [endpoint(f"i{n:03}", f"10.1.0.{n}", f"2001:db8::{n}") for n in range(1, 60)]
    mute = [replace(e, ports=(Port("dns", 53, Protocol.UDP),)) for e in crowd]
    said = [Said(r, r, staged(TRIED, entry(*crowd))) for r in REGIONS]
    assert 0 < len(targets_of(rehearse(API, said, "t1", COMPOSER, REGIONS))) <= TARGETS_MAXIMUM
    said = [Said("east", "east", staged(TRIED, entry(*mute)))]
    assert targets_of(rehearse(API, said, "t1", COMPOSER, REGIONS)) == []
