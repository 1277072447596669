"""Every short life of a lease: renewals, ticks, suspensions and outages in any order (I23).

What the registry could really do in each second is known here; the shipped functions know
only their clock. No lease may end before one full TTL in which it could have been renewed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from proof.contents import CELL, WEB
from proof.search import Found
from proof.world import Violation
from registry.domain import availability
from registry.domain.availability import Availability, Event, StoreBack, StoreLost, Ticked
from registry.domain.leases import Lease, LeaseTable
from registry.domain.names import Incarnation, InstanceId, InstanceKey

TTL_SECONDS = 5.0
LONG_SECONDS = 40.0
UID = Incarnation("u1")
Step = Callable[[Availability, Event], Availability]


class Life(NamedTuple):
    """A lease and the registry's idea of its own availability."""

    available: Availability
    deadline: float
    usable: float
    """Seconds since the last renewal or outage in which a renewal could have been taken."""
    ended: bool = False


EVENTS = (
    "a second passes",
    "a renewal",
    "suspended",
    "the store is lost",
    "it stays away",
    "the store is back",
)


def search_leases(name: str = "leases", step: Step = availability.step) -> Found:
    """Search all there is; times are kept relative, so that it ends."""
    begun = time.monotonic()
    found = Found(name)
    start = Life(step(Availability(1.0), Ticked(0.0)), TTL_SECONDS, 0.0)
    before: dict[Life, tuple[Life | None, str]] = {start: (None, "start")}
    waiting = deque([start])
    while waiting:
        life = waiting.popleft()
        for event in EVENTS:
            try:
                after = _next(life, event, step)
            except Violation as violation:
                found.violation = str(violation)
                at: Life | None = life
                words = [event]
                while at is not None:
                    at, word = before[at]
                    words.append(word)
                found.trace = words[-2::-1]
                waiting.clear()
                break
            found.transitions += 1
            if after is not None and after not in before:
                before[after] = (life, event)
                waiting.append(after)
    found.states = len(before)
    found.seconds = time.monotonic() - begun
    return found


def _next(life: Life, event: str, step: Step) -> Life | None:
    if life.ended:
        return None
    state, usable, deadline = life.available, life.usable, life.deadline
    at = state.last_seconds or 0.0
    match event:
        case "a second passes":
            state = step(state, Ticked(at + 1.0))
            usable += 1.0 if life.available.reachable else 0.0
        case "a renewal" if state.reachable:
            deadline, usable = state.available_seconds + TTL_SECONDS, 0.0
        case "suspended":
            state, usable = step(state, Ticked(at + LONG_SECONDS)), 0.0
        case "the store is lost" if state.reachable:
            state, usable = step(state, StoreLost(at + 1.0)), 0.0
        case "it stays away" if not state.reachable:
            state = step(state, Ticked(at + LONG_SECONDS))
        case "the store is back" if not state.reachable:
            state, usable = step(state, StoreBack(at + 1.0)), 0.0
        case _:
            return None
    ended = _is_due(state, deadline)
    if ended and usable < TTL_SECONDS:
        raise Violation(f"I23: the lease ended after {usable:.0f} s in which it could be renewed")
    return _shifted(Life(state, deadline, min(usable, 2 * TTL_SECONDS), ended))


def _is_due(state: Availability, deadline: float) -> bool:
    if not state.reachable:
        return False
    table = LeaseTable()
    key = InstanceKey(*WEB, InstanceId("a"))
    table.add(Lease(UID, key, CELL, 1, TTL_SECONDS, deadline, 0))
    table.raise_floor(state.floor_seconds)
    # What is due is looked at when it is due by its own deadline, and then put off.
    table.due(CELL, state.available_seconds, 1)
    return bool(table.due(CELL, state.available_seconds + 0.0, 1)) or (
        table.end_seconds(table.leases[UID]) <= state.available_seconds
    )


def _shifted(life: Life) -> Life:
    state = life.available
    shift = state.available_seconds
    far = -3 * TTL_SECONDS
    return Life(
        Availability(
            state.tick_seconds,
            0.0,
            max(state.floor_seconds - shift, far),
            0.0,
            state.reachable,
        ),
        max(life.deadline - shift, far),
        life.usable,
        life.ended,
    )


def aged_by_downtime(state: Availability, event: Event) -> Availability:
    """The mutant: time is time, whether anybody could renew in it or not."""
    passed = event.at_seconds - (state.last_seconds or 0.0)
    return Availability(
        state.tick_seconds,
        state.available_seconds + max(passed, 0.0),
        state.floor_seconds,
        event.at_seconds,
        not isinstance(event, StoreLost) and (state.reachable or isinstance(event, StoreBack)),
    )
