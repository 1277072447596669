"""Reads the plan that a head points to, whatever state the database is in (I10).

the head's plan     what is built on
------------------  -------------------------------------------------------------------
generation 0        nothing: the empty start
can be read         it
cannot be read      the newest older generation that can, so that what names had is
                    remembered (I7); it is not what the head says, and so published anew
none can be read    nothing, likewise
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from registry.app.uptime import Uptime
from registry.domain.cell_plan import CellPlan, restore
from registry.domain.errors import RegistryError
from registry.domain.names import CellName, Generation
from registry.domain.plan import Head, PlanRecord
from registry.domain.publication import first_record
from registry.ports import PlanCodec, Store

log = logging.getLogger(__name__)

OLDER_TRIES = 17
"""Older generations tried: 1, 2, 4, ... 65,536 before the head."""


class PlanReader:
    """Reads plans of one cell."""

    def __init__(self, store: Store, codec: PlanCodec, uptime: Uptime, cell: CellName) -> None:
        self._store = store
        self._codec = codec
        self._uptime = uptime
        self._cell = cell

    async def read(self, head: Head) -> CellPlan:
        """The plan to build on. Raises StoreUnavailable."""
        lost = first_record(self._cell, head.epoch, head.generation, head.digest)
        if head.generation == 0:
            return CellPlan(lost)
        found = await self._find(head.generation)
        if found is not None:
            record, bodies = found
            plan = restore(replace(record, digest=head.digest), bodies, self._codec.decode)
            if not plan.is_sound:
                log.error("the active plan is damaged; it is planned anew", extra=_where(plan))
            return plan
        log.error(
            "the active plan cannot be read; it is planned anew",
            extra={"cell": self._cell, "generation": head.generation},
        )
        for distance in (2**n for n in range(OLDER_TRIES)):
            if distance >= head.generation:
                break
            found = await self._find(Generation(head.generation - distance))
            if found is not None:
                log.warning(
                    "an older plan is built on",
                    extra={"cell": self._cell, "generation": found[0].generation},
                )
                return restore(lost, found[1], self._codec.decode)
        return CellPlan(lost)

    async def _find(self, generation: Generation) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
        try:
            with self._uptime.asking():
                return await self._store.read_plan(self._cell, generation)
        except RegistryError:
            raise
        except Exception:
            log.exception("a plan cannot be read", extra={"cell": self._cell})
            return None


def _where(plan: CellPlan) -> dict[str, object]:
    return {"cell": plan.record.cell, "generation": plan.record.generation}
