"""What one vantage point says of one endpoint.

A vantage point is a registry node, or a DNS frontend that probes too. It votes only on what
it has once seen well: an endpoint that it could never reach says more about the way there
than about the endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from registry.domain.health import ANSWERS, SUCCESSES, Evidence
from registry.domain.names import Incarnation

ObserverId = NewType("ObserverId", str)
"""`node.{node}` or `frontend.{frontend}`."""

BEAT_SECONDS = 2.5
"""So often an observer says that it is still there."""
LIFETIME_SECONDS = 10.0
"""The words of an observer that says nothing for longer count no more: four of its beats."""
FINDINGS_LIMIT = 4096
"""More findings than this are not told: an observer with so many has no words that count."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What an observer has to say of a cell: all that it does not find well.

    What is not among them it finds well, so that a report is as long as there is trouble.
    """

    targets: int
    """How many endpoints it probes."""
    failing: Mapping[Incarnation, Evidence]
    """Failures by kind, and NONE for what it has not tried, or never found well."""
    complete: bool = True
    """False: there are more than FINDINGS_LIMIT, so that nothing follows from absence."""
    round_seconds: float = 0.0
    """How long one round of all targets takes, where the observer keeps a pace of its own."""
    connects_only: bool = False
    """It opens connections whatever the check is, and so finds well by TCP checks alone."""


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
