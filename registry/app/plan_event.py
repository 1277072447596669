"""What a watcher of plan chains is told, one message each.

For one cell the order is: a base (its last part is `complete`) unless the watcher's
own position can be brought up by deltas; then deltas without a gap; checkpoints
between. An event never mixes cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.domain.names import CellName, Epoch, Generation, RegionName
from registry.domain.plan import PlanRecord


@dataclass(frozen=True, slots=True)
class Position:
    """A point in one cell's chain, as a watcher claims to have it."""

    cell: CellName
    epoch: Epoch
    generation: Generation
    digest: bytes


def position_of(record: PlanRecord) -> Position:
    """Where a generation stands."""
    return Position(record.cell, record.epoch, record.generation, record.digest)


@dataclass(frozen=True, slots=True)
class BasePart:
    """Part of a whole generation: `record` is the same in all parts."""

    record: PlanRecord
    region: RegionName
    entries: tuple[tuple[str, bytes], ...]
    """Keys and encoded bodies, in order of key."""
    complete: bool
    """True on the last part."""

    @property
    def cell(self) -> CellName:
        """The cell of the generation."""
        return self.record.cell


@dataclass(frozen=True, slots=True)
class DeltaStep:
    """The step from `record.parent_generation` to `record.generation`."""

    record: PlanRecord
    region: RegionName
    changed: Mapping[str, bytes]
    removed: tuple[str, ...]

    @property
    def cell(self) -> CellName:
        """The cell of the generation."""
        return self.record.cell


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Proof of freshness: at `time_ms` the head was this generation."""

    cell: CellName
    epoch: Epoch
    generation: Generation
    time_ms: int


PlanEvent = BasePart | DeltaStep | Checkpoint
