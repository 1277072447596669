"""Ends leases that ran out, and reaps instances long expired: the leader's housekeeping."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from registry import telemetry
from registry.app.committer import Committer
from registry.app.lead import Lead
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.reaper import Reaper
from registry.app.verdicts import Verdicts
from registry.domain.errors import Retryable
from registry.domain.names import CellName, Incarnation, InstanceKey
from registry.domain.operation import Expire
from registry.domain.overdue import MASS_SHARE, must_expire
from registry.ports import Clock

log = logging.getLogger(__name__)

SWEEP_SECONDS = 0.25
FORGET_SECONDS = 3.0
"""A lease that has ended comes up each second; one that does not was renewed, or is gone."""


class Sweeper:
    """Sweeps one cell again and again, while this node leads it."""

    def __init__(
        self,
        cell: CellName,
        lead: Lead,
        keeper: Leasekeeper,
        reaper: Reaper,
        verdicts: Verdicts,
        committer: Committer,
        mirror: Mirror,
        clock: Clock,
        *,
        is_held: Callable[[InstanceKey], bool],
        is_vouched: Callable[[Expire], bool],
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        self._cell = cell
        self._lead = lead
        self._keeper = keeper
        self._reaper = reaper
        self._verdicts = verdicts
        self._committer = committer
        self._mirror = mirror
        self._clock = clock
        self._is_held = is_held
        self._sweep_seconds = sweep_seconds
        self._is_vouched = is_vouched
        self._overdue: dict[Incarnation, tuple[float, float]] = {}
        """Ended leases of instances that answer probes: since when, and when last seen to be so."""
        self._is_deaf = False

    async def run(self) -> None:
        """Sweep for ever. Raises LeadershipLost."""
        while True:
            pause = self._sweep_seconds
            try:
                full = await self._expire()
            except Retryable as error:
                full = False
                pause = max(pause, error.retry_after_seconds)
            self._reap()
            await self._clock.sleep(0.0 if full else pause)

    async def _expire(self) -> bool:
        """Whether there may be more to expire at once."""
        expired = self._sifted(self._keeper.tick(self._cell))
        if not expired:
            return False
        committed = await self._committer.submit_all(expired, self._lead.fence)
        self._keeper.settle(list(zip(expired, committed.outcomes, strict=True)))
        return True

    def _sifted(self, ended: Sequence[Expire]) -> list[Expire]:
        """Those of the leases that have ended which are to be recorded as such (I14).

        A lease left alone comes up again a second later, unless it is renewed meanwhile.
        """
        now = self._clock.monotonic()
        vouched = {each.incarnation for each in ended if self._is_vouched(each)}
        for incarnation in vouched:
            since, _ = self._overdue.get(incarnation, (now, now))
            self._overdue[incarnation] = since, now
        self._overdue = {
            incarnation: (since, seen)
            for incarnation, (since, seen) in self._overdue.items()
            if now - seen < FORGET_SECONDS
        }
        lease_count = self._keeper.table.count(self._cell)
        kept = [
            each
            for each in ended
            if must_expire(
                vouched=each.incarnation in vouched,
                overdue_seconds=now - self._overdue.get(each.incarnation, (now, now))[0],
                overdue_count=len(self._overdue),
                lease_count=lease_count,
            )
        ]
        telemetry.leases_overdue.set(len(self._overdue), {"cell": self._cell})
        if len(self._overdue) > max(1.0, MASS_SHARE * lease_count):
            if not self._is_deaf:
                log.error(
                    "heartbeats of many instances that answer probes are missing; no lease of "
                    "theirs ends by that",
                    extra={"cell": self._cell, "overdue": len(self._overdue)},
                )
            self._is_deaf = True
        elif self._is_deaf and not self._overdue:
            self._is_deaf = False
            log.warning("heartbeats come in again", extra={"cell": self._cell})
        return kept

    def _reap(self) -> None:
        for reap in self._reaper.due(self._clock.monotonic()):
            # One whose removal is held is to be seen by those who may decide on it.
            # Only what the registry still says is there: a newer incarnation is not ours.
            if self._is_held(reap.key):
                continue
            if reap.incarnation in self._mirror.by_incarnation:
                self._verdicts.add(reap)
            else:
                self._reaper.forget(reap.incarnation)
