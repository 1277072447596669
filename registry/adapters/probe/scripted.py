"""A probe that answers as it is told: for tests and rehearsals, without any network."""

from __future__ import annotations

from collections import defaultdict, deque

from registry.domain.health import Evidence
from registry.domain.instance import Check
from registry.domain.names import InstanceKey
from registry.ports import Clock

Target = tuple[str, int]
"""Address and port."""


class ScriptedProber:
    """Answers VALIDATED, unless told otherwise for a target."""

    def __init__(self, clock: Clock) -> None:
        self.tried: list[Target] = []
        """Every probe so far, in order."""
        self.under_way = 0
        self.most_under_way = 0
        self._clock = clock
        self._lasting: dict[Target, Evidence] = {}
        self._next: dict[Target, deque[Evidence]] = defaultdict(deque)
        self._slow_seconds: dict[Target, float] = {}

    def __repr__(self) -> str:
        return f"<ScriptedProber {len(self.tried)} tried, {self.under_way} under way>"

    def answer(self, target: Target, evidence: Evidence) -> None:
        """From now on a target answers so."""
        self._lasting[target] = evidence

    def answer_next(self, target: Target, *evidence: Evidence) -> None:
        """The next probes of a target are answered so, before what lasts."""
        self._next[target].extend(evidence)

    def take(self, target: Target, seconds: float) -> None:
        """From now on a target takes so long to answer; past the timeout it is a TIMEOUT."""
        self._slow_seconds[target] = seconds

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        """One try."""
        target = (address, check.port)
        self.tried.append(target)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            seconds = self._slow_seconds.get(target, 0.0)
            await self._clock.sleep(min(seconds, check.timeout_seconds))
            if seconds > check.timeout_seconds:
                return Evidence.TIMEOUT
            if self._next[target]:
                return self._next[target].popleft()
            return self._lasting.get(target, Evidence.VALIDATED)
        finally:
            self.under_way -= 1
