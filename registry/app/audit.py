"""What was done by hand: looked at by operators, and told by frontends that were alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from registry.app.catalog import Page
from registry.app.uptime import Uptime
from registry.domain.audit import Act, AuditEntry, Deed, told_uid
from registry.domain.errors import AuditEntryNotFound, CellNotFound
from registry.domain.names import CellName, FrontendId
from registry.ports import Clock, Store


class Scribe:
    """Writes down what operators do at this node: the store keeps it with the deed itself."""

    def __init__(self, clock: Clock, new_uid: Callable[[], str]) -> None:
        self._clock = clock
        self._new_uid = new_uid

    def deed(self, act: Act, subject: str, actor: str, reason: str) -> Deed:
        """One deed, done now."""
        return Deed(self._new_uid(), act, subject, actor, reason, self._clock.unix_ms())


class Audit:
    """The entries of one registry."""

    def __init__(self, store: Store, uptime: Uptime, cells: Collection[CellName]) -> None:
        self._store = store
        self._uptime = uptime
        self._cells = cells

    async def tell(self, frontend: FrontendId, act_uid: str, deed: Deed) -> None:
        """Keep what was done to a frontend. Durable when it returns; again is no error.

        Raises CellNotFound when the cell is another registry's, and StoreUnavailable.
        """
        if deed.cell not in self._cells:
            raise CellNotFound(f"cells/{deed.cell} does not exist.", name=deed.cell)
        self._uptime.check_answering()
        with self._uptime.asking():
            await self._store.note(
                [replace(deed, uid=told_uid(frontend, act_uid), frontend=frontend)]
            )

    async def entries(
        self, below: tuple[int, str] | None, limit: int
    ) -> Page[AuditEntry, tuple[int, str]]:
        """Entries below a position, the last received first."""
        found = await self._store.audit(below, limit + 1)
        page = found[:limit]
        return Page(page, page[-1].position if len(found) > limit else None)

    async def entry(self, uid: str) -> AuditEntry:
        """One entry. Raises AuditEntryNotFound."""
        found = await self._store.audit_entry(uid)
        if found is None:
            raise AuditEntryNotFound(f"auditEntries/{uid} does not exist.", name=uid)
        return found
