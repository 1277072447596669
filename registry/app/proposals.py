"""What each service's entry should be, and what the guard makes of it.

The planner decides on the mirror's instances, the brake holds removals that come too fast,
what is too large is cut, and the guard judges the whole; all four are pure. What goes wrong
with one service's data hurts its own name only (I11).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from registry import telemetry
from registry.app.mirror import Mirror
from registry.app.removals import Removals
from registry.app.tenants import Tenants
from registry.app.worklist import Work
from registry.domain.cell_plan import CellPlan, Entry
from registry.domain.excerpt import excerpt
from registry.domain.guard import Finding, Judgement, Limits, Rule, judge
from registry.domain.names import CellName, InstanceKey, Revision, ServiceKey
from registry.domain.planner import last_known, plan_missing, plan_service, settled
from registry.ports import Clock, PlanCodec

log = logging.getLogger(__name__)

SLICE = 16
"""Services planned before others may run."""


class Proposals:
    """Works entries out for one cell."""

    def __init__(
        self,
        cell: CellName,
        mirror: Mirror,
        codec: PlanCodec,
        clock: Clock,
        limits: Limits,
        removals: Removals,
    ) -> None:
        self.refused: dict[str, Finding] = {}
        """Services whose entries the guard keeps as they were, by key."""
        self._cell = cell
        self._mirror = mirror
        self._codec = codec
        self._clock = clock
        self._limits = limits
        self._removals = removals
        self._tenants = Tenants(mirror, clock)

    def __repr__(self) -> str:
        return f"<Proposals {self._cell}: {len(self.refused)} refused>"

    async def judge(
        self,
        plan: CellPlan,
        work: Work,
        revision: Revision,
        up_for_seconds: Callable[[InstanceKey], float],
    ) -> Judgement:
        """Plan each service of `work` on what the mirror holds now, and have the guard judge it.

        `up_for_seconds`: for how long an instance has been healthy.
        """
        proposed: dict[str, Entry | None] = {}
        refused: dict[str, Finding] = {}
        for number, service in enumerate(work.services, start=1):
            key = service.entry
            try:
                old = plan.entries.get(key)
                new = self._entry(service, old, revision, up_for_seconds)
                if new is not old:
                    proposed[key] = new
                else:
                    self.refused.pop(key, None)
            except Exception as error:
                # One service's data must hurt its own name only (I11).
                refused[key] = Finding(Rule.MALFORMED, f"{type(error).__name__}: {error}")
            if number % SLICE == 0:
                await self._clock.sleep(0.0)
        judgement = judge(plan.entries, plan.totals, proposed, self._limits)
        for key in judgement.accepted:
            self.refused.pop(key, None)
        for key, finding in (refused | judgement.refused).items():
            self._refuse(key, finding)
        for finding in judgement.postponed.values():
            telemetry.plans_refused.add(1, {"cell": self._cell, "rule": finding.rule.value})
        return judgement

    def _entry(
        self,
        service: ServiceKey,
        old: Entry | None,
        revision: Revision,
        up_for_seconds: Callable[[InstanceKey], float],
    ) -> Entry | None:
        """The entry as it should be; `old` itself when it is as it should be; None: removed."""
        previous = None if old is None else old.plan
        known = self._mirror.services.get(service)
        instances = {
            key.instance: instance
            for key, instance in self._mirror.by_service.get(service, {}).items()
            if instance.registration.cell == self._cell
        }
        if known is None and instances:
            known = last_known(service, previous, self._cell)
        if known is None:
            if previous is None or plan_missing(previous) is previous:
                return old
            return None
        planned = plan_service(
            known,
            self._tenants.admitted(instances.values(), previous),
            previous,
            revision,
            up_for_seconds,
            self._cell,
        )
        if planned is not previous:
            marked = self._removals.protect(planned, previous, instances)
            if marked is not planned:
                planned = settled(marked, previous)
        if planned is previous:
            return old
        entry = excerpt(planned, previous, self._codec.encode, self._limits)
        if entry is None:
            return old
        if entry.plan is not None and entry.plan.policy is not planned.policy:
            log.error(
                "a service's policy is too large for an entry: the one before stays in force",
                extra={"cell": self._cell, "entry": service.entry},
            )
        return entry

    def _refuse(self, key: str, finding: Finding) -> None:
        telemetry.plans_refused.add(1, {"cell": self._cell, "rule": finding.rule.value})
        if self.refused.get(key) != finding:
            log.error(
                "a service's entry is refused and stays as it was",
                extra={
                    "cell": self._cell,
                    "entry": key,
                    "rule": finding.rule.value,
                    "reason": finding.reason,
                },
            )
        self.refused[key] = finding
