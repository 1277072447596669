"""The part of the store in memory that holds what was done by hand."""

from __future__ import annotations

from collections.abc import Sequence

from registry.domain import audit
from registry.domain.audit import AuditEntry, Deed
from registry.domain.errors import StoreUnavailable
from registry.ports import Clock


class MemoryAudit:
    """What `MemoryStore` knows of deeds; never used by itself."""

    def __init__(self, clock: Clock) -> None:
        self.outage = False
        self._clock = clock
        self._audit: dict[str, AuditEntry] = {}

    def _answer(self) -> None:
        if self.outage:
            raise StoreUnavailable("the store is down, as asked", retry_after_seconds=1.0)

    def _note(self, *deeds: Deed | None) -> None:
        for deed in deeds:
            if deed is not None:
                self._audit.setdefault(deed.uid, AuditEntry(deed, self._clock.unix_ms()))

    def _prune_audit(self) -> None:
        now_ms = self._clock.unix_ms()
        for kind in (False, True):
            times = sorted(
                (e.receive_time_ms for e in self._audit.values() if bool(e.deed.frontend) is kind),
                reverse=True,
            )
            crowded = times[audit.KEEP_ENTRIES - 1 : audit.KEEP_ENTRIES]
            oldest_ms = audit.oldest_kept_ms(now_ms, crowded[0] if crowded else None)
            self._audit = {
                uid: e
                for uid, e in self._audit.items()
                if bool(e.deed.frontend) is not kind or e.receive_time_ms >= oldest_ms
            }

    async def note(self, deeds: Sequence[Deed]) -> None:
        """Write deeds down; one that is told again changes nothing."""
        self._answer()
        self._note(*deeds)

    async def audit(self, below: tuple[int, str] | None, limit: int) -> Sequence[AuditEntry]:
        """Entries below a position, the last received first."""
        self._answer()
        found = sorted(self._audit.values(), key=lambda e: e.position, reverse=True)
        return [e for e in found if below is None or e.position < below][:limit]

    async def audit_entry(self, uid: str) -> AuditEntry | None:
        """One entry, if it is kept."""
        self._answer()
        return self._audit.get(uid)
