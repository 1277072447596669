"""Reads the plan that a head points to, whatever state the database is in (I10).

What is built on is decided by `domain.foundation`; this fetches what it asks for, and tells
people what was found. What the database cannot give is missing; only a database that does
not answer ends the reading.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from registry.app.uptime import Uptime
from registry.domain.cell_plan import CellPlan
from registry.domain.errors import RegistryError
from registry.domain.foundation import Found, Foundation, Ground, foundation
from registry.domain.names import CellName, Generation
from registry.domain.plan import Head
from registry.domain.served_name import ServedName
from registry.ports import PlanCodec, Store

log = logging.getLogger(__name__)


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
        found = await self._search(head, newest, await self._names())
        if found.ground not in (Ground.SOUND, Ground.EMPTY):
            log.error(
                "the active plan is not as it should be; it is planned anew",
                extra={
                    "cell": self._cell,
                    "generation": head.generation,
                    "built_on": found.ground.value,
                },
            )
        found.plan.taken = newest
        return found.plan

    async def is_kept(self, plan: CellPlan) -> bool:
        """Whether the store still has a generation as it was published. Raises StoreUnavailable."""
        found = await self._find(plan.record.generation)
        return found is not None and found[1] == plan.bodies()

    async def _search(
        self, head: Head, newest: Generation, names: Mapping[str, ServedName]
    ) -> Foundation:
        search = foundation(head, newest, names, self._codec.decode)
        try:
            wanted = next(search)
            while True:
                wanted = search.send(await self._find(wanted))
        except StopIteration as done:
            made: Foundation = done.value
            return made

    async def _find(self, generation: Generation) -> Found:
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
