"""Reads the plan that a head points to, whatever state the database is in (I10).

the head's plan     what is built on
------------------  -------------------------------------------------------------------
generation 0, and   nothing: the empty start
no plan is stored
can be read         it
is damaged, or      what the rows of `names` keep of each entry; where that cannot be read
cannot be read      either, what can be read of the head's plan, or of the newest older
                    generation that can be read: what names had is to be remembered (I7);
                    so too when the head's own row was lost

Whatever is built on is the head only if its digest is the head's, and the rows of `names`
say of it what they should; else it is published anew.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from registry.app.uptime import Uptime
from registry.domain.cell_plan import CellPlan, Entry, restore
from registry.domain.errors import RegistryError
from registry.domain.names import CellName, Generation
from registry.domain.plan import Head, PlanRecord
from registry.domain.publication import first_record
from registry.domain.served_name import ServedName
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
        newest = await self._newest()
        plan = await self._read(head, newest)
        plan.taken = newest
        return plan

    async def _read(self, head: Head, newest: Generation) -> CellPlan:
        lost = first_record(self._cell, head.epoch, head.generation, head.digest)
        names = await self._names()
        if max(head.generation, newest) == 0:
            return self._remembered(CellPlan(lost), names)
        found = await self._find(head.generation) if head.generation else None
        if found is not None:
            record, bodies = found
            plan = restore(replace(record, digest=head.digest), bodies, self._codec.decode)
            if plan.is_sound and names != plan.names():
                log.error("what is known of the names contradicts the head", extra=_where(plan))
                plan.is_sound = False
            elif not plan.is_sound:
                log.error("the active plan is damaged; it is planned anew", extra=_where(plan))
                plan = self._remembered(await self._mended(plan), names)
            return plan
        log.error(
            "the active plan cannot be read; it is planned anew",
            extra={"cell": self._cell, "generation": head.generation},
        )
        async for record, bodies in self._older(Generation(max(head.generation, newest) + 1)):
            log.warning(
                "an older plan is built on",
                extra={"cell": self._cell, "generation": record.generation},
            )
            plan = await self._mended(restore(lost, bodies, self._codec.decode))
            return self._remembered(plan, names)
        return self._remembered(CellPlan(lost), names)

    async def _mended(self, plan: CellPlan) -> CellPlan:
        """The plan without octets that nobody understands: an older entry, or none."""
        broken = {key for key, entry in plan.entries.items() if entry.plan is None}
        if not broken:
            return plan
        entries = {key: entry for key, entry in plan.entries.items() if key not in broken}
        async for _, bodies in self._older(plan.record.generation):
            older = {key: bodies[key] for key in broken & bodies.keys()}
            found = restore(plan.record, older, self._codec.decode).entries
            entries |= {key: entry for key, entry in found.items() if entry.plan is not None}
            broken -= entries.keys()
            if not broken:
                break
        return _unsound(plan.record, entries)

    def _remembered(self, plan: CellPlan, names: Mapping[str, ServedName]) -> CellPlan:
        """The plan, with what the rows of names keep of each entry put over it."""
        bodies = {key: name.body for key, name in names.items() if name.body is not None}
        known = restore(plan.record, bodies, self._codec.decode).entries
        kept = {key: entry for key, entry in known.items() if entry.plan is not None}
        return _unsound(plan.record, plan.entries | kept) if kept else plan

    async def _older(
        self, generation: Generation
    ) -> AsyncIterator[tuple[PlanRecord, Mapping[str, bytes]]]:
        for distance in (2**n for n in range(OLDER_TRIES)):
            if distance >= generation:
                return
            found = await self._find(Generation(generation - distance))
            if found is not None:
                yield found

    async def _find(self, generation: Generation) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
        try:
            with self._uptime.asking():
                return await self._store.read_plan(self._cell, generation)
        except RegistryError:
            raise
        except Exception:
            log.exception("a plan cannot be read", extra={"cell": self._cell})
            return None

    async def _newest(self) -> Generation:
        try:
            with self._uptime.asking():
                return await self._store.newest_stored(self._cell)
        except RegistryError:
            raise
        except Exception:
            log.exception("the plans cannot be looked through", extra={"cell": self._cell})
            return Generation(0)

    async def _names(self) -> Mapping[str, ServedName]:
        try:
            with self._uptime.asking():
                return await self._store.names(self._cell)
        except RegistryError:
            raise
        except Exception:
            log.exception("what is known of names cannot be read", extra={"cell": self._cell})
            return {}


def _unsound(record: PlanRecord, entries: Mapping[str, Entry]) -> CellPlan:
    plan = CellPlan(record, entries)
    plan.is_sound = False
    return plan


def _where(plan: CellPlan) -> dict[str, object]:
    return {"cell": plan.record.cell, "generation": plan.record.generation}
