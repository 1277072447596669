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
        self.octets = 0

    def __len__(self) -> int:
        return len(self._builder)

    def __repr__(self) -> str:
        at = self.position
        return f"<Assembly {at.cell}@{at.generation} entries={len(self._builder)}>"

    async def add(self, part: publication_service_pb2.PlanBase) -> None:
        """Take in one part. Raises MalformedMessageError."""
        for count, entry in enumerate(part.entries, 1):
            self.octets += len(entry.key) + len(entry.body)
            # what a guard would refuse as well, but only after all of it was held
            if len(self._builder) >= self._limits.services or self.octets > self._limits.octets:
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


class Assemblies:
    """The generations that a stream has begun to send, and not ended: of each cell the last.

    Together they are bounded as one cell is (I9): what many cells have begun is no more than
    what one may have. The greatest is given up for the others, and may be asked for again.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._begun: dict[str, Assembly] = {}

    def __repr__(self) -> str:
        return f"<Assemblies {list(self._begun.values())}>"

    @property
    def octets(self) -> int:
        """All that is held."""
        return sum(each.octets for each in self._begun.values())

    async def add(
        self, cell: str, position: CellPosition, part: publication_service_pb2.PlanBase
    ) -> str:
        """Take in one part. Returns the cell that is given up for it; empty when none is.

        Raises MalformedMessageError.
        """
        assembly = self._begun.get(cell)
        if assembly is None or assembly.position != position:
            assembly = self._begun[cell] = Assembly(position, self._limits)
        await assembly.add(part)
        entries = sum(len(each) for each in self._begun.values())
        if self.octets <= self._limits.octets and entries <= self._limits.services:
            return ""
        greatest = max(self._begun.items(), key=lambda each: (each[1].octets, len(each[1])))[0]
        self.give_up(greatest)
        return greatest

    def take(self, cell: str) -> Assembly:
        """The complete one of a cell, which is held no longer. Raises KeyError."""
        return self._begun.pop(cell)

    def give_up(self, cell: str) -> None:
        """Hold nothing of the cell."""
        self._begun.pop(cell, None)
