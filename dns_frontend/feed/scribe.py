"""Writes the last known good on a thread of its own, in groups.

Rule: what is to be served waits for the disk, but not for ever. While one group is
being written the next one gathers, of which only the newest generation of each cell
is written. A disk that fails or hangs raises an alarm and delays nothing any more
(I15); it is tried again until it works.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

from dns_frontend import telemetry
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.plan.cell import Snapshot

log = logging.getLogger(__name__)

Standings = Mapping[str, Mapping[str, object]]


def _to_nobody(snapshot: Snapshot) -> None:
    del snapshot


class _Hand:
    """One thread that does one thing after the other.

    A daemon: a system call that hangs cannot be ended, and must not keep the process from
    ending, which is what a pool's threads would do.
    """

    def __init__(self) -> None:
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.ended = False

    async def do(self, deed: Callable[[], None]) -> None:
        """Do it, and raise what it raises. Once ordered it is done, also when this is cancelled."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def order() -> None:
            error: Exception | None = None
            try:
                deed()
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, error)

        if self._thread is None:
            self._thread = Thread(target=self._work, name="last-known-good", daemon=True)
            self._thread.start()
        self._orders.put(order)
        await done

    def end(self) -> None:
        """Let the thread end when all that was ordered is done."""
        self.ended = True
        self._orders.put(None)

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            order()


class Scribe:
    """One frontend's writer. For one event loop; `run` must be running."""

    def __init__(
        self,
        disk: LastKnownGood,
        frontend: str,
        *,
        patience_seconds: float,
        retry_seconds: float,
    ) -> None:
        self._disk = disk
        self._frontend = frontend
        self._patience_seconds = patience_seconds
        self._retry_seconds = retry_seconds
        self._hand = _Hand()
        self._hanging = False
        self._snapshots: dict[str, Snapshot] = {}
        self._standings: Standings | None = None
        self._due = asyncio.Event()
        self._written = asyncio.Event()
        """Set and replaced at the end of each group, written or not."""
        self.failing = False
        """Whether what is served may not survive a restart."""
        self.placed: Callable[[Snapshot], None] = _to_nobody
        """Told of each generation that the disk has whole, as it lies in the file's octets."""

    def __repr__(self) -> str:
        state = "failing" if self.failing else "writing" if self._due.is_set() else "idle"
        return f"<Scribe {state} waiting={sorted(self._snapshots)}>"

    async def keep(self, snapshots: Iterable[Snapshot]) -> None:
        """Return when these are durable, or when waiting longer would harm more. Never raises."""
        for snapshot in snapshots:
            self._snapshots[snapshot.position.cell] = snapshot
        if not self._snapshots:
            return
        # the group that is being written now was taken without these
        group = self._written
        self._due.set()
        if self.failing:
            return
        try:
            async with asyncio.timeout(self._patience_seconds):
                await group.wait()
        except TimeoutError:
            self._fail(f"not written within {self._patience_seconds:g} s")

    def keep_standings(self, standings: Standings) -> None:
        """Write these with the next group; only the newest ones are."""
        self._standings = standings
        self._due.set()

    async def run(self) -> None:
        """Write what is due, for ever."""
        while True:
            await self._due.wait()
            if not await self._write_group():
                await asyncio.sleep(self._retry_seconds)

    async def close(self, seconds: float) -> bool:
        """Write what is left, within `seconds`; call it when `run` has ended.

        False: a write still hangs, and may yet touch the disk until the process ends.
        The same again when called again.
        """
        if self._hand.ended:
            return not self._hanging
        if self._due.is_set():
            # behind what the thread is at, if it is
            try:
                async with asyncio.timeout(seconds):
                    await self._write_group()
            except TimeoutError:
                self._hanging = True
        self._hand.end()
        return not self._hanging

    async def _write_group(self) -> bool:
        self._due.clear()
        snapshots, self._snapshots = self._snapshots, {}
        standings, self._standings = self._standings, None
        group, self._written = self._written, asyncio.Event()
        begun = monotonic()
        try:
            placed: list[Snapshot] = []
            await self._hand.do(partial(self._write, snapshots, standings, placed))
        except Exception as error:
            # also of a mistake of ours: it must be heard of as any failing disk is
            self._put_back(snapshots, standings)
            self._fail(str(error) or repr(error))
            return False
        except BaseException:
            self._put_back(snapshots, standings)
            raise
        finally:
            group.set()
        for each in placed:
            self.placed(each)
        telemetry.disk_duration.record(monotonic() - begun, {"frontend": self._frontend})
        if self.failing and not self._snapshots:
            self.failing = False
            log.warning("the last known good is written again", extra={"frontend": self._frontend})
        return True

    def _write(
        self, snapshots: Mapping[str, Snapshot], standings: Any, placed: list[Snapshot]
    ) -> None:
        """Write all that can be, whatever becomes of one (I20); raises the first error."""
        errors: list[Exception] = []
        for snapshot in snapshots.values():
            try:
                whole = self._disk.write(snapshot)
            except Exception as error:
                errors.append(error)
            else:
                if whole is not None:
                    placed.append(whole)
        if standings is not None:
            try:
                self._disk.write_standings(standings)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _put_back(self, snapshots: Mapping[str, Snapshot], standings: Standings | None) -> None:
        self._snapshots = {**snapshots, **self._snapshots}
        if self._standings is None:
            self._standings = standings
        self._due.set()

    def _fail(self, reason: str) -> None:
        telemetry.disk_failures.add(1, {"frontend": self._frontend})
        if not self.failing:
            self.failing = True
            log.error(
                "the last known good cannot be written; answers are given all the same",
                extra={"frontend": self._frontend, "reason": reason},
            )
