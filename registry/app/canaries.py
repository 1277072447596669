"""The canary frontends of this registry: which there are, and what they say of stages (I19).

What a frontend is for is heard when it begins to watch, and written by `run`, so that no
watch waits for the database (I15). What it says of a stage is written at once, for the one
who judges may be another node.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.app.alarm import Alarm
from registry.app.mirror import Mirror
from registry.app.plan_feed import PlanFeed
from registry.app.uptime import Uptime
from registry.domain.errors import (
    CellNotFound,
    FieldViolation,
    InvalidField,
    StoreUnavailable,
)
from registry.domain.names import CellName, FrontendId, RegionName
from registry.domain.role import Role
from registry.domain.stage_report import StageReport
from registry.ports import (
    Clock,
    Store,
)

ALIVE_SECONDS = 30.0
"""How often the store is told that a watching canary is alive."""
SILENCE_SECONDS = 300.0
"""A canary not heard of for longer is not waited for: a change acts at once then."""


@dataclass(frozen=True, slots=True)
class _Watcher:
    region: RegionName
    role: Role


class Canaries:
    """What this node heard of canaries, and what the store knows of those of other nodes."""

    def __init__(
        self, store: Store, feed: PlanFeed, mirror: Mirror, clock: Clock, uptime: Uptime
    ) -> None:
        self._store = store
        self._feed = feed
        self._mirror = mirror
        self._clock = clock
        self._uptime = uptime
        self._canaries: dict[FrontendId, _Watcher] = {}
        self._unwritten: dict[FrontendId, _Watcher] = {}
        self._alarm = Alarm(clock)

    def __repr__(self) -> str:
        return f"<Canaries {sorted(self._canaries)}, {len(self._unwritten)} unwritten>"

    def introduce(self, frontend: FrontendId, region: RegionName, role: Role) -> None:
        """A frontend begins to watch, and says what it is for."""
        watcher = _Watcher(region, role)
        if role is Role.CANARY:
            self._canaries[frontend] = watcher
        else:
            self._canaries.pop(frontend, None)
        self._unwritten[frontend] = watcher
        self._alarm.ring()

    async def any_alive(self) -> bool:
        """Whether a canary follows this registry, here or at another node.

        Raises StoreUnavailable: not to know is no reason to go without (I39).
        """
        if not self._canaries.keys().isdisjoint(self._feed.watchers):
            return True
        oldest_ms = self._clock.unix_ms() - round(SILENCE_SECONDS * 1000)
        with self._uptime.asking():
            known = await self._store.frontends()
        return any(each.role is Role.CANARY and each.seen_ms >= oldest_ms for each in known)

    async def report(self, cell: CellName, report: StageReport) -> None:
        """Take a canary's word. What is said of a stage that does not bake is let go.

        Raises CellNotFound, InvalidField, StoreUnavailable.
        """
        if cell not in self._feed.cells:
            raise CellNotFound(f"cells/{cell} does not exist.", name=cell)
        if report.frontend not in self._canaries:
            raise InvalidField(
                FieldViolation(
                    "frontend_id",
                    f"{report.frontend} does not follow this node as a canary; watch plans with "
                    "ROLE_CANARY first",
                )
            )
        service = self._mirror.services.get(report.service)
        baking = None if service is None else service.baking
        if baking is None or baking.uid != report.stage_uid:
            return
        with self._uptime.asking():
            await self._store.report_stage(report)

    async def run(self) -> None:
        """Write what frontends are for, for ever."""
        next_alive = self._clock.monotonic() + ALIVE_SECONDS
        while True:
            await self._alarm.wait(max(0.0, next_alive - self._clock.monotonic()))
            if self._clock.monotonic() >= next_alive:
                next_alive = self._clock.monotonic() + ALIVE_SECONDS
                watching = set(self._feed.watchers)
                self._canaries = {k: v for k, v in self._canaries.items() if k in watching}
                for frontend, watcher in self._canaries.items():
                    self._unwritten.setdefault(frontend, watcher)
            try:
                await self.flush()
            except StoreUnavailable as error:
                self._alarm.ring()
                await self._clock.sleep(error.retry_after_seconds)

    async def flush(self) -> None:
        """Write what is unwritten. Raises StoreUnavailable; the rest is kept then."""
        for frontend, watcher in list(self._unwritten.items()):
            with self._uptime.asking():
                await self._store.note_role(frontend, watcher.region, watcher.role)
            if self._unwritten.get(frontend) is watcher:
                del self._unwritten[frontend]
