"""Another observer of a cell, as the cell's leader hears it."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.domain.health import Evidence
from registry.domain.instance import Check
from registry.domain.names import Incarnation
from registry.domain.observation import LIFETIME_SECONDS, Findings, ObserverId
from registry.domain.quarantine import Trust


@dataclass(slots=True)
class Witness:
    """Another observer."""

    id: ObserverId
    first_seconds: float
    beat: int
    beat_seconds: float | None = None
    """When its beat last moved; None while it has not since this node leads."""
    version: int = 0
    findings: Findings = field(default_factory=lambda: Findings(0, {}, complete=False))
    failing_since: dict[Incarnation, float] = field(default_factory=dict)
    trust: Trust = field(default_factory=Trust)
    why: str = ""

    def round_seconds(self, check: Check) -> float:
        """The longest time in which it tries an endpoint once and has its answer."""
        own = self.findings.round_seconds
        return (own or check.interval_seconds) + check.timeout_seconds

    def is_heard(self, now: float) -> bool:
        """Whether its words count, but for quarantine."""
        return (
            self.beat_seconds is not None
            and now - self.beat_seconds <= LIFETIME_SECONDS
            and self.findings.complete
        )

    def renew(self, findings: Findings, now: float) -> set[Incarnation]:
        """Take in new findings; returns on whom the word has changed."""
        before = self.findings.failing
        self.findings = findings
        self.failing_since = {
            incarnation: self.failing_since.get(incarnation, now)
            for incarnation, evidence in findings.failing.items()
            if evidence is not Evidence.NONE
        }
        return {
            incarnation
            for incarnation in before.keys() | findings.failing.keys()
            if before.get(incarnation) is not findings.failing.get(incarnation)
        }
