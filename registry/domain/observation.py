"""What one vantage point says of one endpoint.

A vantage point is a registry node, or a DNS frontend that probes too. It votes only on what
it has once seen well: an endpoint that it could never reach says more about the way there
than about the endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from registry.domain.health import ANSWERS, SUCCESSES, Evidence

ObserverId = NewType("ObserverId", str)
"""`nodes/{node}` or `frontends/{frontend}`."""

LIFETIME_SECONDS = 10.0
"""An observer that says nothing for longer is forgotten: four of its beats."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The last word of one observer on one endpoint."""

    observer: ObserverId
    evidence: Evidence
    """Success, a failure's kind, or NONE: it has not tried, or never found it well."""
    age_seconds: float
    """At most so long ago it was tried."""
    failing_seconds: float = 0.0
    """At least so long it has been failing; means nothing for a success."""
    own: bool = False
    """The word of the one who judges."""

    @property
    def is_well(self) -> bool:
        """Whether it was found serving."""
        return self.evidence in SUCCESSES

    @property
    def is_answer(self) -> bool:
        """Whether the target itself answered no."""
        return self.evidence in ANSWERS
