"""Cuts a scenario that fails down to what is needed to fail so (delta debugging).

Zeller and Hildebrandt's ddmin over the deeds, then fewer of everybody, then shorter deeds;
again, until nothing more can go. What is left must break the same invariant: a smaller
scenario that fails in another way is another failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from proof.system.scenario import Deed, Scenario, Shape

TRIES = 150
"""Scenarios played at most."""


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """A scenario that still fails, and as small as was found; `fails` plays it."""
    left = [TRIES]

    def try_(smaller: Scenario) -> bool:
        if left[0] <= 0:
            return False
        left[0] -= 1
        return fails(smaller)

    while True:
        before = scenario
        scenario = replace(scenario, deeds=_fewest(scenario, try_))
        for smaller in _narrower(scenario.shape):
            candidate = replace(scenario, shape=smaller)
            if try_(candidate):
                scenario = candidate
                break
        if scenario == before:
            return scenario


def _fewest(scenario: Scenario, fails: Callable[[Scenario], bool]) -> tuple[Deed, ...]:
    """The fewest deeds of which none can be left out."""
    deeds, parts = scenario.deeds, 2
    while deeds:
        size = max(1, len(deeds) // parts)
        for start in range(0, len(deeds), size):
            rest = deeds[:start] + deeds[start + size :]
            if fails(replace(scenario, deeds=rest)):
                deeds, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(deeds), 2 * parts)
    return deeds


def _narrower(shape: Shape) -> Iterator[Shape]:
    """With one fewer of something, or one of it alone; the boldest first."""
    for name in ("clusters", "nodes", "frontends", "services", "owners"):
        count = getattr(shape, name)
        if count > 1:
            yield replace(shape, **{name: 1})
            if count > 2:
                yield replace(shape, **{name: count - 1})
