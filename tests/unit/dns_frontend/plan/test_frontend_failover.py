"""The table of rules that chooses the endpoints of an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answer_samples import GRPC, HTTP, endpoint

from dns_frontend.plan.entry import Health
from dns_frontend.plan.facet import ANY, PORTS, V4, V6, port_facet
from dns_frontend.plan.failover import Rule, ServingMode, Tier, choose, region_order
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
    order = region_order("east", ("south", "east"), ("east", "west", "south"), ("moon", "west"))
    assert order == ("east", "south", "west", "moon")
