"""Which namespaces exist: those in which a service lives, by region and in all."""

from __future__ import annotations

from dns_frontend.plan.entry import ServiceKey


class Population:
    """Counts living services. Costs what changes."""

    __slots__ = ("_alive", "_counts")

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        """By (region or "" for all, namespace)."""
        self._alive: dict[ServiceKey, frozenset[str]] = {}

    def __repr__(self) -> str:
        return f"Population({len(self._alive)} services)"

    def has(self, region: str, namespace: str) -> bool:
        """Whether a service lives in the namespace, in the region or, if empty, in any."""
        return (region, namespace) in self._counts

    def count(self, key: ServiceKey, alive: frozenset[str]) -> None:
        """The service lives in these regions now."""
        before = self._alive.get(key)
        if before == alive or (not before and not alive):
            return
        for regions, step in ((before, -1), (alive, 1)):
            if regions:
                for region in ("", *regions):
                    place = (region, key.namespace)
                    count = self._counts.get(place, 0) + step
                    if count:
                        self._counts[place] = count
                    else:
                        del self._counts[place]
        if alive:
            self._alive[key] = alive
        else:
            del self._alive[key]
