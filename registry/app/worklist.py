"""Which services are to be planned anew, how soon, and whose change it was.

Two lists: what changed, and what is only looked over on a full pass. Changes always go
first, so that a pass over 10,000 services delays none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.domain.names import ServiceKey

LINK_LIMIT = 32
"""Traces named by one publication; a mass registration needs no more."""
QUIET_DEBOUNCES = 4
"""A change that alters no answer may wait so many debounces for one that does."""


@dataclass(frozen=True, slots=True)
class Work:
    """Services to be planned in one step."""

    services: tuple[ServiceKey, ...]
    traceparents: tuple[str, ...]
    """Of the changes, in order of arrival; LINK_LIMIT at most."""
    changed: bool
    """Whether these are changes, and not a look-over."""


class Worklist:
    """What is to be planned for one cell."""

    def __init__(self) -> None:
        self._changed: dict[ServiceKey, None] = {}
        self._overdue: dict[ServiceKey, None] = {}
        self._traceparents: dict[str, None] = {}
        self._first_at = 0.0
        self._is_urgent = False

    def __repr__(self) -> str:
        return f"<Worklist {len(self._changed)} changed, {len(self._overdue)} to look over>"

    def __bool__(self) -> bool:
        return bool(self._changed or self._overdue)

    @property
    def has_changes(self) -> bool:
        """Whether anything changed."""
        return bool(self._changed)

    def add(self, service: ServiceKey, now: float, *, urgent: bool, traceparent: str) -> None:
        """A service changed; urgent if that may change an answer."""
        if not self._changed:
            self._first_at = now
        self._changed[service] = None
        self._is_urgent |= urgent
        if traceparent and len(self._traceparents) < LINK_LIMIT:
            self._traceparents[traceparent] = None

    def look_over(self, services: Iterable[ServiceKey]) -> None:
        """Plan these as well, when there is nothing better to do."""
        self._overdue.update(dict.fromkeys(services))

    # ready_at
    #
    #   changes         urgent  ready
    #   --------------  ------  -----------------------------------------------------
    #   none            -       at once: looking over waits for nothing
    #   some            no      4 x `debounce` after the first, and after the last step
    #   some            yes     `debounce` after the last step: at once if it is past
    #
    # What is not urgent is mostly a new instance, unvalidated yet: its first probe usually
    # succeeds within that time, and both are published together.
    def ready_at(self, last_step_at: float, debounce_seconds: float) -> float:
        """When to take the next step."""
        if not self._changed:
            return last_step_at
        ready = last_step_at + debounce_seconds
        if self._is_urgent:
            return ready
        return max(ready, self._first_at + QUIET_DEBOUNCES * debounce_seconds)

    def take(self, limit: int) -> Work:
        """Up to `limit` services, changed ones first and never mixed with others."""
        source = self._changed or self._overdue
        changed = source is self._changed
        services = tuple(key for key, _ in zip(source, range(limit), strict=False))
        for key in services:
            del source[key]
            self._overdue.pop(key, None)
        traceparents: tuple[str, ...] = ()
        if changed:
            traceparents = tuple(self._traceparents)
            self._traceparents.clear()
            self._is_urgent &= bool(self._changed)
        return Work(services, traceparents, changed)

    def put_back(self, work: Work, now: float) -> None:
        """The step did not succeed: all of it is to be done again, at once."""
        for service in work.services:
            self.add(service, now, urgent=True, traceparent="")
        for traceparent in work.traceparents:
            if len(self._traceparents) < LINK_LIMIT:
                self._traceparents[traceparent] = None
