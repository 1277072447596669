"""What a cell's leader grants and holds of removals, and says of it.

The budgets are `domain.velocity`; this keeps them across leaders, and tells people when
they hold something (I8): one alert a cell when it begins, one word when it is over, and a
number for each reason meanwhile.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from registry import telemetry
from registry.app.uptime import Uptime
from registry.domain.cell_plan import CellPlan, Entry
from registry.domain.errors import RegistryError
from registry.domain.instance import Instance
from registry.domain.names import CellName, Generation, InstanceId, ServiceKey
from registry.domain.plan import ServicePlan
from registry.domain.protection import Agrees, nobody_else, protect, take_stock
from registry.domain.track import TrackRecord
from registry.domain.velocity import Reason, Tracks, Velocity
from registry.ports import Clock, Store

log = logging.getLogger(__name__)


class Removals:
    """The removals of one cell, for as long as this node leads it."""

    def __init__(self, cell: CellName, store: Store, clock: Clock, uptime: Uptime) -> None:
        self.agrees: Agrees = nobody_else
        """The other vantage points, as this reign hears them."""
        self._cell = cell
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._velocity = Velocity()
        self._is_restored = False
        self._held: dict[str, Counter[Reason]] = {}
        """How many endpoints of each entry are held for what."""
        self._is_breached = False

    def __repr__(self) -> str:
        return f"<Removals {self._velocity!r}, {len(self._held)} names with held ones>"

    def begin(self) -> None:
        """A new lead: what was granted meanwhile, others know."""
        self._velocity = Velocity()
        self._is_restored = False

    async def align(self, plan: CellPlan) -> None:
        """Go on from what is published. Raises StoreUnavailable."""
        if not self._is_restored:
            tracks = await self._read()
            self._velocity.restore(tracks, self._clock.monotonic(), self._clock.unix_ms())
            self._is_restored = True
        take_stock(plan.entries.values(), self._velocity, self._clock.monotonic())
        self._held = {}
        self.published(plan.entries, plan.record.generation)

    def protect(
        self,
        planned: ServicePlan,
        published: ServicePlan | None,
        instances: Mapping[InstanceId, Instance],
    ) -> ServicePlan:
        """The plan, with marks on what has to stay in the answers."""
        return protect(
            planned,
            published,
            instances,
            self._velocity,
            now=self._clock.monotonic(),
            unix_ms=self._clock.unix_ms(),
            agrees=self.agrees,
        )

    def records(self) -> Tracks:
        """What the next publication is to write."""
        return self._velocity.records(self._clock.monotonic(), self._clock.unix_ms())

    def kept(self, records: Tracks) -> None:
        """They are written."""
        self._velocity.kept(records)

    # published
    #
    #   held by budgets or floors before  now   said
    #   --------------------------------  ----  -------------------------------
    #   none                              some  one error, and one breach counted
    #   some                              some  nothing: it is known
    #   some                              none  one warning: it is over
    #
    # What a human keeps is counted with the held, and is nobody's alert.
    def published(self, entries: Mapping[str, Entry | None], generation: Generation) -> None:
        """These entries are published now."""
        for key, entry in entries.items():
            plan = None if entry is None else entry.plan
            held = Counter(
                endpoint.hold.reason
                for endpoint in (() if plan is None else plan.endpoints)
                if endpoint.hold is not None
            )
            if held:
                self._held[key] = held
            else:
                self._held.pop(key, None)
        totals: Counter[Reason] = Counter()
        for held in self._held.values():
            totals.update(held)
        for reason in Reason:
            telemetry.removals_held.set(
                totals[reason], {"cell": self._cell, "reason": reason.value}
            )
        breaches = [reason for reason in totals if reason is not Reason.KEPT]
        if breaches and not self._is_breached:
            telemetry.velocity_breaches.add(1, {"cell": self._cell})
            key, reason = self._first()
            log.error(
                "removals are held: more would leave the answers than the budgets allow",
                extra={
                    "cell": self._cell,
                    "generation": generation,
                    "entry": key,
                    "reason": reason.value,
                    "held": sum(totals[each] for each in breaches),
                },
            )
        elif self._is_breached and not breaches:
            log.warning("no removal is held any more", extra={"cell": self._cell})
        self._is_breached = bool(breaches)

    def _first(self) -> tuple[str, Reason]:
        return next(
            (key, reason)
            for key, held in sorted(self._held.items())
            for reason in held
            if reason is not Reason.KEPT
        )

    async def _read(self) -> Mapping[ServiceKey | None, TrackRecord]:
        try:
            with self._uptime.asking():
                return await self._store.tracks(self._cell)
        except RegistryError:
            raise
        except Exception:
            # Whatever the database holds, a plan is published (I10).
            log.exception("the records of removals cannot be read", extra={"cell": self._cell})
            return {}
