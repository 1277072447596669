"""Whole systems in virtual time; `make prove` plays many more of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dns_frontend.wire.body import wire_name
from proof.mutants import MUTANTS, Mutant
from proof.rules import SHIPPED
from proof.scenarios import SCENARIOS
from proof.system.frontend import ZONE
from proof.system.play import play
from proof.system.scenario import Deed, Scenario, Shape, scenario_of
from proof.system.seams import under
from proof.system.shrink import shrink
from proof.system.swarm import COLUMNS, swarm, tell, unmet
from proof.system.world import World

SEEDS = range(60)
DAYS_SECONDS = 3 * 86_400.0


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What a thousand outages log is of no use to anybody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_systems_break_nothing_and_meet_every_kind_of_fault() -> None:
    """What a few seeds do not meet is little; a thousand must meet all, or `make prove` fails."""
    found = swarm(SHIPPED, SEEDS)
    assert (found.violation, found.trace) == ("", [])
    assert found.hits["recovers"] == len(SEEDS)
    missed = unmet(found)
    assert not [what for what in missed if what.startswith("fault: ")]
    assert "guard: move frozen" not in missed
    assert "guard: what cannot be read is published anew" not in missed


def test_the_same_seed_is_the_same_history() -> None:
    """To the millisecond, so that a printed seed is all that is needed."""
    first, again = (play(scenario_of(7), SHIPPED, Counter()) for _ in range(2))
    assert len(first.story) > 10
    assert first.story == again.story


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_of_history_is_found_and_cut_down(mutant: Mutant) -> None:
    """By some seed, whose story then fits a terminal and a look."""
    found = swarm(mutant.rules, range(200), shrinks=False)
    assert found.violation, "survives"
    seed = found.states - 1
    violation, story = tell(seed, mutant.rules, shrinks=True)
    assert violation.partition(":")[0] == found.violation.partition(":")[0]
    assert max(map(len, story)) <= COLUMNS
    assert "VIOLATION" in " ".join(story)
    deeds = [line for line in story if line.startswith("  at ")]
    assert len(deeds) <= 4, "cut down to what it takes"
    if deeds:
        assert len(deeds) < len(scenario_of(seed).deeds)


def test_shrinking_leaves_what_it_takes_and_nothing_else() -> None:
    """Two deeds of many, and one of everybody."""
    deeds = tuple(Deed(float(at), "a node pauses", whom=at) for at in range(9))
    scenario = Scenario(0, Shape(2, 3, 3, 3, 5), deeds)

    def fails(smaller: Scenario) -> bool:
        return {2, 7} <= {deed.whom for deed in smaller.deeds} and smaller.shape.nodes >= 2

    smallest = shrink(scenario, fails)
    assert [deed.whom for deed in smallest.deeds] == [2, 7]
    assert smallest.shape == Shape(1, 2, 1, 1, 1)


def test_after_three_days_alone_and_a_restart_answers_are_the_same_bytes() -> None:
    """All nodes and owners die; three days later each frontend does too, and comes back (I16)."""
    scenario = replace(scenario_of(0), shape=Shape(2, 2, 2, 3, 5), deeds=())
    with under(SHIPPED, Counter()):
        world = World(scenario, Counter())
        try:
            world.start()
            world.loop.run_until(5.0)
            fresh = _answers(world)
            assert all(answer for answer, _ in fresh.values())
            for name in [*world.nodes, *world.owners]:
                world.kill(name)
            world.loop.run_until(DAYS_SECONDS)
            alone = _answers(world)
            assert {key: answer for key, (answer, _) in alone.items()} == {
                key: answer for key, (answer, _) in fresh.items()
            }
            for name in world.frontends:
                world.kill(name)
                world.start_frontend(name)
            world.loop.run_until(DAYS_SECONDS + 5.0)
            assert _answers(world) == alone
        finally:
            world.close()


def _answers(world: World) -> dict[tuple[str, str, str], tuple[bytes, bytes]]:
    """What each frontend answers to each region: the records, and what is said beside them."""
    found = {}
    for name, frontend in world.frontends.items():
        assert frontend is not None
        for service in world.services:
            wire = wire_name((service, "shop", "svc", *ZONE.labels))
            for view in world.clusters:
                body = frontend.table.find(wire, 1, view)
                found[name, service, view] = (body.lean, body.option)
    return found


def test_every_test_that_a_scenario_names_exists() -> None:
    """The page that maps scenarios to tests tells no tales."""
    root = Path(__file__).resolve().parents[1]
    for scenario in SCENARIOS:
        for test in scenario.tests:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (root / path).read_text(), test
