"""What decisions about a cell go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dns_frontend.plan.digest import nobody_waits
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.velocity import Merge, VelocityLimits


@dataclass(frozen=True, slots=True)
class Rules:
    """What `cell.step` goes by."""

    limits: Limits = field(default_factory=Limits)
    suspicion_seconds: float = 300.0
    """How long a generation is held back that is only suspicious (`Finding.may_pass`), and a
    removal that comes too fast (`velocity`)."""
    retry_seconds: float = 5.0
    """How long the next one waits after one that could not be served: a trial costs the
    whole cell's answers."""
    velocity: VelocityLimits = field(default_factory=VelocityLimits)
    merge: Merge | None = None
    """Makes entries with held endpoints; None: no removal is held here, as where no octets are."""
    between: Callable[[], None] = nobody_waits
    """Called between the parts of a decision, which has no effect before it is made: whoever
    waits meanwhile is answered from what is served. Never raises."""
