"""What frontends say of the generations they are given, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName
from registry.domain.role import Role


@dataclass(frozen=True, slots=True)
class HeldNames:
    """Services that a frontend goes on answering though the generation lost them (I7)."""

    count: int = 0
    services: tuple[str, ...] = ()
    """The first of them, by resource name."""
    reason: str = ""


NOTHING_HELD = HeldNames()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a frontend did with a generation; `refusal` is empty when it applied it."""

    frontend: FrontendId
    region: RegionName
    cell: CellName
    epoch: Epoch
    generation: Generation
    refusal: str
    time_ms: int
    held: HeldNames = NOTHING_HELD


@dataclass(frozen=True, slots=True)
class FrontendCell:
    """What one frontend last said of one cell."""

    cell: CellName
    epoch: Epoch
    generation: Generation
    refused_generation: Generation
    refusal: str
    time_ms: int
    held: HeldNames = NOTHING_HELD


@dataclass(frozen=True, slots=True)
class FrontendRecord:
    """A frontend as the registry knows it."""

    id: FrontendId
    region: RegionName
    cells: tuple[FrontendCell, ...]
    seen_ms: int
    role: Role = Role.SERVING
