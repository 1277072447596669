"""A diversion ends by this machine's clock, sends nobody to nowhere, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from answer_samples import API, endpoint, entry

from dns_frontend.plan.diversion import NEVER, Diversion, in_time, until
from dns_frontend.plan.entry import Health, Policy, ServiceEntry
from dns_frontend.plan.facet import ANY
from dns_frontend.plan.failover import Choice, Rule, ServingMode, choose
from dns_frontend.plan.keepsake import keepsake
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.standing import IN, OUT, Standing, Tally, due, step

WALL = 1_000_000.0
NOW = 50.0
POLICY = Policy()
GOOD, FAR = endpoint("good"), endpoint("far")
DIVERTED = Standing(out=True, diverted_until=60.0)


def span(begin: float, end: float) -> Diversion:
    """A diversion, in seconds from now."""
    return Diversion(round((WALL + begin) * 1000), round((WALL + end) * 1000))


@pytest.mark.parametrize(
    ("diversion", "holds_until"),
    [
        (None, NEVER),
        (span(-10, 20), NOW + 20),
        (span(-10, 0), NEVER),
        (span(-10, -5), NEVER),
        (span(-10, 0.5), NOW + 0.5),
        # this clock is a little behind
        (span(60, 120), NOW + 120),
        # or so much that it would not end it
        (span(61, 121), NEVER),
        # no registry may ask for more than an hour
        (span(-10, 9_000), NOW + 3600),
    ],
)
def test_each_row_of_the_table(diversion: Diversion | None, holds_until: float) -> None:
    assert until(diversion, WALL, NOW) == holds_until


def test_only_entries_with_a_diversion_are_touched() -> None:
    plain = entry(GOOD)
    entries = {"a/plain": plain}
    assert in_time(entries, WALL, NOW) is entries
    found = in_time(entries | {"a/x": replace(plain, diversion=span(-1, 9))}, WALL, NOW)
    assert found["a/plain"] is plain
    assert found["a/x"].diverted_until == NOW + 9


@pytest.mark.parametrize("before", [None, IN, OUT, Standing(True, 40.0), Standing(False, None, 4)])
def test_it_comes_before_every_other_row_of_standings(before: Standing | None) -> None:
    assert step(before, Tally(2, 2), POLICY, 59.9, 60.0) == DIVERTED
    assert due(DIVERTED, POLICY) == 60.0


@pytest.mark.parametrize(("healthy", "counted", "becomes"), [(2, 2, IN), (0, 2, OUT), (0, 0, None)])
def test_when_it_is_over_the_region_is_judged_afresh_and_need_not_earn_its_return(
    healthy: int, counted: int, becomes: Standing | None
) -> None:
    assert step(DIVERTED, Tally(healthy, counted), POLICY, 60.0, 60.0) == becomes
    assert step(DIVERTED, Tally(healthy, counted), POLICY, 55.0, NEVER) == becomes, "ended early"


def ledger(home: ServiceEntry, away: ServiceEntry | None = None) -> Ledger:
    book = Ledger(API, Ranking("east", ("east", "west")))
    book.put("east", "east", home, NOW)
    if away is not None:
        book.put("west", "west", away, NOW)
    return book


def chosen(book: Ledger, policy: Policy = POLICY) -> Choice:
    return choose("east", [book.tier("east"), book.tier("west")], ANY, policy)


def test_clients_go_to_the_next_region_and_are_back_by_time_alone() -> None:
    book = ledger(replace(entry(GOOD), diverted_until=NOW + 10), entry(FAR))
    assert (chosen(book).endpoints, chosen(book).mode) == ((FAR,), ServingMode.FAILOVER)
    assert book.due() == NOW + 10
    assert keepsake(book).get("out", []) == [], "a restart takes it from the plan"
    assert book.review(NOW + 10)
    assert (chosen(book).endpoints, chosen(book).mode) == ((GOOD,), ServingMode.NORMAL)


@pytest.mark.parametrize(
    "away", [None, entry(endpoint("far", health=Health.UNHEALTHY))], ids=["none", "ill"]
)
@pytest.mark.parametrize("policy", [POLICY, Policy(overprovisioning=1.25)])
def test_nobody_is_sent_to_nowhere(away: ServiceEntry | None, policy: Policy) -> None:
    book = ledger(replace(entry(GOOD, policy=policy), diverted_until=inf), away)
    assert chosen(book, policy).endpoints == (GOOD,)


def test_two_diverted_regions_answer_as_if_none_were() -> None:
    book = ledger(replace(entry(GOOD), diverted_until=inf), replace(entry(FAR), diverted_until=inf))
    assert (chosen(book).endpoints, chosen(book).rule) == ((GOOD,), Rule.SOME_HEALTHY)


def test_with_shares_others_take_what_they_have_to_spare_and_home_keeps_the_rest() -> None:
    policy = Policy(overprovisioning=1.25)
    home = entry(*(endpoint(f"h{number}") for number in range(4)), policy=policy)
    away = entry(*(endpoint(f"a{number}") for number in range(5)), policy=policy)
    book = ledger(replace(home, diverted_until=inf), away)
    choice = chosen(book, policy)
    weights: dict[str, int] = {}
    for region, endpoints in ((choice.region, choice.endpoints), *choice.beside):
        weights[region] = sum(each.weight for each in endpoints)
    # west has 5 and bears 4 of its own: one is to spare, of the 3.2 that east bears
    assert weights["west"] / sum(weights.values()) == pytest.approx(1 / 3.2, abs=0.01)
    assert set(weights) == {"east", "west"}


def test_with_shares_nobody_stays_where_others_have_room_for_all() -> None:
    policy = Policy(overprovisioning=1.25)
    home = entry(*(endpoint(f"h{number}") for number in range(4)), policy=policy)
    away = entry(*(endpoint(f"a{number}") for number in range(50)), policy=policy)
    choice = chosen(ledger(replace(home, diverted_until=inf), away), policy)
    assert (choice.region, choice.beside) == ("west", ())


def test_a_region_of_several_cells_is_diverted_when_all_of_them_are() -> None:
    book = ledger(replace(entry(GOOD), diverted_until=inf), entry(FAR))
    book.put("east-2", "east", entry(endpoint("other")), NOW)
    assert book.standings["east"] == IN
    book.put("east-2", "east", replace(entry(endpoint("other")), diverted_until=70.0), NOW)
    assert book.standings["east"] == Standing(out=True, diverted_until=70.0)
