"""Whether an observer is to be believed (I14).

One that sees the targets of many unrelated services fail at once, while others find them
well or their heartbeats come in, has lost its own sight. Its words count for nothing until
it has seen like the others for a while, and it is told as being in quarantine.

Targets of one service are related: a bad version takes all of them. So services are counted,
not targets, and a few that fail together are no reason for suspicion.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from registry.domain.health import Evidence

MASS_SHARE = 0.4
"""Of the services that have served endpoints; more than this at once is no coincidence."""
MASS_LEAST = 3
"""Fewer failing services than this are no mass, whatever their share."""
ROUND_SECONDS = 5.0
"""One default interval of probes: each target was tried."""
GOOD_ROUNDS = 3
"""So many rounds without contradiction, one after the other, end a quarantine."""
HEARTBEAT_SECONDS = 6.0
"""One default interval of heartbeats and some: who is silent for longer is not heard either."""


class Gainsaid(Enum):
    """Who contradicts an observer."""

    OTHERS = "others"
    """Most other observers find the targets well."""
    HEARTBEATS = "heartbeats"
    """There are no other observers, and the targets' heartbeats come in."""


@dataclass(frozen=True, slots=True)
class Look:
    """What an observer sees of a cell, in services. Only served endpoints are counted."""

    services: int
    """Services of which it knows the way to an endpoint."""
    failing: int = 0
    """Those of which more than half of the endpoints fail for it."""
    gainsaid: int = 0
    """Those of the failing of which more than half of the failing endpoints are gainsaid."""
    by: Gainsaid = Gainsaid.OTHERS

    @property
    def is_mass(self) -> bool:
        """Whether so many fail that the observer itself is in doubt."""
        return self.failing >= MASS_LEAST and self.failing > MASS_SHARE * self.services

    @property
    def is_blind(self) -> bool:
        """Whether it is contradicted about most of what fails in a mass."""
        return self.is_mass and 2 * self.gainsaid > self.failing


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether an observer's words count. Times are monotonic seconds."""

    quarantined: bool = False
    since_seconds: float = 0.0
    """When it last entered or left quarantine."""
    look: Look | None = None
    """What it saw when it was last found blind."""
    good_rounds: int = 0
    round_seconds: float = 0.0
    """When the last round was counted."""

    @property
    def why(self) -> str:
        """Why it is in quarantine, for people; empty while it is not."""
        if not self.quarantined or self.look is None:
            return ""
        seen = f"{self.look.failing} of {self.look.services} services fail for it at once"
        if self.look.by is Gainsaid.OTHERS:
            return f"{seen}; others find {self.look.gainsaid} of them well"
        return f"{seen}; the heartbeats of {self.look.gainsaid} of them come in"


# step
#
#   was          blind  since the last round counted   becomes
#   -----------  -----  -----------------------------  --------------------------------------
#   trusted      no     any                            trusted
#   trusted      yes    any                            quarantined, with no good round
#   quarantined  yes    any                            quarantined, with no good round
#   quarantined  no     below ROUND_SECONDS            quarantined
#   quarantined  no     ROUND_SECONDS or more          one more good round; with GOOD_ROUNDS
#                                                      of them trusted
def step(trust: Trust, look: Look, now: float) -> Trust:
    """Take in what an observer sees now, however often one looks."""
    if look.is_blind:
        since = trust.since_seconds if trust.quarantined else now
        return Trust(quarantined=True, since_seconds=since, look=look, round_seconds=now)
    if not trust.quarantined or now - trust.round_seconds < ROUND_SECONDS:
        return trust
    if trust.good_rounds + 1 >= GOOD_ROUNDS:
        return Trust(since_seconds=now)
    return Trust(True, trust.since_seconds, trust.look, trust.good_rounds + 1, now)


# may_conclude
#
#   quarantined  mass  evidence  heard since it fails  failing for               recorded
#   -----------  ----  --------  --------------------  ------------------------  --------
#   any          any   answer    any                   any                       yes
#   yes          any   silence   any                   any                       no
#   no           no    silence   any                   any                       yes
#   no           yes   silence   yes                   any                       no
#   no           yes   silence   no                    below HEARTBEAT_SECONDS   no: listen
#   no           yes   silence   no                    HEARTBEAT_SECONDS or more yes
def may_conclude(
    evidence: Evidence,
    *,
    quarantined: bool,
    mass: bool,
    heard_since: bool,
    failing_seconds: float,
) -> bool:
    """Whether the only observer of a cell may take an endpoint for failed.

    `heard_since`: whether a heartbeat of it came in after it began to fail.
    """
    if evidence is not Evidence.TIMEOUT:
        return True
    if quarantined:
        return False
    return not mass or (not heard_since and failing_seconds >= HEARTBEAT_SECONDS)
