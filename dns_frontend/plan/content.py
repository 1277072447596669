"""What one cell says of services, read where it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.diversion import until
from dns_frontend.plan.entry import ServiceEntry
from dns_frontend.plan.holding import Held
from dns_frontend.plan.rehearsal import acted_on
from dns_frontend.plan.role import Role
from dns_frontend.plan.velocity import is_slowed


class Content(Protocol):
    """One generation of a cell, but for the names that are held beside it. Immutable."""

    @property
    def namespaces(self) -> Mapping[str, int]:
        """How many services without a tombstone each namespace has that has any."""

    @property
    def diverted(self) -> Collection[str]:
        """The entries in which an operator diverts clients for a while."""

    def entry(self, key: str) -> ServiceEntry | None:
        """What is said of `{namespace}/{service}`; None: nothing."""

    def services(self) -> Iterator[str]:
        """All services of which something is said."""


class TreeContent:
    """The content of a tree, as frontends that only serve act on it."""

    __slots__ = ("_held", "_now", "_tree", "_wall_seconds")

    def __init__(self, tree: EntryTree, held: Held, wall_seconds: float, now: float) -> None:
        """Of the keys in `held` only what is slowed is said. Times: when it came to be served."""
        self._tree = tree
        self._held = held
        self._wall_seconds = wall_seconds
        self._now = now

    def __repr__(self) -> str:
        return f"TreeContent({self._tree!r}, {len(self._held)} held)"

    @property
    def namespaces(self) -> Mapping[str, int]:
        """As `Content.namespaces`."""
        return self._tree.namespaces

    @property
    def diverted(self) -> Collection[str]:
        """As `Content.diverted`."""
        return self._tree.diverted

    def entry(self, key: str) -> ServiceEntry | None:
        """As `Content.entry`; an entry that cannot be read says nothing."""
        published = self._held.get(key)
        if published is None:
            published = self._tree.get(key)
        elif not is_slowed(published.entry):
            return None
        if published is None or published.entry is None:
            return None
        entry = acted_on(published.entry, Role.SERVING)
        if entry.diversion is None:
            return entry
        diverted_until = until(entry.diversion, self._wall_seconds, self._now)
        return replace(entry, diverted_until=diverted_until)

    def services(self) -> Iterator[str]:
        """As `Content.services`."""
        for leaf in self._tree.leaves():
            kept = self._held.get(leaf.key)
            if kept is None or is_slowed(kept.entry):
                yield leaf.key
