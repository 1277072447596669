"""What the frontend refuses, row by row of the guard's tables."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from cell_samples import ENDPOINT, changes, endpoints, entry, published, tree

from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.entry import (
    Endpoint,
    Health,
    Policy,
    Port,
    Protocol,
    ServiceEntry,
    StagedChange,
)
from dns_frontend.plan.guard import Finding, Limits, Rule, bounds_of, fault_of, is_emptied, judge
from dns_frontend.plan.holding import held_over
from dns_frontend.plan.zone_wish import ZoneWish
from registry.domain.guard import Limits as RegistryLimits

UP, SICK, NEW, LEAVING = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN, Health.DRAINING
LIMITS = Limits(
    services=50,
    octets=100_000,
    growth_floor_services=4,
    growth_floor_endpoints=8,
    loss_floor_services=2,
    emptied_floor_services=0,
)
ZERO = Policy(scale_to_zero=True)


def verdict(served: EntryTree | None, candidate: EntryTree, steps: int = 1) -> Rule | None:
    difference = (served or EntryTree()).difference(candidate)
    held = held_over(served or EntryTree(), {}, candidate, difference)
    finding = judge(served, candidate, difference, steps, LIMITS, held=held)
    return finding.rule if finding else None


NAME = "shop/cart"


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (None, entry(NAME), None),
        (None, None, None),
        (entry(NAME, tombstoned=True), None, None),
        (entry(NAME, tombstoned=True), entry(NAME), None),
        (entry(NAME, UP), None, Rule.EMPTIED),
        (entry(NAME), None, Rule.EMPTIED),
        (entry(NAME, UP), entry(NAME, tombstoned=True), None),
        (entry(NAME, UP), entry(NAME, policy=ZERO), None),
        (entry(NAME, UP), entry(NAME), Rule.EMPTIED),
        (entry(NAME, UP), entry(NAME, NEW), Rule.EMPTIED),
        (entry(NAME, SICK), entry(NAME), Rule.EMPTIED),
        (entry(NAME, LEAVING), entry(NAME), Rule.EMPTIED),
        (entry(NAME, UP), entry(NAME, SICK), None),
        (entry(NAME, UP), entry(NAME, LEAVING), None),
        (entry(NAME, UP, policy=ZERO), entry(NAME), Rule.EMPTIED),
        (entry(NAME), entry(NAME, NEW), None),
        (entry(NAME, NEW), entry(NAME, revision=2), None),
    ],
)
def test_a_name_is_emptied_only_by_intent(
    before: ServiceEntry | None, after: ServiceEntry | None, rule: Rule | None
) -> None:
    """Only a tombstone, or the policy's scale_to_zero, takes a name's last endpoint (I7)."""
    assert is_emptied(before, after) is (rule is Rule.EMPTIED)
    other = entry("shop/other", UP)
    served = tree(*(item for item in (before, other) if item))
    candidate = tree(*(item for item in (after, other) if item))
    assert verdict(served, candidate) is rule


def services(count: int, *health: Health, tombstoned: int = 0) -> EntryTree:
    live = [entry(f"a/s{n}", *health) for n in range(tombstoned, count)]
    return tree(*live, *(entry(f"a/s{n}", tombstoned=True) for n in range(tombstoned)))


@pytest.mark.parametrize(
    ("served", "candidate", "steps", "rule"),
    [
        (None, services(50, UP), 1, None),
        (None, services(51, UP), 1, Rule.LIMIT),
        (services(1, UP), services(4, UP), 1, None),
        (services(2, UP), services(5, UP), 1, Rule.GROWTH),
        (services(3, UP), services(6, UP), 1, None),
        (services(2, UP), services(5, UP), 2, None),
        (services(2, UP), services(9, UP), 2, Rule.GROWTH),
        (services(1, UP), services(4, UP, UP, UP), 1, Rule.GROWTH),
        (services(4, UP), services(4, UP, UP), 1, None),
        (services(4, UP), services(4, UP, tombstoned=2), 1, None),
        (services(4, UP), services(4, UP, tombstoned=3), 1, Rule.LOSS),
        (services(3, UP), services(3, UP, tombstoned=2), 1, None),
        (services(4, UP), services(4, UP, tombstoned=3), 2, None),
        (services(6, UP), services(6, UP, tombstoned=3), 1, None),
        (services(4, UP, tombstoned=4), services(0), 1, None),
        (services(50, UP), services(1000, UP), 10_000, Rule.LIMIT),
    ],
)
def test_a_cell_is_bounded_and_changes_by_degrees(
    served: EntryTree | None, candidate: EntryTree, steps: int, rule: Rule | None
) -> None:
    """Size, growth and deletions of a cell have limits, the last two per generation (I9)."""
    assert verdict(served, candidate, steps) is rule


def test_octets_are_bounded() -> None:
    """A cell that is small in number may be too large in octets."""
    heavy = Published(b"x" * 100_001, entry(NAME, UP))
    assert verdict(None, EntryTree().replace({NAME: heavy}, ())) is Rule.LIMIT


def test_only_suspicion_passes_with_time() -> None:
    """Growth and mass deletion may have been meant; what is malformed never becomes right."""
    lost = judge(
        services(4, UP),
        services(4, UP, tombstoned=3),
        services(4, UP).difference(services(4, UP, tombstoned=3)),
        1,
        LIMITS,
    )
    assert lost is not None
    assert lost.may_pass
    for rule in (Rule.MALFORMED, Rule.LIMIT, Rule.DIGEST, Rule.CONFLICT, Rule.OLDER):
        assert not Finding(rule, "").may_pass


@pytest.mark.parametrize("broken", [published(entry(NAME, UP), "bad"), Published(b"?", None)])
def test_an_entry_without_sense_is_refused(broken: Published) -> None:
    """A fault found when the entry was read keeps its generation from being served."""
    assert verdict(None, EntryTree().replace({NAME: broken}, ())) is Rule.MALFORMED


def test_an_entry_already_served_is_not_judged_again() -> None:
    """Only what changes is looked at, so that a step costs its own size."""
    served = EntryTree().replace({NAME: published(entry(NAME, UP), "bad")}, ())
    candidate = served.replace(changes(entry("shop/new", UP)), ())
    assert verdict(served, candidate) is None


def with_endpoint(**fields: object) -> ServiceEntry:
    endpoint: Endpoint = replace(ENDPOINT, **fields)  # type: ignore[arg-type]  # fields by name, nonsense included
    return replace(entry(NAME), endpoints=(endpoint,))


def with_policy(**fields: object) -> ServiceEntry:
    return entry(NAME, UP, policy=replace(Policy(), **fields))  # type: ignore[arg-type]  # fields by name, nonsense included


PORT = Port("main", 80, Protocol.TCP)


@pytest.mark.parametrize(
    "item",
    [
        entry("shop/" + "x" * 64, UP),
        entry("shop/" + "x" * 300, UP),
        entry("Shop/cart", UP),
        entry("shop/", UP),
        entry("shop/a.b", UP),
        replace(entry(NAME, UP), tombstoned=True),
        replace(entry(NAME), endpoints=endpoints(UP) * 2),
        replace(entry(NAME), endpoints=tuple(reversed(endpoints(UP, UP)))),
        replace(entry(NAME), endpoints=endpoints(*[UP] * 2001)),
        with_endpoint(instance="-a"),
        with_endpoint(addresses=()),
        with_endpoint(addresses=("10.0.0.256",)),
        with_endpoint(addresses=("example.org",)),
        with_endpoint(addresses=("0.0.0.0",)),
        with_endpoint(addresses=("::",)),
        with_endpoint(addresses=("224.0.0.1",)),
        with_endpoint(addresses=("fe80::1%eth0",)),
        with_endpoint(ports=(replace(PORT, number=0),)),
        with_endpoint(ports=(replace(PORT, number=65536),)),
        with_endpoint(ports=(replace(PORT, name="a_b"),)),
        with_endpoint(ports=(PORT, PORT)),
        with_endpoint(priority=-1),
        with_endpoint(priority=65536),
        with_endpoint(weight=-1),
        with_endpoint(weight=65536),
        with_policy(record_ttl_seconds=0),
        with_policy(record_ttl_seconds=-1),
        with_policy(enter_threshold=float("nan")),
        with_policy(exit_threshold=float("nan")),
        with_policy(enter_threshold=0.0),
        with_policy(enter_threshold=0.8, exit_threshold=0.7),
        with_policy(exit_threshold=1.1),
        with_policy(exit_hold_seconds=float("inf")),
        with_policy(exit_hold_seconds=-1.0),
        with_policy(enter_hold_seconds=float("inf")),
        with_policy(enter_hold_seconds=-1.0),
        with_policy(record_ttl_seconds=86_401),
        with_policy(overprovisioning=0.9),
        with_policy(overprovisioning=10.1),
        with_policy(static_addresses=("192.0.2.1", "example.org")),
        with_policy(zone=ZoneWish(negative_ttl_seconds=0)),
        with_policy(minimum_endpoints=0),
        with_policy(region_order=("",)),
    ],
    ids=lambda item: repr(item)[:60],
)
def test_poison_is_found(item: ServiceEntry) -> None:
    """Nothing that could break an answer gets past the guard (I9, I11)."""
    assert fault_of(item.key.entry, 100, item, Limits())


def test_an_entry_under_another_key_is_found() -> None:
    """The key that is hashed and the names inside must agree."""
    assert fault_of("shop/other", 100, entry(NAME, UP), Limits())


def test_an_entry_too_large_is_found() -> None:
    """An entry has a size limit of its own."""
    assert fault_of(NAME, Limits().entry_octets, entry(NAME, UP), Limits()) == ""
    assert fault_of(NAME, Limits().entry_octets + 1, entry(NAME, UP), Limits())


@pytest.mark.parametrize(
    "item",
    [
        entry(NAME),
        entry(NAME, UP, SICK, NEW, LEAVING),
        entry(NAME, tombstoned=True),
        entry(NAME, *[UP] * 2000),
        with_endpoint(ports=()),
        with_endpoint(addresses=("127.0.0.1", "::1")),
        with_policy(region_order=("west", "north")),
        with_endpoint(ports=(replace(PORT, number=1), replace(PORT, name="b", number=65535))),
        with_endpoint(priority=0, weight=0),
        with_endpoint(priority=65535, weight=65535),
        with_policy(record_ttl_seconds=1),
        with_policy(record_ttl_seconds=86_400),
        with_policy(enter_threshold=1.0, exit_threshold=1.0),
        with_policy(exit_hold_seconds=0.0),
        with_policy(overprovisioning=1.0),
        with_policy(overprovisioning=10.0),
        with_policy(static_addresses=("192.0.2.1", "2001:db8::1")),
        with_policy(zone=ZoneWish(negative_ttl_seconds=1)),
    ],
    ids=lambda item: repr(item)[:60],
)
def test_what_is_well_has_no_fault(item: ServiceEntry) -> None:
    """The guard lets through all that the contract allows."""
    assert fault_of(item.key.entry, 100, item, Limits()) == ""


def test_a_reason_never_outgrows_an_acknowledgement() -> None:
    """However many names are concerned, the reason stays short."""
    served = tree(*(entry(f"a/{'x' * 60}{n:03d}", UP) for n in range(40)))
    held = dict(served)
    finding = judge(served, tree(), served.difference(tree()), 1, LIMITS, held=held)
    assert finding is not None
    assert len(finding.reason) <= 512
    assert "40 of 40 services" in finding.reason
    served = EntryTree().replace({NAME: published(entry(NAME, UP), "bad" * 500)}, ())
    finding = judge(None, served, EntryTree().difference(served), 1, LIMITS)
    assert finding is not None
    assert len(finding.reason) == 400


def test_a_reason_names_the_first_five_of_those_that_are_emptied() -> None:
    """Enough to see what they have in common."""
    served = services(9, UP)
    finding = judge(served, tree(), served.difference(tree()), 1, LIMITS, held=dict(served))
    assert finding is not None
    assert finding.reason.endswith("tombstone: a/s0, a/s1, a/s2, a/s3, a/s4")


def test_a_staged_policy_is_judged_as_one_in_force_is() -> None:
    """A canary would answer by it."""
    bad, good = Policy(minimum_endpoints=0), Policy()
    for policy, fault in ((bad, "shop/cart: staged: minimum of 0 endpoints"), (good, "")):
        tried = replace(entry(NAME, UP), staged=StagedChange("t1", policy))
        assert fault_of(NAME, 10, tried, LIMITS) == fault


def test_the_bounds_of_a_cell_are_these_and_the_registrys_plans_fit_them() -> None:
    """I9: a frontend that refused what its registry may publish would stand still."""
    ours, theirs = Limits(), RegistryLimits()
    assert ours == Limits(
        entry_octets=8_388_608,
        endpoints_per_service=2000,
        services=200_000,
        octets=1_073_741_824,
        growth_factor=2.0,
        growth_floor_services=1000,
        growth_floor_endpoints=10_000,
        loss_share=0.5,
        loss_floor_services=20,
        emptied_share=0.2,
        emptied_floor_services=20,
    )
    shared = {each.name for each in fields(ours)} & {each.name for each in fields(theirs)}
    narrower = {each for each in shared if getattr(ours, each) < getattr(theirs, each)}
    assert narrower == set()


@pytest.mark.parametrize(
    ("candidate", "held", "rule"),
    [
        pytest.param(50, [], None, id="as many services as there may be"),
        pytest.param(50, ["a/s0"], None, id="one of them held takes no place of its own"),
        pytest.param(49, ["b/gone"], None, id="one that is gone and held takes the last place"),
        pytest.param(50, ["b/gone"], Rule.LIMIT, id="or has none left"),
        pytest.param(49, ["b/gone", "b/lost"], Rule.LIMIT, id="and each takes one"),
    ],
)
def test_what_is_held_takes_room_like_the_rest(
    candidate: int, held: list[str], rule: Rule | None
) -> None:
    finding = bounds_of(services(candidate), LIMITS, changes(*map(entry, held)))
    assert (finding.rule if finding else None) is rule


@pytest.mark.parametrize(
    ("octets", "held_octets", "rule"),
    [
        pytest.param(100_000, 0, None, id="as many octets as there may be"),
        pytest.param(100_001, 0, Rule.LIMIT, id="one more"),
        pytest.param(60_000, 40_000, None, id="with what is held just as many"),
        pytest.param(60_000, 40_001, Rule.LIMIT, id="with what is held one more"),
    ],
)
def test_octets_that_are_held_count(octets: int, held_octets: int, rule: Rule | None) -> None:
    heavy = EntryTree().replace({NAME: Published(b"x" * octets, entry(NAME, UP))}, ())
    finding = bounds_of(heavy, LIMITS, {"a/held": Published(b"x" * held_octets, None)})
    assert (finding.rule if finding else None) is rule


@pytest.mark.parametrize(
    ("live", "begun", "already", "rule"),
    [
        pytest.param(4, 3, [], None, id="so many may always, though they are most"),
        pytest.param(4, 4, [], Rule.EMPTIED, id="above that number the share counts"),
        pytest.param(10, 5, [], None, id="just the share may"),
        pytest.param(10, 6, [], Rule.EMPTIED, id="more than the share may not"),
        pytest.param(8, 6, ["b/1", "b/2", "b/3", "b/4"], None, id="names gone and held are live"),
        pytest.param(10, 6, ["a/s8", "a/s9"], Rule.EMPTIED, id="those still there count once"),
    ],
)
def test_too_many_names_must_not_begin_to_be_held_at_once(
    live: int, begun: int, already: list[str], rule: Rule | None
) -> None:
    """I7: then a part of the cell was not read; here half of the names, and more than three."""
    limits = replace(LIMITS, emptied_floor_services=3, emptied_share=0.5)
    served = services(live, UP)
    before = changes(*map(entry, already))
    held = before | changes(*(entry(f"a/s{n}", UP) for n in range(begun)))
    finding = judge(served, served, served.difference(served), 1, limits, already=before, held=held)
    assert (finding.rule if finding else None) is rule


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        pytest.param(
            with_endpoint(addresses=("1" * 99,)),
            f"shop/cart: instance 'i1' has the address '{'1' * 60}'",
            id="no address",
        ),
        pytest.param(
            with_endpoint(addresses=("fe80::1%" + "e" * 99,)),
            f"shop/cart: instance 'i1' has the address 'fe80::1%{'e' * 52}'",
            id="an address that means something at one host only",
        ),
        pytest.param(
            with_endpoint(ports=(replace(PORT, name="_" * 99),)),
            f"shop/cart: instance 'i1' has a port named '{'_' * 60}'",
            id="the name of a port",
        ),
        pytest.param(
            with_policy(static_addresses=("1" * 99,)),
            f"shop/cart: the static address '{'1' * 60}'",
            id="a static address",
        ),
    ],
)
def test_a_fault_quotes_only_the_beginning_of_what_came(bad: ServiceEntry, fault: str) -> None:
    assert fault_of(NAME, 100, bad, Limits()) == fault
