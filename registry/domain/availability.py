"""Available time: a clock that stands still while this registry could not take renewals.

Leases are aged by it and by nothing else (I23): it does not run through a suspension of
the process, nor while the store is out of reach, and wall clocks never touch it (I36).
After each such outage, and at the start, there is a *floor*: the available time from
which every lease has one full TTL left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

LATE_SECONDS = 1.0
"""A tick that comes later than expected by more than this has slept through something."""


@dataclass(frozen=True, slots=True)
class Availability:
    """How long this registry has been able to take renewals, and since which outage."""

    tick_seconds: float
    """How far apart ticks are expected to come."""
    available_seconds: float = 0.0
    floor_seconds: float = 0.0
    """The available time at the end of the last outage."""
    last_seconds: float | None = None
    """The last monotonic reading; None before the first."""
    reachable: bool = True
    """Whether the store answered when last asked."""
    outages: int = 0

    @property
    def longest_seconds(self) -> float:
        """The longest time between two readings that still counts as available."""
        return self.tick_seconds + LATE_SECONDS


@dataclass(frozen=True, slots=True)
class Ticked:
    """A reading of the monotonic clock, in seconds."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class StoreLost:
    """The store did not answer."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class StoreBack:
    """The store answered."""

    at_seconds: float


Event = Ticked | StoreLost | StoreBack


# step
#
#   event      store      since the last reading  available time  floor
#   ---------  ---------  ----------------------  --------------  ---------------------
#   Ticked     any        there was none          -               now
#   Ticked     reachable  0 .. longest            advances        -
#   Ticked     reachable  longer, or backwards    -               now: slept through it
#   Ticked     lost       any                     -               -
#   StoreLost  any        any                     -               -  (set when it is back)
#   StoreBack  reachable  any                     as Ticked       as Ticked
#   StoreBack  lost       any                     -               now
def step(state: Availability, event: Event) -> Availability:
    """The next state. Time in which it is not certain that renewals were taken does not count."""
    match event:
        case StoreLost():
            return replace(state, last_seconds=event.at_seconds, reachable=False)
        case StoreBack() if not state.reachable:
            return replace(_outage_over(state, event.at_seconds), reachable=True)
        case Ticked() | StoreBack():
            if state.last_seconds is None:
                return replace(
                    state,
                    last_seconds=event.at_seconds,
                    floor_seconds=state.available_seconds,
                )
            if not state.reachable:
                return replace(state, last_seconds=event.at_seconds)
            passed = event.at_seconds - state.last_seconds
            if not 0.0 <= passed <= state.longest_seconds:
                return _outage_over(state, event.at_seconds)
            return replace(
                state,
                last_seconds=event.at_seconds,
                available_seconds=state.available_seconds + passed,
            )
        case _:
            assert_never(event)


def ceiling(state: Availability, at_seconds: float) -> float:
    """The most that available time can turn out to be at a monotonic reading.

    A promise made from here ("good for one TTL from now") is never broken by the tick
    that comes after it, whatever that tick finds.
    """
    if state.last_seconds is None or not state.reachable:
        return state.available_seconds
    passed = at_seconds - state.last_seconds
    return state.available_seconds + min(max(passed, 0.0), state.longest_seconds)


def _outage_over(state: Availability, at_seconds: float) -> Availability:
    return replace(
        state,
        last_seconds=at_seconds,
        floor_seconds=state.available_seconds,
        outages=state.outages + 1,
    )
