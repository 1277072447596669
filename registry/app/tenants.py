"""Hears of arrivals and departures all along, so that a new leader knows who left lately.

What was before this process began is in the database: instances that drain or expired, and
the places of those that are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.app.mirror import Mirror
from registry.domain.change import Change, InstancePut, InstanceRemoved
from registry.domain.instance import Instance
from registry.domain.place import Departure
from registry.domain.plan import ServicePlan
from registry.domain.tenancy import Tenancy
from registry.ports import Clock


class Tenants:
    """The tenancy of every place that this registry has heard of, leading or not."""

    def __init__(self, mirror: Mirror, clock: Clock) -> None:
        self._mirror = mirror
        self._clock = clock
        self._tenancy = Tenancy()
        self._learnt: Sequence[Departure] | None = None
        """What the last load told, which is taken in once."""
        for instance in mirror.instances.values():
            self._tenancy.put(instance, clock.monotonic(), clock.unix_ms())
        mirror.subscribe(self._heard)

    def __repr__(self) -> str:
        return f"<Tenants {self._tenancy!r}>"

    def admitted(
        self, instances: Iterable[Instance], published: ServicePlan | None
    ) -> list[Instance]:
        """The instances of a service as they are to be planned now."""
        now = self._clock.monotonic()
        if self._learnt is not self._mirror.departures:
            self._learnt = self._mirror.departures
            for departure in self._learnt:
                self._tenancy.learn(departure, now, self._clock.unix_ms())
        return self._tenancy.admitted(instances, published, now)

    def _heard(self, changes: Sequence[Change]) -> None:
        now = self._clock.monotonic()
        for change in changes:
            match change:
                case InstancePut():
                    self._tenancy.put(change.instance, now, self._clock.unix_ms())
                case InstanceRemoved():
                    self._tenancy.remove(change.key, now)
                case _:
                    pass
