"""What a frontend that probes has to try: the endpoints of its plans, kept as they change.

A generation that is served costs what it changed; one that is served still costs nothing, so
a round of probes begins without a look at the plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from dns_frontend.plan.cell import CellState
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.entry import Health, Protocol, ServiceEntry

SLICE = 256
"""Entries read at a stretch, before queries are answered again."""


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint to connect to."""

    cell: str
    region: str
    incarnation: str
    addresses: tuple[str, ...]
    port: int


@dataclass(slots=True)
class _Cell:
    """The targets of one cell, by entry, and the content that they are of."""

    region: str
    tree: EntryTree
    by_entry: dict[str, tuple[Target, ...]] = field(default_factory=dict)


class Targets:
    """For one event loop."""

    def __init__(self) -> None:
        self.all: Sequence[Target] = ()
        """Those of all cells; another sequence when anything has changed."""
        self.read = 0
        """Entries read so far."""
        self._cells: dict[str, _Cell] = {}

    def __repr__(self) -> str:
        return f"<Targets {len(self.all)} in {sorted(self._cells)}>"

    async def follow(self, states: Iterable[CellState]) -> bool:
        """Take in what is served now; whether that is anything else than before."""
        changed = False
        served = {state.cell: state.served for state in states if state.served is not None}
        for gone in self._cells.keys() - served.keys():
            del self._cells[gone]
            changed = True
        for cell, snapshot in served.items():
            known, region = self._cells.get(cell), snapshot.position.region
            if known is None or known.region != region:
                known = self._cells[cell] = _Cell(region, EntryTree())
            if known.tree is snapshot.tree:
                continue
            changed |= await self._step(cell, known, snapshot.tree)
        if changed:
            self.all = tuple(
                chain.from_iterable(
                    targets for known in self._cells.values() for targets in known.by_entry.values()
                )
            )
        return changed

    async def _step(self, cell: str, known: _Cell, tree: EntryTree) -> bool:
        changed = False
        if not len(known.tree):
            # all of it, and not at a stretch
            for number, leaf in enumerate(tree.leaves(), start=1):
                changed |= self._put(cell, known, leaf.key, leaf.published.entry)
                if number % SLICE == 0:
                    await asyncio.sleep(0)
        else:
            difference = known.tree.difference(tree)
            for key in difference.removed:
                changed |= known.by_entry.pop(key, None) is not None
            for key, published in difference.changed.items():
                changed |= self._put(cell, known, key, published.entry)
        known.tree = tree
        return changed

    def _put(self, cell: str, known: _Cell, key: str, entry: ServiceEntry | None) -> bool:
        self.read += 1
        targets = tuple(_targets(cell, known.region, entry)) if entry is not None else ()
        before = known.by_entry.get(key, ())
        if targets:
            known.by_entry[key] = targets
        else:
            known.by_entry.pop(key, None)
        return targets != before


def _targets(cell: str, region: str, entry: ServiceEntry) -> Iterable[Target]:
    """Endpoints that were validated once, with a TCP port."""
    for endpoint in entry.endpoints:
        port = next((p for p in endpoint.ports if p.protocol is Protocol.TCP), None)
        known = endpoint.health in (Health.HEALTHY, Health.UNHEALTHY)
        if port is not None and known and endpoint.incarnation:
            yield Target(cell, region, endpoint.incarnation, endpoint.addresses, port.number)
