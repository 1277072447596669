"""What an operator does to a cell's publication: rolls it back, freezes it, pins a plan."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import CellName, Generation


@dataclass(frozen=True, slots=True)
class Rollback:
    """An operator restores the content of an older generation; the cell is frozen with it."""

    restored_generation: Generation
    reason: str
    actor: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """The automation of a cell, or of all (`ALL_CELLS`), is stopped."""

    scope: str
    reason: str
    actor: str
    time_ms: int


ALL_CELLS = "*"
"""The scope of a freeze that every cell is under, those to come included."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A plan that clean-up never deletes."""

    cell: CellName
    generation: Generation
    reason: str
    actor: str
    time_ms: int
