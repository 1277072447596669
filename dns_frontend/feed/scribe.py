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
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from dns_frontend import telemetry
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.plan.cell import Snapshot

log = logging.getLogger(__name__)

Standings = Mapping[str, Mapping[str, object]]


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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="last-known-good")
        self._snapshots: dict[str, Snapshot] = {}
        self._standings: Standings | None = None
        self._due = asyncio.Event()
        self._written = asyncio.Event()
        """Set and replaced at the end of each group, written or not."""
        self.failing = False
        """Whether what is served may not survive a restart."""

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
            await asyncio.wait_for(group.wait(), self._patience_seconds)
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
                self._due.set()

    async def close(self, seconds: float) -> None:
        """Write what is left, within `seconds`; call it when `run` has ended."""
        if self._due.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._write_group(), seconds)
        # a thread that hangs in a system call cannot be ended; the process ends over it
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _write_group(self) -> bool:
        self._due.clear()
        snapshots, self._snapshots = self._snapshots, {}
        standings, self._standings = self._standings, None
        group, self._written = self._written, asyncio.Event()
        begun = monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._write, snapshots, standings
            )
        except OSError as error:
            self._put_back(snapshots, standings)
            self._fail(str(error))
            return False
        except BaseException:
            self._put_back(snapshots, standings)
            raise
        finally:
            group.set()
        telemetry.disk_duration.record(monotonic() - begun, {"frontend": self._frontend})
        if self.failing and not self._snapshots:
            self.failing = False
            log.warning("the last known good is written again", extra={"frontend": self._frontend})
        return True

    def _write(self, snapshots: Mapping[str, Snapshot], standings: Any) -> None:
        for snapshot in snapshots.values():
            self._disk.write(snapshot)
        if standings is not None:
            self._disk.write_standings(standings)

    def _put_back(self, snapshots: Mapping[str, Snapshot], standings: Standings | None) -> None:
        self._snapshots = {**snapshots, **self._snapshots}
        if self._standings is None:
            self._standings = standings

    def _fail(self, reason: str) -> None:
        telemetry.disk_failures.add(1, {"frontend": self._frontend})
        if not self.failing:
            self.failing = True
            log.error(
                "the last known good cannot be written; answers are given all the same",
                extra={"frontend": self._frontend, "reason": reason},
            )
