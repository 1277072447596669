"""Whether an observer is believed: every row of the tables (I14)."""

from __future__ import annotations

import pytest

from registry.domain.health import Evidence
from registry.domain.quarantine import (
    GOOD_ROUNDS,
    ROUND_SECONDS,
    Gainsaid,
    Look,
    Trust,
    may_conclude,
    step,
)

BLIND = Look(services=10, failing=8, gainsaid=7)
FINE = Look(services=10)
HELD = Trust(True, 50.0, BLIND, 0, 90.0)


@pytest.mark.parametrize(
    ("look", "mass", "blind"),
    [
        (Look(0), False, False),
        (Look(10), False, False),
        (Look(10, failing=4, gainsaid=4), False, False),
        (Look(10, failing=5, gainsaid=0), True, False),
        (Look(10, failing=5, gainsaid=2), True, False),
        (Look(10, failing=5, gainsaid=3), True, True),
        (Look(10, failing=6, gainsaid=3), True, False),
        (Look(2, failing=2, gainsaid=2), False, False),
        (Look(3, failing=2, gainsaid=2), False, False),
        (Look(3, failing=3, gainsaid=2), True, True),
        (Look(7, failing=3, gainsaid=3), True, True),
        (Look(8, failing=3, gainsaid=3), False, False),
    ],
)
def test_an_observer_is_blind_when_it_is_contradicted_about_most_of_a_mass(
    look: Look, mass: bool, blind: bool
) -> None:
    assert (look.is_mass, look.is_blind) == (mass, blind)


@pytest.mark.parametrize(
    ("trust", "look", "now", "after"),
    [
        (Trust(), FINE, 100.0, Trust()),
        (Trust(), Look(10, failing=9, gainsaid=0), 100.0, Trust()),
        (Trust(since_seconds=3.0), FINE, 100.0, Trust(since_seconds=3.0)),
        (Trust(), BLIND, 100.0, Trust(True, 100.0, BLIND, 0, 100.0)),
        (HELD, BLIND, 100.0, Trust(True, 50.0, BLIND, 0, 100.0)),
        (Trust(True, 50.0, BLIND, 2, 90.0), BLIND, 96.0, Trust(True, 50.0, BLIND, 0, 96.0)),
        (HELD, FINE, 90.0 + ROUND_SECONDS - 0.1, HELD),
        (HELD, FINE, 90.0 + ROUND_SECONDS, Trust(True, 50.0, BLIND, 1, 95.0)),
        (Trust(True, 50.0, BLIND, 1, 95.0), FINE, 101.0, Trust(True, 50.0, BLIND, 2, 101.0)),
        (Trust(True, 50.0, BLIND, 2, 100.0), FINE, 105.0, Trust(since_seconds=105.0)),
    ],
)
def test_every_row_of_quarantine(trust: Trust, look: Look, now: float, after: Trust) -> None:
    assert step(trust, look, now) == after


def test_of_an_observer_that_is_new_nothing_is_held_against_it() -> None:
    assert Look(10) == Look(10, failing=0, gainsaid=0)
    assert Trust() == Trust(False, 0.0, None, 0, 0.0)


def test_rounds_are_counted_by_time_however_often_one_looks() -> None:
    trust, now = step(Trust(), BLIND, 0.0), 0.0
    while trust.quarantined:
        now += 0.25
        trust = step(trust, FINE, now)
    assert now == GOOD_ROUNDS * ROUND_SECONDS


def test_the_reason_says_what_was_seen_and_who_contradicts() -> None:
    assert Trust().why == ""
    assert HELD.why == "8 of 10 services fail for it at once; others find 7 of them well"
    deaf = Look(4, 3, 3, Gainsaid.HEARTBEATS)
    assert step(Trust(), deaf, 1.0).why == (
        "3 of 4 services fail for it at once; the heartbeats of 3 of them come in"
    )
    assert Trust(since_seconds=9.0, look=BLIND).why == ""


_SILENCE = Evidence.TIMEOUT


@pytest.mark.parametrize(
    ("evidence", "quarantined", "mass", "heard_since", "failing_seconds", "recorded"),
    [
        (Evidence.REFUSED, True, True, True, 0.0, True),
        (Evidence.WRONG_IDENTITY, False, True, True, 0.0, True),
        (_SILENCE, True, False, False, 100.0, False),
        (_SILENCE, True, True, False, 100.0, False),
        (_SILENCE, False, False, True, 0.0, True),
        (_SILENCE, False, True, True, 100.0, False),
        (_SILENCE, False, True, False, 5.9, False),
        (_SILENCE, False, True, False, 6.0, True),
    ],
)
def test_every_row_of_what_an_only_observer_may_conclude(
    evidence: Evidence,
    quarantined: bool,
    mass: bool,
    heard_since: bool,
    failing_seconds: float,
    recorded: bool,
) -> None:
    assert (
        may_conclude(
            evidence,
            quarantined=quarantined,
            mass=mass,
            heard_since=heard_since,
            failing_seconds=failing_seconds,
        )
        is recorded
    )
