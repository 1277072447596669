"""Group commit of renewals: what arrives while one group is written makes the next.

A renewal changes a counter in a narrow table and nothing else: no revision, no watcher.
Groups leave a moment between them, since a disk can be kept busy by heartbeats alone. Where
a write takes long, only those in it wait for it: who would have to wait for the next one
is told to come back (F8), and no lease ages meanwhile (I23).
"""

from __future__ import annotations

import asyncio

from registry import telemetry
from registry.app.leasekeeper import Leasekeeper
from registry.app.uptime import RETRY_AFTER_SECONDS, Uptime
from registry.domain.errors import RegistryError, StoreUnavailable
from registry.domain.leases import Lease
from registry.ports import Clock, Store

GAP_SECONDS = 0.01
"""From the start of one group to the start of the next, at least."""


class RenewalGroup:
    """Leases to be renewed together, and the word that it was done."""

    __slots__ = ("done", "leases")

    def __init__(self) -> None:
        self.leases: dict[int, Lease] = {}
        """By the store's number; write to it freely until control is given up."""
        self.done: asyncio.Future[frozenset[int]] = asyncio.get_running_loop().create_future()


class Renewals:
    """Makes renewals durable."""

    def __init__(
        self,
        store: Store,
        keeper: Leasekeeper,
        clock: Clock,
        uptime: Uptime,
        *,
        gap_seconds: float = GAP_SECONDS,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._uptime = uptime
        self._gap_seconds = gap_seconds
        self._late = False
        """Whether the write under way has taken too long already."""
        self._open: RenewalGroup | None = None
        self._wanted = asyncio.Event()
        self._closing = False

    def __repr__(self) -> str:
        return f"<Renewals waiting={len(self._open.leases) if self._open else 0}>"

    def group(self) -> RenewalGroup:
        """The group that is written next.

        Raises StoreUnavailable when this node goes down, or the store answers nothing.
        """
        if self._closing:
            raise _closing()
        if self._late:
            raise _late()
        self._uptime.check_answering()
        if self._open is None:
            self._open = RenewalGroup()
            self._wanted.set()
        return self._open

    async def written(self, group: RenewalGroup) -> frozenset[int]:
        """Wait until a group is durable; the ids that exist no more.

        Going away while waiting takes nothing out of the group. Raises StoreUnavailable.
        """
        return await asyncio.shield(group.done)

    async def run(self) -> None:
        """Write group after group, until `close`."""
        next_at = self._clock.monotonic()
        while True:
            await self._wanted.wait()
            if self._open is None:
                if self._closing:
                    return
                self._wanted.clear()
                continue
            await self._clock.sleep(next_at - self._clock.monotonic())
            next_at = self._clock.monotonic() + self._gap_seconds
            group, self._open = self._open, None
            await self._write(group)

    def close(self) -> None:
        """Take no more; `run` ends when what was taken is written."""
        self._closing = True
        self._wanted.set()

    async def _write(self, group: RenewalGroup) -> None:
        begun = self._clock.monotonic()
        self._keeper.flushing(group.leases)
        watch = asyncio.create_task(self._lose_patience())
        try:
            with self._uptime.asking():
                gone = await self._store.renew(list(group.leases))
        except BaseException as error:
            self._keeper.flush_failed()
            cancelled = isinstance(error, asyncio.CancelledError)
            _fail(group, _closing() if cancelled else error)
            if isinstance(error, StoreUnavailable):
                # They waited for one timeout already, and would only find out the same by another.
                self._turn_away(error)
            if not isinstance(error, RegistryError):
                raise
            return
        finally:
            watch.cancel()
            self._late = False
        self._keeper.flushed(gone)
        telemetry.renewal_group_duration.record(self._clock.monotonic() - begun)
        telemetry.renewals.add(len(group.leases) - len(gone))
        if not group.done.done():
            group.done.set_result(gone)

    async def _lose_patience(self) -> None:
        await self._clock.sleep(self._uptime.patience_seconds)
        self._late = True
        self._turn_away(_late())

    def _turn_away(self, error: StoreUnavailable) -> None:
        """Tell those who wait for the next write."""
        if self._open is not None:
            behind, self._open = self._open, None
            _fail(behind, error)


def _fail(group: RenewalGroup, error: BaseException) -> None:
    if not group.done.done():
        group.done.set_exception(error)
        # Those who wait may all have gone away.
        group.done.exception()


def _closing() -> StoreUnavailable:
    return StoreUnavailable(
        "this registry node is going down. Try another one.", retry_after_seconds=1.0
    )


def _late() -> StoreUnavailable:
    return StoreUnavailable(
        "the database is slow: renewals sent before yours are being written still. Yours was not "
        "taken; try again.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
