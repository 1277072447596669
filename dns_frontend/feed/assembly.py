"""Puts a whole generation together from the parts that a stream sends.

Done in small steps, so that queries are answered between them, and bounded: a
registry that never stops sending makes this frontend's memory no larger (I9).
"""

from __future__ import annotations

import asyncio

from dns_frontend.feed.decode import MalformedMessageError, published_of
from dns_frontend.plan.cell import BaseArrived
from dns_frontend.plan.digest import EntryTree, TreeBuilder
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits
from sheetanchor.v1 import publication_service_pb2

ENTRIES_AT_ONCE = 32
"""Entries read before others of the event loop get their turn."""


class Assembly:
    """One generation in the making."""

    def __init__(self, position: CellPosition, limits: Limits) -> None:
        self.position = position
        self._limits = limits
        self._builder = TreeBuilder()
        self._octets = 0

    def __repr__(self) -> str:
        at = self.position
        return f"<Assembly {at.cell}@{at.generation} entries={len(self._builder)}>"

    async def add(self, part: publication_service_pb2.PlanBase) -> None:
        """Take in one part. Raises MalformedMessageError."""
        for count, entry in enumerate(part.entries, 1):
            self._octets += len(entry.key) + len(entry.body)
            # what a guard would refuse as well, but only after all of it was held
            if len(self._builder) >= self._limits.services or self._octets > self._limits.octets:
                raise MalformedMessageError(
                    f"cell {self.position.cell} sends more than {self._limits.services} services "
                    f"or {self._limits.octets} octets"
                )
            try:
                self._builder.add(entry.key, published_of(entry.key, entry.body, self._limits))
            except ValueError as error:
                raise MalformedMessageError(f"cell {self.position.cell}: {error}") from error
            if count % ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def finish(self, now: float) -> BaseArrived:
        """The event that the complete generation is."""
        tree: EntryTree | None = None
        for count, built in enumerate(self._builder.build()):
            tree = built
            if count % ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)
        assert tree is not None, "the last thing built is the tree"
        return BaseArrived(now, self.position, tree)
