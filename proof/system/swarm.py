"""Plays seed after seed, and makes of the first that fails something that people can read."""

from __future__ import annotations

import logging
import textwrap
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from proof.rules import Rules
from proof.search import Found
from proof.system.play import Outcome, play
from proof.system.scenario import FAULTS, Scenario, scenario_of
from proof.system.shrink import shrink

COLUMNS = 80
PART = 50
"""Seeds that one process plays at a time."""
LAST_LINES = 30
GUARDS = (
    "guard: move made",
    "guard: move lost",
    "guard: move deposed",
    "guard: move frozen",
    "guard: lead given",
    "guard: lead refused",
    "guard: the database refuses",
    "guard: what cannot be read is published anew",
    "guard: the head outruns a frontend that is ahead",
    "guard: time does not age leases",
    "guard: a set is held when all have left",
    "guard: a removal is held",
    "guard: a frontend asks anew: gap",
    "guard: a frontend asks anew: no_base",
    "guard: a frontend ignores what is old",
    "guard: a frontend ignores what is lagging",
)
"""Each must have been met, and so must each kind of fault."""


def swarm(rules: Rules, seeds: range, *, shrinks: bool = True, workers: int = 1) -> Found:
    """Play each; stop at the first that breaks an invariant. `workers`: processes to do it in."""
    begun = time.monotonic()
    found = Found("whole systems in virtual time")
    hits: Counter[str] = Counter()
    if workers > 1:
        parts = [seeds[at : at + PART] for at in range(0, len(seeds), PART)]
        with ProcessPoolExecutor(workers, initializer=logging.disable) as pool:
            results = pool.map(partial(_play, rules), parts)
            for result in results:
                _add(found, hits, result)
                if result.violation:
                    pool.shutdown(cancel_futures=True)
                    break
    else:
        _add(found, hits, _play(rules, seeds))
    if found.violation and shrinks:
        scenario = scenario_of(seeds[found.states - 1])
        outcome = play(scenario, rules, Counter())
        found.trace = told(*_smallest(scenario, outcome, rules))
    found.hits = dict(hits)
    found.transitions = hits["an answer"] + hits["a denial"]
    found.seconds = time.monotonic() - begun
    return found


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of some seeds."""

    seeds: int
    violation: str
    hits: Counter[str]


def _play(rules: Rules, seeds: range) -> _Result:
    hits: Counter[str] = Counter()
    for number, seed in enumerate(seeds, start=1):
        outcome = play(scenario_of(seed), rules, hits)
        if outcome.violation:
            return _Result(number, f"{outcome.violation} (seed {seed})", hits)
    return _Result(len(seeds), "", hits)


def _add(found: Found, hits: Counter[str], result: _Result) -> None:
    found.states += result.seeds
    found.violation = result.violation
    hits.update(result.hits)


def unmet(found: Found) -> list[str]:
    """Kinds of faults, and guards, that a run never met."""
    wanted = [*(f"fault: {kind}" for kind in FAULTS), *GUARDS]
    return [what for what in wanted if not found.hits.get(what)]


def tell(seed: int, rules: Rules, *, shrinks: bool) -> tuple[str, list[str]]:
    """The violation of one seed, if any, and its story; shrunk, or as it was."""
    scenario = scenario_of(seed)
    outcome = play(scenario, rules, Counter())
    if outcome.violation and shrinks:
        scenario, outcome = _smallest(scenario, outcome, rules)
    return outcome.violation, told(scenario, outcome, whole=not shrinks)


def _smallest(scenario: Scenario, outcome: Outcome, rules: Rules) -> tuple[Scenario, Outcome]:
    def fails(smaller: Scenario) -> bool:
        return play(smaller, rules, Counter()).kind == outcome.kind

    smallest = shrink(scenario, fails)
    return smallest, play(smallest, rules, Counter())


def told(scenario: Scenario, outcome: Outcome, *, whole: bool = False) -> list[str]:
    """A scenario and what came of it, at 80 columns."""
    shape = scenario.shape
    lines = [
        f"{shape.clusters} clusters of {shape.nodes} nodes, {shape.frontends} frontends,"
        f" {shape.owners} owners of {shape.services} services;"
        f" {len(scenario.deeds)} deeds:"
    ]
    for deed in scenario.deeds:
        lasting = f", {deed.seconds:g} s" if deed.seconds else ""
        lines.append(f"  at {deed.at:g} s: {deed.kind}{lasting}")
    lines.append("what happened:")
    story = outcome.story if whole else outcome.story[-LAST_LINES:]
    lines += story
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            line,
            COLUMNS,
            subsequent_indent=" " * 9,
            replace_whitespace=False,
            drop_whitespace=True,
        )
    ]
