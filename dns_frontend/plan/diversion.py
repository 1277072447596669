"""Until when a region's endpoints are not wanted, as an operator said of a drill. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns_frontend.plan.entry import ServiceEntry

NEVER = -inf
LONGEST_SECONDS = 3600.0
"""Whatever a registry says: a forgotten diversion is no lasting state."""
CLOCK_TOLERANCE_SECONDS = 60.0
"""How far this machine's time of day may be behind the registry's."""


@dataclass(frozen=True, slots=True)
class Diversion:
    """From when to when, Unix milliseconds."""

    create_time_ms: int
    end_time_ms: int


# until
#
#   the diversion                        holds until
#   -----------------------------------  ---------------------------------------------------
#   none                                 NEVER
#   is over                              NEVER
#   begins well after now                NEVER: this clock is wrong, and would not end it
#   else                                 its end, and LONGEST_SECONDS from now at most
def until(diversion: Diversion | None, wall_seconds: float, now: float) -> float:
    """The moment at which it ends, on the clock of `now`; `wall_seconds` is the time of day."""
    if diversion is None:
        return NEVER
    left = diversion.end_time_ms / 1000 - wall_seconds
    early = diversion.create_time_ms / 1000 - wall_seconds > CLOCK_TOLERANCE_SECONDS
    if left <= 0 or early:
        return NEVER
    return now + min(left, LONGEST_SECONDS)


def in_time(
    entries: Mapping[str, ServiceEntry], wall_seconds: float, now: float
) -> Mapping[str, ServiceEntry]:
    """The same entries, each knowing until when it is diverted; at no cost where none is."""
    found = {
        key: replace(entry, diverted_until=until(entry.diversion, wall_seconds, now))
        for key, entry in entries.items()
        if entry.diversion is not None
    }
    return {**entries, **found} if found else entries
