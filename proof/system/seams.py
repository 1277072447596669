"""Puts the rules of the proof in the place of shipped functions, and counts what they decide.

The shipped modules are as they are; within `under` the names that they call are bound to
what `Rules` has, which is the shipped function itself unless a mutant replaces it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import dns_frontend.feed.applier as applier
import registry.adapters.store.memory_publication as store
import registry.app.plan_reader as plan_reader
import registry.app.proposals as proposals
import registry.app.removals as removals
import registry.app.uptime as uptime
from dns_frontend.plan.cell import Ignore, Resync
from proof.rules import Rules
from registry.domain.availability import Availability, Event
from registry.domain.head import Move
from registry.domain.plan import ServicePlan
from registry.domain.protection import protect


@contextmanager
def under(rules: Rules, hits: Counter[str]) -> Generator[None]:
    """Have the shipped loops go by these rules while the block runs."""
    lead = _counting(
        rules.lead, hits, lambda seat: "lead refused" if seat is None else "lead given"
    )
    places: list[tuple[Any, str, Any]] = [
        (store, "judge_move", _counting(rules.move, hits, _move)),
        (store, "decide_lead", lead),
        (store, "removable", rules.clean),
        (store, "is_emptied", rules.is_emptied),
        (plan_reader, "foundation", rules.found),
        (proposals, "plan_service", _counting(rules.plan, hits, _held)),
        (removals, "protect", _counting(protect, hits, _protected)),
        (proposals, "plan_missing", rules.missing),
        (proposals, "judge", rules.guard),
        (applier, "step", _frontend_step(rules, hits)),
        (uptime, "step", _age(rules, hits)),
    ]
    with ExitStack() as stack:
        for module, name, rule in places:
            stack.enter_context(patch.object(module, name, rule))
        yield


def _counting(
    rule: Callable[..., Any], hits: Counter[str], word: Callable[[Any], str]
) -> Callable[..., Any]:
    def counted(*args: Any, **named: Any) -> Any:
        made = rule(*args, **named)
        said = word(made)
        if said:
            hits[f"guard: {said}"] += 1
        return made

    return counted


def _move(move: Move) -> str:
    return f"move {move.value}"


def _held(plan: ServicePlan) -> str:
    return "a set is held when all have left" if plan.held else ""


def _protected(plan: ServicePlan) -> str:
    is_held = any(endpoint.hold is not None for endpoint in plan.endpoints)
    return "a removal is held" if is_held else ""


def _age(rules: Rules, hits: Counter[str]) -> Callable[..., Any]:
    def step(before: Availability, event: Event) -> Availability:
        made = rules.age(before, event)
        if made.outages > before.outages:
            hits["guard: time does not age leases"] += 1
        return made

    return step


def _frontend_step(rules: Rules, hits: Counter[str]) -> Callable[..., Any]:
    def step(*args: Any) -> Any:
        made = rules.frontend(*args)
        for effect in made[1]:
            if isinstance(effect, Ignore):
                hits[f"guard: a frontend ignores what is {effect.vanity.value}"] += 1
            elif isinstance(effect, Resync):
                hits[f"guard: a frontend asks anew: {effect.doubt.value}"] += 1
        return made

    return step
