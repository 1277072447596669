"""For how long an answer may be kept: every row of the table (I30)."""

from __future__ import annotations

import pytest
from answer_samples import API, endpoint, entry

from dns_frontend.plan.answer import Composer, RecordType
from dns_frontend.plan.entry import Endpoint, Health, Policy, ServiceEntry
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.zone import Kind, Place

PLACE = Place(Kind.SERVICE, "", API.namespace, API.service)


def crowd(healthy: int, policy: Policy) -> ServiceEntry:
    return entry(
        *(
            endpoint(f"e{n}", health=Health.HEALTHY if n < healthy else Health.UNHEALTHY)
            for n in range(10)
        ),
        policy=policy,
    )


def ttl(*steps: tuple[float, int], policy: Policy, west: int = 10, stale: str = "") -> int:
    """The TTL in the east after it had so many healthy ones of ten at each time."""
    book = Ledger(API, Ranking("east", ("east", "west")))
    book.put("west", "west", crowd(west, policy), 0.0)
    for now, healthy in steps:
        book.put("east", "east", crowd(healthy, policy), now)
    composer = Composer(("east", "west"), 5, ("anchor", "internal"))
    composer.stale = frozenset({stale})
    answer = composer.compose(book, PLACE, RecordType.A, "east")
    assert answer is not None
    return answer.records.ttl_seconds


CALM = Policy(record_ttl_seconds=60, enter_hold_seconds=30.0)
SHARED = Policy(record_ttl_seconds=60, overprovisioning=2.0, enter_threshold=0.1)


@pytest.mark.parametrize(
    ("steps", "policy", "found"),
    [
        (((0.0, 10),), CALM, 60),
        (((0.0, 10),), Policy(record_ttl_seconds=20), 20),
        # about to be left in 30 s, and in 5
        (((0.0, 10), (1.0, 2)), CALM, 20),
        (((0.0, 10), (1.0, 2), (26.0, 2)), CALM, 5),
        # nor for longer than the policy wants it
        (((0.0, 10), (1.0, 2)), Policy(record_ttl_seconds=10, enter_hold_seconds=30.0), 10),
        (((0.0, 10), (1.0, 2)), Policy(record_ttl_seconds=10, enter_hold_seconds=300.0), 10),
        # well again before that
        (((0.0, 10), (1.0, 2), (2.0, 10)), CALM, 60),
        # left
        (((0.0, 10), (1.0, 2), (31.0, 2)), CALM, 5),
        # well again, and waiting for its return
        (((0.0, 10), (1.0, 2), (31.0, 2), (32.0, 10)), CALM, 5),
        # load that is on its way, with shares of two regions
        (((0.0, 10), (1.0, 3)), SHARED, 5),
        (((0.0, 10),), SHARED, 60),
    ],
)
def test_every_row(steps: tuple[tuple[float, int], ...], policy: Policy, found: int) -> None:
    assert ttl(*steps, policy=policy) == found


def test_a_stale_answer_is_kept_for_half_a_minute_and_one_about_to_change_for_less() -> None:
    assert ttl((0.0, 10), policy=CALM, stale="east") == 30
    assert ttl((0.0, 10), (1.0, 2), (26.0, 2), policy=CALM, stale="east") == 5
    patient = Policy(record_ttl_seconds=60, enter_hold_seconds=50.0)
    assert ttl((0.0, 10), (1.0, 2), policy=patient, stale="east") == 30
    assert ttl((0.0, 10), (1.0, 2), policy=patient) == 45


def test_what_other_regions_are_about_to_do_changes_nothing_at_home() -> None:
    assert ttl((0.0, 10), policy=CALM, west=2) == 60


def test_load_that_waits_for_its_first_step_is_on_its_way_already() -> None:
    def east(healthy: int) -> tuple[Endpoint, ...]:
        return crowd(healthy, SHARED).endpoints

    book = Ledger(API, Ranking("east", ("east", "west")))
    book.put("east", "east", entry(*east(10), policy=SHARED), 0.0)
    book.put("west", "west", entry(*east(10)), 0.0)
    book.put("east", "east", entry(*east(2), policy=SHARED), 1.0)
    # nothing to spare in the west for a moment: all comes back at once
    book.put("west", "west", entry(*east(5)), 2.0)
    book.put("west", "west", entry(*east(10)), 3.0)
    ramp = book.ramp("east")
    assert ramp is not None
    assert [share.region for share in ramp.shares] == ["east"], "no second step within the interval"
    bound = book.ebb("east")
    assert bound is not None
    assert bound.seconds == 5, "within the interval of a step"
