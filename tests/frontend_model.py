"""A frontend without transport: the shipped step of a cell, fed by a registry's plan feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

from dns_frontend.feed.decode import published_of
from dns_frontend.plan.cell import (
    Acknowledge,
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    Event,
    Resync,
    Rules,
    step,
)
from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.guard import Finding, is_servable
from proof.system.frontend import position_of
from registry.app.frontends import Frontends
from registry.app.plan_event import BasePart, Checkpoint, DeltaStep, PlanEvent, Position
from registry.app.plan_feed import PlanFeed
from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName
from registry.ports import Acknowledgement

RULES = Rules()


class FrontendModel:
    """One frontend that follows one cell, and checks that it never goes back (I1)."""

    def __init__(self, cell: CellName, name: str = "dns-1", state: CellState | None = None) -> None:
        self.state = state or CellState(cell)
        self.name = name
        self.refusals: list[Finding] = []
        self._cell = cell
        self._parts: dict[str, Published] = {}

    @property
    def order(self) -> tuple[int, int]:
        """(epoch, generation) of what is served."""
        return self.state.served.order if self.state.served else (0, 0)

    def answers(self) -> dict[str, set[str]]:
        """Entry key to the instances that an answer may name; names with none are left out."""
        if self.state.served is None:
            return {}
        return {
            key: {each.instance for each in entry.entry.endpoints}
            for key, entry in (dict(self.state.served.tree) | dict(self.state.served.held)).items()
            if entry.entry is not None and is_servable(entry.entry)
        }

    def held(self) -> set[str]:
        """Entry keys that the registry lost, and that are answered as before."""
        return set(self.state.served.held) if self.state.served else set()

    def take(self, event: PlanEvent) -> list[Acknowledge | Resync]:
        """Take one event of the feed; what the frontend says to it."""
        match event:
            case BasePart():
                self._parts.update(_published(dict(event.entries)))
                if not event.complete:
                    return []
                tree = EntryTree().replace(self._parts, ())
                self._parts = {}
                return self._step(BaseArrived(0.0, position_of(event.record), tree))
            case DeltaStep():
                return self._step(
                    DeltaArrived(
                        0.0,
                        position_of(event.record),
                        event.record.parent_generation,
                        _published(event.changed),
                        event.removed,
                    )
                )
            case Checkpoint():
                return self._step(CheckpointArrived(0.0, event.epoch, event.generation))

    def _step(self, event: Event) -> list[Acknowledge | Resync]:
        before = self.order
        self.state, effects = step(self.state, event, RULES)
        assert self.order >= before, "I1"
        said = [each for each in effects if isinstance(each, Acknowledge | Resync)]
        self.refusals += [
            each.finding for each in said if isinstance(each, Acknowledge) and each.finding
        ]
        return said

    async def follow(self, feed: PlanFeed, frontends: Frontends) -> None:
        """Follow for ever, as the contract says: a doubt ends the stream, and a new one begins."""
        while True:
            head = self.state.head
            have = (
                []
                if head is None
                else [
                    Position(
                        self._cell,
                        Epoch(head.order[0]),
                        Generation(head.order[1]),
                        head.position.digest,
                    )
                ]
            )
            async with aclosing(feed.watch(FrontendId(self.name), have)) as events:
                async for event in events:
                    said = self.take(event)
                    for each in said:
                        if isinstance(each, Acknowledge):
                            await self._acknowledge(frontends, each)
                    if any(isinstance(each, Resync) for each in said):
                        break
            await asyncio.sleep(0)

    async def _acknowledge(self, frontends: Frontends, word: Acknowledge) -> None:
        await frontends.acknowledge(
            Acknowledgement(
                FrontendId(self.name),
                RegionName(self._cell),
                self._cell,
                Epoch(word.position.epoch),
                Generation(word.position.generation),
                "" if word.finding is None else word.finding.reason,
                0,
            )
        )

    @asynccontextmanager
    async def following(self, feed: PlanFeed, frontends: Frontends) -> AsyncIterator[FrontendModel]:
        """Follow while the block runs."""
        task = asyncio.create_task(self.follow(feed, frontends))
        try:
            yield self
        finally:
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(result, asyncio.CancelledError):
                raise AssertionError("the frontend ended by itself") from result


def _published(entries: Mapping[str, bytes]) -> dict[str, Published]:
    return {key: published_of(key, body, RULES.limits) for key, body in entries.items()}
