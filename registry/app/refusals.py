"""Has the database say what the guard refuses of a cell, so that operators read it at any node.

It is told when it has changed, and hinders nothing: what cannot be written down is in the
leader's log all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from registry.app.uptime import Uptime
from registry.domain.errors import RegistryError
from registry.domain.guard import Finding
from registry.domain.operation import Fence
from registry.domain.refused_entry import RefusedEntry, told
from registry.ports import Store

log = logging.getLogger(__name__)


class Refusals:
    """What was last told of one cell, while this node leads it."""

    def __init__(self, store: Store, uptime: Uptime) -> None:
        self._store = store
        self._uptime = uptime
        self._told: tuple[RefusedEntry, ...] | None = None

    def __repr__(self) -> str:
        return f"<Refusals told={self._told}>"

    def begin(self) -> None:
        """A lead begins: another may have told something else meanwhile."""
        self._told = None

    async def tell(self, fence: Fence, refused: Mapping[str, Finding]) -> None:
        """Write down what is refused now. Raises LeadershipLost, CellFrozen, StoreUnavailable."""
        now = told({key: (each.rule.value, each.reason) for key, each in refused.items()})
        if now == self._told:
            return
        try:
            with self._uptime.asking():
                await self._store.refuse(fence, now)
        except RegistryError:
            raise
        except Exception:
            log.exception("what is refused cannot be written down", extra={"cell": fence.cell})
        self._told = now
