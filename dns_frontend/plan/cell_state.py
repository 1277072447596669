"""What is known of one cell at this frontend: what is answered from, and what is kept aside."""

from __future__ import annotations

from dataclasses import dataclass, field

from dns_frontend.plan.cell_event import Snapshot
from dns_frontend.plan.guard import Finding
from dns_frontend.plan.velocity import Pace


@dataclass(frozen=True, slots=True)
class Refused:
    """A verified generation that is kept from being served."""

    snapshot: Snapshot
    finding: Finding
    since: float
    """When this rule began to refuse without a break, by the monotonic clock."""
    waits: bool = False
    """Whether it is only held back for its turn, and has not been found wrong itself."""


@dataclass(frozen=True, slots=True)
class CellState:
    """What is known of one cell."""

    cell: str
    served: Snapshot | None = None
    refused: Refused | None = None
    pin: str = ""
    """Who pinned what is served, and why; empty when nothing is pinned."""
    before: Snapshot | None = None
    """What was served before the pin: what the chain is judged against when it is lifted."""
    confirmed_at: float | None = None
    """When `served` was last known to be the head, by the monotonic clock."""
    pace: Pace = field(default_factory=Pace)
    """What left the answers of late, and what is kept from leaving (I8)."""

    def __repr__(self) -> str:
        at = self.served.position if self.served else None
        where = f"epoch {at.epoch} generation {at.generation}" if at else "nothing"
        doubt = f", refusing {self.refused.finding.rule.value}" if self.refused else ""
        return f"<CellState {self.cell}: {where}{doubt}>"

    @property
    def head(self) -> Snapshot | None:
        """The newest verified generation, which the next delta must build on."""
        return self.refused.snapshot if self.refused else self.served
