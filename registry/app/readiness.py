"""Which regions of this registry could answer for others, service by service (I29)."""

from __future__ import annotations

from collections.abc import Mapping

from registry import telemetry
from registry.app.mirror import Mirror
from registry.domain.instance import Instance
from registry.domain.names import CellName, RegionName, ServiceKey
from registry.domain.readiness import stands_in
from registry.domain.service import FailoverPolicy
from registry.ports import Clock

SLICE = 64
"""Services looked at before others may run."""


class Readiness:
    """Answers from the mirror."""

    def __init__(self, mirror: Mirror, cells: Mapping[CellName, RegionName]) -> None:
        self._mirror = mirror
        self._cells = cells

    def regions(self, key: ServiceKey) -> tuple[RegionName, ...]:
        """Those that stand in, in the order in which the registry was told of them."""
        return tuple(region for cell, region in self._cells.items() if self.is_ready(key, cell))

    def is_ready(self, key: ServiceKey, cell: CellName) -> bool:
        """Whether a cell's instances of a service are fit to answer for other regions."""
        service = self._mirror.services.get(key)
        if service is None or service.tombstone_time_ms is not None:
            return False
        found: list[Instance] = [
            instance
            for instance in self._mirror.by_service.get(key, {}).values()
            if instance.registration.cell == cell
        ]
        failover = FailoverPolicy() if service.policy is None else service.policy.failover
        return stands_in(found, failover)

    async def measure(self, cell: CellName, clock: Clock) -> None:
        """Tell how many services of a cell are ready, and how many are not.

        Services that have no instance in the cell are not asked for there.
        """
        ready = unready = 0
        for number, (key, instances) in enumerate(list(self._mirror.by_service.items()), start=1):
            if any(each.registration.cell == cell for each in instances.values()):
                is_ready = self.is_ready(key, cell)
                ready += is_ready
                unready += not is_ready
            if number % SLICE == 0:
                await clock.sleep(0.0)
        for word, count in (("yes", ready), ("no", unready)):
            telemetry.services_ready.set(count, {"cell": cell, "ready": word})
