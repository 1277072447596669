"""The proof itself, within small bounds; `make prove` has the large ones."""

from __future__ import annotations

import pytest

from proof.leases import search_leases
from proof.machine import play
from proof.mutants import GUARD_BOUNDS, GUARDS, MUTANTS, Mutant
from proof.rules import SHIPPED, Rules
from proof.search import search
from proof.world import Bounds, Game

SMALL = Bounds(publishers=2, frontends=1, truths=2, epochs=2, generations=3)


def test_no_interleaving_breaks_an_invariant() -> None:
    """Every state of a small world, searched to the end; and from each it recovers."""
    game = Game(SHIPPED, SMALL)
    found = search("small", game, [game.start()], limit=100_000)
    assert (found.violation, found.complete) == ("", True)
    assert found.states > 5_000
    assert {"move made", "move deposed", "recovers"} <= game.hits.keys()


def test_no_short_life_of_a_lease_ends_before_its_time() -> None:
    """I23, over every order of renewals, suspensions and outages."""
    assert search_leases().violation == ""


def test_random_histories_from_anywhere_break_nothing() -> None:
    """Also from tables that no history makes (I10)."""
    assert (
        play("any", SHIPPED, Bounds(rollbacks=1), examples=50, from_anywhere=True).violation == ""
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_of_history_is_found_out(mutant: Mutant) -> None:
    """By the search, with the way that leads there."""
    if mutant.rules.age is not SHIPPED.age:
        assert search_leases(step=mutant.rules.age).violation.startswith("I23")
        return
    game = Game(mutant.rules, mutant.bounds)
    found = search(mutant.name, game, [game.start()], limit=20_000)
    assert found.violation
    assert found.trace


@pytest.mark.parametrize(("name", "rules", "suffices"), GUARDS, ids=[each[0] for each in GUARDS])
def test_each_guard_alone_keeps_answers_from_going_back_or_empty(
    name: str, rules: Rules, suffices: bool
) -> None:
    """I1 and I7, with any two of three guards away; without all three they fall."""
    game = Game(rules, GUARD_BOUNDS)
    found = search(name, game, [game.start()], limit=5_000, recover=False)
    assert bool(found.violation) is not suffices
