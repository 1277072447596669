"""The functions that a world goes by: the shipped ones, unless a mutant replaces some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dns_frontend.plan.cell import CellState, Effect
from dns_frontend.plan.cell import Event as FrontendEvent
from dns_frontend.plan.cell import Rules as FrontendRules
from dns_frontend.plan.cell import step as frontend_step
from registry.domain.availability import Availability
from registry.domain.availability import Event as AvailabilityEvent
from registry.domain.availability import step as availability_step
from registry.domain.cell_plan import Entry, Totals
from registry.domain.foundation import Search, foundation
from registry.domain.gc import removable
from registry.domain.guard import Judgement, Limits, judge
from registry.domain.head import Attempt, Move, Pointer, judge_move
from registry.domain.leadership import Bid, Seat, decide_lead
from registry.domain.names import Generation
from registry.domain.plan import ServicePlan
from registry.domain.planner import plan_missing, plan_service
from registry.domain.served_name import ServedName, is_emptied


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides in a world. The defaults are what is shipped."""

    move: Callable[[Pointer, Attempt], Move] = judge_move
    lead: Callable[[Seat, Bid], Seat | None] = decide_lead
    clean: Callable[..., tuple[Generation, ...]] = removable
    plan: Callable[..., ServicePlan] = plan_service
    missing: Callable[[ServicePlan], ServicePlan | None] = plan_missing
    guard: Callable[
        [Mapping[str, Entry], Totals, Mapping[str, Entry | None], Limits], Judgement
    ] = judge
    frontend: Callable[
        [CellState, FrontendEvent, FrontendRules], tuple[CellState, tuple[Effect, ...]]
    ] = frontend_step
    age: Callable[[Availability, AvailabilityEvent], Availability] = availability_step
    """What becomes of the time in which leases age."""
    found: Callable[..., Search] = foundation
    """What is built on when the head's plan is not as it should be, or not there."""
    fences: bool = True
    """Whether a deposed leader's other writes are refused too."""
    database: bool = True
    """Whether the database's own triggers hold."""
    judges_epoch: bool = True
    """Whether a write of an old epoch counts as a fault by itself (I3)."""
    judges_head: bool = True
    """Whether the head is judged, or only what frontends answer with."""

    def emptied(self, before: ServedName | None, after: ServedName | None, *, buried: bool) -> bool:
        """Whether the database refuses what becomes of a name."""
        return self.is_emptied(before, after, service_is_tombstoned=buried)

    def is_emptied(
        self, before: ServedName | None, after: ServedName | None, *, service_is_tombstoned: bool
    ) -> bool:
        """The same, called as the store calls it."""
        return self.database and is_emptied(
            before, after, service_is_tombstoned=service_is_tombstoned
        )


SHIPPED = Rules()
