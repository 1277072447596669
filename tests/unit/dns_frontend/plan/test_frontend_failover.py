"""The table of rules that chooses the endpoints of an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answer_samples import GRPC, HTTP, endpoint

from dns_frontend.plan.entry import AllDown, Endpoint, Health, Policy
from dns_frontend.plan.facet import ANY, PORTS, V4, V6, Facet, port_facet
from dns_frontend.plan.failover import (
    Choice,
    Rule,
    ServingMode,
    Tier,
    choose,
    goal,
    region_order,
)
from dns_frontend.plan.standing import IN, OUT

GOOD = endpoint("good")
BAD = endpoint("bad", health=Health.UNHEALTHY)
HELD = replace(endpoint("held", health=Health.UNHEALTHY), hold="name_budget")
LEAVING = endpoint("leaving", health=Health.DRAINING)
PAST = endpoint("past")
NEW = endpoint("new", health=Health.UNKNOWN)

PROTECTED = ServingMode.PROTECTED
NORMAL, FAILOVER, FAIL_OPEN = ServingMode.NORMAL, ServingMode.FAILOVER, ServingMode.FAIL_OPEN


def home(**parts: object) -> Tier:
    return Tier("east", **parts)  # type: ignore[arg-type]  # parts of a tier by name


def away(**parts: object) -> Tier:
    return Tier("west", **parts)  # type: ignore[arg-type]  # parts of a tier by name


@pytest.mark.parametrize(
    ("tiers", "region", "chosen", "mode", "rule"),
    [
        # STANDS_IN
        ([home(standing=IN, healthy=(GOOD,)), away(standing=IN, healthy=(GOOD,))],
         "east", [GOOD], NORMAL, Rule.STANDS_IN),
        ([home(standing=IN, healthy=(GOOD,), unhealthy=(BAD,), leaving=(LEAVING,), unknown=(NEW,))],
         "east", [GOOD], NORMAL, Rule.STANDS_IN),
        ([home(standing=OUT, healthy=(GOOD,)), away(standing=IN, healthy=(GOOD,))],
         "west", [GOOD], FAILOVER, Rule.STANDS_IN),
        ([home(unhealthy=(BAD,), standing=OUT), away(standing=IN, healthy=(GOOD,))],
         "west", [GOOD], FAILOVER, Rule.STANDS_IN),
        ([home(), away(standing=IN, healthy=(GOOD,))],
         "west", [GOOD], FAILOVER, Rule.STANDS_IN),
        ([home(standing=IN, healthy=(GOOD,), unhealthy=(BAD, HELD))],
         "east", [GOOD, HELD], PROTECTED, Rule.STANDS_IN),
        ([home(standing=OUT, unhealthy=(HELD,)),
          away(standing=IN, healthy=(GOOD,), unhealthy=(HELD,))],
         "west", [GOOD, HELD], FAILOVER, Rule.STANDS_IN),
        # SOME_HEALTHY
        ([home(standing=OUT, healthy=(GOOD,), unhealthy=(HELD, BAD))],
         "east", [GOOD, HELD], PROTECTED, Rule.SOME_HEALTHY),
        ([home(standing=OUT, healthy=(GOOD,)), away(standing=OUT, healthy=(GOOD,))],
         "east", [GOOD], NORMAL, Rule.SOME_HEALTHY),
        ([home(standing=OUT, unhealthy=(BAD,)), away(standing=OUT, healthy=(GOOD,))],
         "west", [GOOD], FAILOVER, Rule.SOME_HEALTHY),
        # UNHEALTHY
        ([home(standing=OUT, unhealthy=(BAD,)), away(standing=OUT, unhealthy=(BAD,))],
         "east", [BAD], FAIL_OPEN, Rule.UNHEALTHY),
        ([home(standing=OUT, unhealthy=(HELD, BAD))],
         "east", [HELD, BAD], FAIL_OPEN, Rule.UNHEALTHY),
        ([home(leaving=(LEAVING,)), away(standing=OUT, unhealthy=(BAD,))],
         "west", [BAD], FAIL_OPEN, Rule.UNHEALTHY),
        # LEAVING
        ([home(leaving=(LEAVING,), unknown=(NEW,)), away(leaving=(LEAVING,))],
         "east", [LEAVING], FAIL_OPEN, Rule.LEAVING),
        ([home(remembered=(PAST,)), away(leaving=(LEAVING,))],
         "west", [LEAVING], FAIL_OPEN, Rule.LEAVING),
        # REMEMBERED
        ([home(remembered=(PAST,), unknown=(NEW,)), away()],
         "east", [PAST], FAIL_OPEN, Rule.REMEMBERED),
        # NOTHING_KNOWN
        ([home(unknown=(NEW,)), away(unknown=(NEW,))],
         "east", [], NORMAL, Rule.NOTHING_KNOWN),
        ([], "east", [], NORMAL, Rule.NOTHING_KNOWN),
    ],
)  # fmt: skip
def test_each_row_of_the_table(
    tiers: list[Tier], region: str, chosen: list[object], mode: ServingMode, rule: Rule
) -> None:
    choice = choose("east", tiers, ANY)
    assert (choice.region, list(choice.endpoints), choice.mode, choice.rule) == (
        region,
        chosen,
        mode,
        rule,
    )


def test_only_the_home_region_in_good_standing_is_usual() -> None:
    assert choose("east", [home(standing=IN, healthy=(GOOD,))], ANY).usual
    assert not choose("east", [home(standing=OUT, healthy=(GOOD,))], ANY).usual
    assert not choose("east", [home(), away(standing=IN, healthy=(GOOD,))], ANY).usual


def test_a_region_without_the_facet_is_passed_over_for_that_facet_alone() -> None:
    v4 = endpoint("four", "10.0.0.4", ports=(HTTP,))
    both = endpoint("both", "10.0.0.5", "2001:db8::5", ports=(HTTP, GRPC))
    tiers = [home(standing=IN, healthy=(v4,)), away(standing=IN, healthy=(both,))]
    for facet, region in [
        (ANY, "east"),
        (V4, "east"),
        (PORTS, "east"),
        (port_facet("tcp", "http"), "east"),
        (V6, "west"),
        (port_facet("tcp", "grpc"), "west"),
    ]:
        assert choose("east", tiers, facet).region == region, facet


def test_an_answer_for_a_facet_holds_only_endpoints_that_offer_it() -> None:
    v4 = endpoint("four", "10.0.0.4")
    v6 = endpoint("six", "2001:db8::6")
    tiers = [home(standing=IN, healthy=(v4, v6))]
    assert choose("east", tiers, V4).endpoints == (v4,)
    assert choose("east", tiers, V6).endpoints == (v6,)


def test_the_order_is_home_then_the_wish_then_as_configured_then_the_rest() -> None:
    policy = Policy(region_order=("south", "east"))
    order = region_order("east", policy, ("east", "west", "south"), ("moon", "west"))
    assert order == ("east", "south", "west", "moon")


def test_regions_that_no_wish_names_come_by_their_distance_from_home() -> None:
    table = (("north", "east", 5), ("east", "west", 5), ("south", "east", 9), ("moon", "sun", 1))
    policy = Policy(region_order=("south",), distances=table)
    order = region_order("east", policy, ("far", "west"), ("moon",))
    assert order == ("east", "south", "north", "west", "far", "moon")
    assert region_order("south", policy, (), ()) == ("south", "east")


def crowd(name: str, count: int, health: Health = Health.HEALTHY) -> tuple[Endpoint, ...]:
    return tuple(endpoint(f"{name}-{n}", health=health, weight=1) for n in range(count))


def ill(name: str, count: int) -> tuple[Endpoint, ...]:
    return crowd(name, count, Health.UNHEALTHY)


SPILL = Policy(overprovisioning=1.25)


def parts(choice: Choice) -> dict[str, float]:
    """How much of all weight each region has."""
    by_region = dict(((choice.region, choice.endpoints), *choice.beside))
    whole = sum(e.weight for e in choice.everything)
    return {
        region: round(sum(e.weight for e in endpoints) / whole, 2)
        for region, endpoints in by_region.items()
    }


@pytest.mark.parametrize(
    ("tiers", "shared", "mode", "rule"),
    [
        # nothing that counts at home
        ([home(), away(standing=IN, healthy=crowd("w", 10))],
         {"west": 1.0}, FAILOVER, Rule.STANDS_IN),
        # enough at home
        ([home(standing=IN, healthy=crowd("e", 8), unhealthy=ill("x", 2)),
          away(standing=IN, healthy=crowd("w", 10))],
         {"east": 1.0}, NORMAL, Rule.STANDS_IN),
        # not enough, some to spare
        ([home(standing=IN, healthy=crowd("e", 6), unhealthy=ill("x", 4)),
          away(standing=IN, healthy=crowd("w", 10))],
         {"east": 0.75, "west": 0.25}, FAILOVER, Rule.SPILL),
        # a region that is left itself is sent nothing
        ([home(standing=IN, healthy=crowd("e", 6), unhealthy=ill("x", 4)),
          away(standing=OUT, healthy=crowd("w", 10))],
         {"east": 1.0}, NORMAL, Rule.STANDS_IN),
        # none healthy, room for all
        ([home(standing=OUT, unhealthy=ill("x", 10)),
          away(standing=IN, healthy=crowd("w", 50))],
         {"west": 1.0}, FAILOVER, Rule.SPILL),
        # none healthy, room for a quarter: home is served with the rest
        ([home(standing=OUT, unhealthy=ill("x", 10)),
          away(standing=IN, healthy=crowd("w", 10))],
         {"east": 0.75, "west": 0.25}, FAILOVER, Rule.SPILL),
        # no room: home is served
        ([home(standing=OUT, healthy=crowd("e", 3), unhealthy=ill("x", 7)),
          away(standing=IN, healthy=crowd("w", 8), unhealthy=ill("y", 2))],
         {"east": 1.0}, NORMAL, Rule.SOME_HEALTHY),
        ([home(standing=OUT, unhealthy=ill("x", 10)),
          away(standing=IN, healthy=crowd("w", 8), unhealthy=ill("y", 2))],
         {"east": 1.0}, FAIL_OPEN, Rule.UNHEALTHY),
    ],
)  # fmt: skip
def test_each_row_of_graded_spill(
    tiers: list[Tier], shared: dict[str, float], mode: ServingMode, rule: Rule
) -> None:
    """I28."""
    choice = choose("east", tiers, ANY, SPILL)
    assert (parts(choice), choice.mode, choice.rule) == (shared, mode, rule)


def test_where_nothing_is_known_of_home_no_share_of_its_load_can_be_told() -> None:
    assert choose("east", [], ANY, SPILL).rule is Rule.NOTHING_KNOWN
    assert goal("east", [], 1.25) is None
    others = [
        away(standing=IN, healthy=crowd("w", 6), unhealthy=ill("x", 4)),
        Tier("north", IN, healthy=crowd("n", 10)),
    ]
    assert goal("east", others, 1.25) is None
    choice = choose("east", others, ANY, SPILL)
    assert (choice.rule, parts(choice)) == (Rule.STANDS_IN, {"west": 1.0})


def test_regions_are_never_mixed_unless_the_policy_says_how_much_they_bear() -> None:
    tiers = [
        home(standing=IN, healthy=crowd("e", 6), unhealthy=ill("x", 4)),
        away(standing=IN, healthy=crowd("w", 10)),
    ]
    assert parts(choose("east", tiers, ANY)) == {"east": 1.0}


def test_shares_hold_among_endpoints_of_one_priority_held_ones_included() -> None:
    held = replace(ill("h", 1)[0], hold="name_budget", priority=99)
    tiers = [
        home(standing=IN, healthy=crowd("e", 6), unhealthy=(held, *ill("x", 3))),
        away(standing=IN, healthy=tuple(replace(e, priority=3) for e in crowd("w", 10))),
    ]
    choice = choose("east", tiers, ANY, SPILL)
    assert {e.priority for e in choice.everything} == {3}
    assert "h-0" in {e.instance for e in choice.endpoints}
    assert parts(choice) == {"east": 0.75, "west": 0.25}


DOWN = [
    home(standing=OUT, unhealthy=(BAD,), leaving=(LEAVING,)),
    away(standing=OUT, unhealthy=(HELD,), good=frozenset({HELD.incarnation})),
]
STATIC = ("192.0.2.7", "2001:db8::7")


@pytest.mark.parametrize(
    ("all_down", "facet", "region", "chosen", "rule"),
    [
        (AllDown.FAIL_OPEN_HOME, ANY, "east", [BAD], Rule.UNHEALTHY),
        (AllDown.FAIL_OPEN_ALL, ANY, "east", [BAD, LEAVING, HELD], Rule.EVERYWHERE),
        (AllDown.LAST_KNOWN_GOOD, ANY, "west", [HELD], Rule.LAST_GOOD),
        (AllDown.STATIC, PORTS, "east", [BAD], Rule.UNHEALTHY),
        (AllDown.SERVFAIL, ANY, "east", [], Rule.SERVFAIL),
        (AllDown.NODATA, ANY, "east", [], Rule.NODATA),
    ],
)
def test_each_row_of_all_down(
    all_down: AllDown, facet: Facet, region: str, chosen: list[Endpoint], rule: Rule
) -> None:
    policy = Policy(all_down=all_down, static_addresses=STATIC)
    choice = choose("east", DOWN, facet, policy)
    assert (choice.region, list(choice.everything), choice.mode, choice.rule) == (
        region,
        chosen,
        FAIL_OPEN,
        rule,
    )


def test_static_addresses_answer_questions_about_addresses_of_a_kind_that_there_was() -> None:
    policy = Policy(all_down=AllDown.STATIC, static_addresses=STATIC)
    choice = choose("east", DOWN, V4, policy)
    (only,) = choice.endpoints
    assert (choice.rule, only.addresses) == (Rule.STATIC, STATIC)
    assert (only.priority, only.weight) == (0, 1)
    assert choose("east", DOWN, V6, policy).rule is Rule.NOTHING_KNOWN


@pytest.mark.parametrize("all_down", list(AllDown))
def test_what_is_wished_for_when_all_are_down_counts_only_then(all_down: AllDown) -> None:
    policy = Policy(all_down=all_down, static_addresses=STATIC)
    up = [home(standing=OUT, unhealthy=(BAD,)), away(standing=OUT, healthy=(GOOD,))]
    assert list(choose("east", up, ANY, policy).endpoints) == [GOOD]
    nothing = [home(unknown=(NEW,)), away()]
    assert choose("east", nothing, ANY, policy).rule is Rule.NOTHING_KNOWN


def test_without_a_memory_of_better_times_or_with_past_ones_alone_the_usual_rows_decide() -> None:
    good = Policy(all_down=AllDown.LAST_KNOWN_GOOD)
    assert choose("east", [home(standing=OUT, unhealthy=(BAD,))], ANY, good).rule is Rule.UNHEALTHY
    everywhere = Policy(all_down=AllDown.FAIL_OPEN_ALL)
    past = [home(remembered=(PAST,)), away()]
    assert choose("east", past, ANY, everywhere).rule is Rule.REMEMBERED
