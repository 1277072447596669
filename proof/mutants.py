"""The historic bugs, put back one by one; and the guards, taken away two at a time.

None of this is in the shipped code: a mutant is a `Rules` with a function replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dns_frontend.plan.cell import (
    BaseArrived,
    CellState,
    DeltaArrived,
    Effect,
    Snapshot,
)
from dns_frontend.plan.cell import Event as FrontendEvent
from dns_frontend.plan.cell import Rules as FrontendRules
from proof.leases import aged_by_downtime
from proof.rules import SHIPPED, Rules
from proof.world import Bounds
from registry.domain.cell_plan import Entry, Totals
from registry.domain.foundation import Decode, Foundation, Ground, Search, foundation
from registry.domain.gc import Reach, StoredPlan
from registry.domain.guard import Judgement, Limits
from registry.domain.head import Attempt, Move, Pointer, judge_move
from registry.domain.instance import Instance
from registry.domain.names import Generation, Revision
from registry.domain.plan import Head, ServicePlan
from registry.domain.planner import plan_service
from registry.domain.served_name import ServedName
from registry.domain.service import Service


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug of history, and where a search meets it."""

    name: str
    history: str
    rules: Rules
    bounds: Bounds


def checked_at_the_start(at: Pointer, attempt: Attempt) -> Move:
    """The plan was newer when the publisher began; nothing is compared when it writes."""
    return Move.FROZEN if at.frozen and attempt.epoch is not None else Move.MADE


def without_epoch(at: Pointer, attempt: Attempt) -> Move:
    """Whoever comes may write, if only the parent is right."""
    return judge_move(at, attempt if attempt.epoch is None else replace(attempt, epoch=at.epoch))


def by_age(plans: Sequence[StoredPlan], reach: Reach, *, complete: bool) -> tuple[Generation, ...]:
    """All but the newest are old, and old plans go."""
    return tuple(plan.generation for plan in plans[:-1])


def empty_means_delete(
    service: Service,
    instances: Iterable[Instance],
    previous: ServicePlan | None,
    revision: Revision,
    *rest: Any,
) -> ServicePlan:
    """No instances, so no endpoints: what was there before is not looked at."""
    return plan_service(service, instances, None, revision, *rest)


def missing_is_deleted(previous: ServicePlan) -> ServicePlan | None:
    """A row that was not read is a service that does not exist."""
    return None


class HeadUnreadableError(Exception):
    """There is no way on from here."""


def the_current_plan_or_nothing(
    head: Head, newest: Generation, names: Mapping[str, ServedName], decode: Decode
) -> Search:
    """What cannot be read cannot be replaced."""
    search = foundation(head, newest, names, decode)
    try:
        found = yield next(search)
        if found is None:
            raise HeadUnreadableError(f"generation {head.generation} of {head.cell}")
        while True:
            found = yield search.send(found)
    except StopIteration as done:
        made: Foundation = done.value
        if made.ground is Ground.DAMAGED:
            raise HeadUnreadableError(f"generation {head.generation} of {head.cell}") from None
        return made


def accept_all(
    current: Mapping[str, Entry],
    before: Totals,
    proposed: Mapping[str, Entry | None],
    limits: Limits,
) -> Judgement:
    """No guard."""
    return Judgement(accepted=dict(proposed))


def believe_all(
    state: CellState, event: FrontendEvent, rules: FrontendRules
) -> tuple[CellState, tuple[Effect, ...]]:
    """A frontend that serves whatever comes."""
    match event:
        case BaseArrived():
            return CellState(state.cell, Snapshot(event.position, event.tree)), ()
        case DeltaArrived() if state.head is not None:
            tree = state.head.tree.replace(event.changed, event.removed)
            return CellState(state.cell, Snapshot(event.position, tree)), ()
        case _:
            return state, ()


def refusing(
    state: CellState, event: FrontendEvent, rules: FrontendRules
) -> tuple[CellState, tuple[Effect, ...]]:
    """The shipped frontend, to which one name is too many to be lost at once."""
    limits = replace(rules.limits, emptied_share=0.0, emptied_floor_services=0)
    return SHIPPED.frontend(state, event, replace(rules, limits=limits))


SMALL = Bounds(publishers=2, frontends=1, truths=4, epochs=2, generations=4)
MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "check at the start",
        "October 2025: a plan is compared when its enactor begins, not when it writes",
        replace(SHIPPED, move=checked_at_the_start, database=False, judges_epoch=False),
        SMALL,
    ),
    Mutant(
        "clean-up by age",
        "October 2025: old plans are deleted, the active one among them",
        replace(SHIPPED, clean=by_age, database=False),
        SMALL,
    ),
    Mutant(
        "rollback that needs the current plan",
        "October 2025: without the deleted plan no later change could be made",
        replace(SHIPPED, found=the_current_plan_or_nothing),
        replace(SMALL, publishers=1, damages=1, rollbacks=1),
    ),
    Mutant(
        "empty means delete",
        "external-dns, Scalingo: an empty list of endpoints is published as such",
        replace(SHIPPED, plan=empty_means_delete, guard=accept_all, database=False),
        SMALL,
    ),
    Mutant(
        "no epoch",
        "etcd, Polaris: a leader that was deposed while it slept goes on writing",
        replace(SHIPPED, move=without_epoch, fences=False),
        SMALL,
    ),
    Mutant(
        "partial read is a full read",
        "Azure SQL, Google: a query that returned too little is taken for the truth",
        replace(SHIPPED, missing=missing_is_deleted, guard=accept_all, database=False),
        SMALL,
    ),
    Mutant(
        "lease aged by downtime",
        "DynamoDB's droplet leases: an outage of the registry expires everybody",
        replace(SHIPPED, age=aged_by_downtime),
        SMALL,
    ),
)

FAULTY = replace(
    SHIPPED,
    plan=empty_means_delete,
    missing=missing_is_deleted,
    judges_epoch=False,
    judges_head=False,
)
"""A planner with every bug that empties names; what the guards make of it is the question."""


def only(*, database: bool = False, publisher: bool = False, frontend: bool = False) -> Rules:
    """The faulty planner, with no guards but these."""
    rules = FAULTY
    if not database:
        rules = replace(rules, database=False)
    if not publisher:
        rules = replace(rules, move=checked_at_the_start, guard=accept_all)
    if not frontend:
        rules = replace(rules, frontend=believe_all)
    return rules


GUARDS: tuple[tuple[str, Rules, bool], ...] = (
    ("database constraint alone", only(database=True), True),
    ("publisher's compare-and-set and guard alone", only(publisher=True), True),
    ("frontend's guard alone, which holds what is lost", only(frontend=True), True),
    (
        "frontend's guard alone, which refuses what lost too much",
        replace(only(frontend=True), frontend=refusing),
        True,
    ),
    ("none of the three", only(), False),
)
"""(what is left, the rules, whether it must suffice)."""
GUARD_BOUNDS = Bounds(
    publishers=2, frontends=1, truths=3, epochs=2, generations=3, late_messages=False
)
"""Without its guard a frontend takes what comes, so its one stream is in order."""
