"""Tells people of entries that are published in part, because they are too large (I9)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from registry import telemetry
from registry.domain.cell_plan import Entry
from registry.domain.names import CellName

log = logging.getLogger(__name__)


class Omissions:
    """The endpoints that the active generation of one cell leaves out."""

    def __init__(self, cell: CellName) -> None:
        self._cell = cell
        self._omitted: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Omissions {self._cell}: {self._omitted}>"

    def align(self, entries: Mapping[str, Entry]) -> None:
        """Go on from a whole generation."""
        for key in self._omitted.keys() - entries.keys():
            del self._omitted[key]
        self.published(entries)

    # published
    #
    #   left out of the entry before  now   said
    #   ----------------------------  ----  ----------------------------
    #   none                          some  one error
    #   some                          some  nothing: it is known
    #   some                          none  one warning: it is whole again
    def published(self, entries: Mapping[str, Entry | None]) -> None:
        """These entries are published now."""
        for key, entry in entries.items():
            plan = None if entry is None else entry.plan
            omitted = 0 if plan is None else plan.omitted
            before = self._omitted.pop(key, 0)
            if omitted:
                self._omitted[key] = omitted
            if omitted and not before:
                log.error(
                    "a service is too large for an entry: some of its endpoints are left out",
                    extra={"cell": self._cell, "entry": key, "omitted": omitted},
                )
            elif before and not omitted:
                log.warning(
                    "all endpoints of a service are published again",
                    extra={"cell": self._cell, "entry": key},
                )
        telemetry.endpoints_omitted.set(sum(self._omitted.values()), {"cell": self._cell})
