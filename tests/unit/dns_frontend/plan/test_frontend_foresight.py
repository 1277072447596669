"""What would be answered without a region, told beforehand."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from answer_samples import API, endpoint, entry

from dns_frontend.plan.entry import AllDown, Health, Policy, ServiceEntry
from dns_frontend.plan.failover import ServingMode
from dns_frontend.plan.foresight import Foreseen, Sight, foresee
from dns_frontend.plan.rehearsal import Said

EAST = entry(endpoint("e1"), endpoint("e2"))
WEST = entry(endpoint("w1"))
NORMAL, FAILOVER, FAIL_OPEN = ServingMode.NORMAL, ServingMode.FAILOVER, ServingMode.FAIL_OPEN


def seen(**regions: ServiceEntry) -> dict[str, Foreseen]:
    """By view, with east lost."""
    said = [Said(region, region, each) for region, each in regions.items()]
    return {each.view: each for each in foresee({API: said}, "east", ("east", "west"))}


def test_clients_of_the_lost_region_go_to_the_next_and_others_stay() -> None:
    found = seen(east=EAST, west=WEST)
    assert found["east"].now == Sight(NORMAL, (("east", 2),))
    assert found["east"].then == Sight(FAILOVER, (("west", 1),))
    assert found["west"].then == found["west"].now == Sight(NORMAL, (("west", 1),))
    assert not any(each.harmed for each in found.values())
    assert str(found["east"].then) == "west (1) FAILOVER"


def test_where_no_other_region_is_clients_would_be_harmed_and_are_answered_all_the_same() -> None:
    found = seen(east=EAST)
    assert found["east"].then == Sight(FAIL_OPEN, (("east", 2),))
    assert found["east"].harmed
    assert found["west"].harmed


def test_who_is_badly_off_already_is_not_harmed_by_it() -> None:
    ill = entry(endpoint("e1", health=Health.UNHEALTHY))
    assert not seen(east=ill)["east"].harmed


def test_the_policy_decides_and_nothing_is_a_possible_answer() -> None:
    policy = Policy(all_down=AllDown.NODATA)
    found = seen(east=entry(endpoint("e1"), policy=policy))
    assert found["east"].then == Sight(FAIL_OPEN, ())
    assert found["east"].harmed


def test_what_was_never_validated_is_nobodys_fallback() -> None:
    found = seen(east=EAST, west=entry(endpoint("w1", health=Health.UNKNOWN)))
    assert found["east"].harmed


def test_one_of_the_lost_region_that_was_never_validated_is_not_answered_with_then_either() -> None:
    found = seen(east=entry(endpoint("e1"), endpoint("new", health=Health.UNKNOWN)))
    assert found["east"].then == Sight(FAIL_OPEN, (("east", 1),))


def test_a_region_that_is_diverted_takes_nobody() -> None:
    found = seen(east=EAST, west=replace(WEST, diverted_until=inf))
    assert found["west"].now == Sight(FAILOVER, (("east", 2),))
    assert found["west"].then == Sight(NORMAL, (("west", 1),)), "better than nobody"
