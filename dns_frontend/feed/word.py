"""What a frontend says of a generation to the registry that published it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.context import Context

from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Finding
from dns_frontend.plan.holding import Held


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of a generation to the registry that published it."""

    position: CellPosition
    finding: Finding | None
    """Why it is refused; None when it is served."""
    context: Context | None = None
    """The trace that it belongs to."""
    held: Held = field(default_factory=dict)
    """The names that it lost or emptied, and that are answered as before."""


Speak = Callable[[Word], None]
"""Takes a word for a registry. Must not wait."""


def to_nobody(_: Word) -> None:
    """For a cell whose registry was never heard: what is refused is said when it is."""
