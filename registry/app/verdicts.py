"""What the leader of a cell has found out about instances, on its way into the store.

Whatever piles up during one transaction goes into the next, under the cell's fence; when
verdicts never end, the next one waits for them to gather (`domain.promptness`, I25). One on a
newcomer waits for nobody, and takes the others with it. A verdict that cannot be stored now is
kept and tried again, unless a newer one on the same instance has come meanwhile.
"""

from __future__ import annotations

import logging

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.committer import Committer
from registry.app.lead import Lead
from registry.app.mirror import Mirror
from registry.domain.bucket import spent, wait_seconds
from registry.domain.errors import Retryable
from registry.domain.health import Health
from registry.domain.names import CellName, InstanceKey
from registry.domain.operation import Done, Judge, Reap
from registry.domain.promptness import SIZE, full
from registry.ports import Clock

log = logging.getLogger(__name__)

GROUP_LIMIT = 256

Verdict = Judge | Reap


class Verdicts:
    """Verdicts not stored yet, the last one of each instance."""

    def __init__(
        self,
        committer: Committer,
        clock: Clock,
        cell: CellName,
        lead: Lead,
        mirror: Mirror,
    ) -> None:
        self._committer = committer
        self._clock = clock
        self._cell = cell
        self._lead = lead
        self._mirror = mirror
        self._waiting: dict[InstanceKey, Verdict] = {}
        self._is_urgent = False
        """Whether one on a newcomer is among them."""
        self._due = 0
        """How many of them waited long enough: more than a group gather within a second."""
        self._promptness = full(clock.monotonic())
        self._alarm = Alarm(clock)

    def __repr__(self) -> str:
        return f"<Verdicts {self._cell}: {len(self._waiting)} waiting>"

    def add(self, verdict: Verdict) -> None:
        """Have a verdict stored; it takes the place of an earlier one on the instance."""
        is_first = not self._waiting
        self._waiting[verdict.key] = verdict
        known = self._mirror.instances.get(verdict.key)
        if known is not None and known.health is Health.UNKNOWN:
            self._is_urgent = True
            self._alarm.ring()
        elif is_first:
            self._alarm.ring()

    async def run(self) -> None:
        """Store group after group, for ever. Raises LeadershipLost."""
        while True:
            if not self._waiting:
                await self._alarm.wait()
                continue
            now = self._clock.monotonic()
            if not self._is_urgent and not self._due:
                pause = wait_seconds(self._promptness, SIZE, now)
                if pause > 0.0:
                    await self._alarm.wait(pause)
                    continue
                self._promptness = spent(self._promptness, SIZE, now)
                self._due = len(self._waiting)
            group = [self._waiting.pop(key) for key in list(self._waiting)[:GROUP_LIMIT]]
            self._due = max(0, self._due - len(group))
            self._is_urgent &= bool(self._waiting)
            try:
                committed = await self._committer.submit_all(group, self._lead.fence)
            except Retryable as error:
                self._waiting = {verdict.key: verdict for verdict in group} | self._waiting
                await self._clock.sleep(error.retry_after_seconds)
                continue
            for verdict, outcome in zip(group, committed.outcomes, strict=True):
                # A refusal means that the instance is gone or newer: nothing to do (I37).
                if isinstance(verdict, Judge) and isinstance(outcome, Done):
                    telemetry.health_changes.add(
                        1,
                        {
                            "cell": self._cell,
                            "health": verdict.health.value,
                            "evidence": verdict.evidence.value,
                        },
                    )
