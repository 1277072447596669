"""The lead of one cell: seeking it, keeping it, and knowing when it is over.

What is written under a lead carries its epoch and is refused by the store once the epoch
is another, so correctness rests on no clock (I3). The lease is there so that a node stops
acting, and another may begin, without waiting to be refused.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

from registry.app.alarm import Alarm
from registry.app.uptime import Uptime
from registry.domain.errors import LeadershipLost, StoreUnavailable
from registry.domain.names import CellName, RegionName
from registry.domain.notice import Notice, Topic
from registry.domain.operation import Fence
from registry.domain.plan import Head
from registry.ports import Clock, Leadership, Notifier, Store

log = logging.getLogger(__name__)


class Lead:
    """This node's lead of a cell. `keep` ends, by raising, when it is over."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        uptime: Uptime,
        cell: CellName,
        region: RegionName,
        node: str,
        *,
        lease_seconds: float,
        notifier: Notifier | None = None,
    ) -> None:
        self.valid_until = 0.0
        """By the monotonic clock, counted from before the store was asked."""
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._cell = cell
        self._region = region
        self._node = node
        self._lease_seconds = lease_seconds
        self._vacancy = Alarm(clock)
        if notifier is not None:
            notifier.subscribe((Topic.LEAD,), self._noticed)
        self._fence: Fence | None = None
        self.head: Head | None = None
        """As the store said when it was last asked."""

    def __repr__(self) -> str:
        what = "not led here" if self._fence is None else f"epoch {self._fence.epoch}"
        return f"<Lead {self._cell}: {what}>"

    @property
    def fence(self) -> Fence:
        """Proof for the store. Raises LeadershipLost when the lease has run out here."""
        if self._fence is None or self._clock.monotonic() >= self.valid_until:
            raise LeadershipLost(
                f"The lease on cells/{self._cell} ran out on this node.", cell=self._cell
            )
        return self._fence

    async def seek(self) -> Leadership:
        """Wait until this node leads the cell: at once if its leader says that it resigned."""
        while True:
            try:
                leadership = await self._ask()
            except StoreUnavailable as error:
                await self._clock.sleep(error.retry_after_seconds)
                continue
            if leadership is not None:
                self._fence = Fence(self._cell, leadership.epoch)
                return leadership
            await self._vacancy.wait(self._lease_seconds / 3)

    async def renew(self) -> Leadership:
        """Renew the lease, and return the head of this moment.

        Raises StoreUnavailable, and LeadershipLost when another node leads, or has led.
        """
        fence = self._fence
        leadership = await self._ask()
        if leadership is None or fence is None or leadership.epoch != fence.epoch:
            self._fence = None
            raise LeadershipLost(f"Another node leads cells/{self._cell}.", cell=self._cell)
        return leadership

    async def keep(self) -> AsyncGenerator[float, None]:
        """Renew again and again; gives `valid_until` each time, and ends by LeadershipLost."""
        while True:
            await self._clock.sleep(self._lease_seconds / 3)
            try:
                await self.renew()
            except StoreUnavailable:
                # Reported where the store was asked. Until the lease runs out nobody else
                # leads, and nothing can be written anyhow.
                await self._last_chances()
            yield self.valid_until

    async def resign(self) -> None:
        """Let another node lead at once. Best effort: the lease runs out by itself."""
        if self._fence is None:
            return
        self._fence = None
        self.valid_until = 0.0
        try:
            with self._uptime.asking():
                await self._store.resign(self._cell, self._node)
        except StoreUnavailable:
            log.warning("the lead could not be given up", extra={"cell": self._cell})

    def _noticed(self, notice: Notice) -> None:
        if notice.topic is Topic.MISSED or notice.scope == self._cell:
            self._vacancy.ring()

    async def _last_chances(self) -> None:
        pause = self._lease_seconds / 12
        while self._clock.monotonic() < self.valid_until:
            await self._clock.sleep(pause)
            try:
                await self.renew()
            except StoreUnavailable:
                continue
            return
        self._fence = None
        raise LeadershipLost(
            f"The lease on cells/{self._cell} ran out: the store was away.", cell=self._cell
        )

    async def _ask(self) -> Leadership | None:
        asked_at = self._clock.monotonic()
        with self._uptime.asking():
            leadership = await self._store.lead(
                self._cell, self._region, self._node, self._lease_seconds
            )
        if leadership is not None:
            self.valid_until = asked_at + self._lease_seconds
            self.head = leadership.head
        return leadership
