"""Ends leases that ran out, and reaps instances long expired: the leader's housekeeping."""

from __future__ import annotations

from registry.app.committer import Committer
from registry.app.lead import Lead
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.reaper import Reaper
from registry.app.verdicts import Verdicts
from registry.domain.errors import Retryable
from registry.domain.names import CellName
from registry.ports import Clock

SWEEP_SECONDS = 0.25


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
        self._sweep_seconds = sweep_seconds

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
        expired = self._keeper.tick(self._cell)
        if not expired:
            return False
        committed = await self._committer.submit_all(expired, self._lead.fence)
        self._keeper.settle(list(zip(expired, committed.outcomes, strict=True)))
        return True

    def _reap(self) -> None:
        for reap in self._reaper.due(self._clock.monotonic()):
            # Only what the registry still says is there: a newer incarnation is not ours.
            if reap.incarnation in self._mirror.by_incarnation:
                self._verdicts.add(reap)
            else:
                self._reaper.forget(reap.incarnation)
