"""What an observer reports of a cell, and what the registry keeps of it: one row, and no more."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import CellName, RegionName
from registry.domain.observation import Findings, ObserverId


@dataclass(frozen=True, slots=True)
class ObserverReport:
    """What an observer says of a cell; without `findings` only that it is there."""

    cell: CellName
    observer: ObserverId
    region: RegionName
    findings: Findings | None
    time_ms: int


@dataclass(frozen=True, slots=True)
class ObserverRecord:
    """An observer of a cell, as the store knows it."""

    cell: CellName
    observer: ObserverId
    region: RegionName
    beat: int
    """Another one with each report: that it moves proves that the observer lives (I36)."""
    version: int
    """Another one with each change of the findings."""
    findings: Findings | None
    """None when they are of a version that was known already."""
    seen_ms: int
    quarantine_ms: int = 0
    """Since when the cell's leader does not believe it; 0 while it does."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Since when a leader does not believe an observer, and why; 0 and nothing when it does."""

    since_ms: int = 0
    why: str = ""
