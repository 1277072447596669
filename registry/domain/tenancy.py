"""Whose an address is, for as long as clients may still hold it for its former owner's (I12).

When an instance leaves, answers with its address live on in caches for up to the longest
TTL. If another service's instance answered at that address at once, clients of the one
would come to the other, and a check that does not ask who answers would call that well. So
for the drain time the address stays in the owner's hands: the newcomer is published as
UNKNOWN, which is never answered with, unless its check has proved its identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from registry.domain.health import Evidence, Health
from registry.domain.instance import Identity, Instance, State
from registry.domain.names import InstanceKey, ServiceKey
from registry.domain.place import DRAIN_SECONDS, Departure, Place, places_of
from registry.domain.plan import ServicePlan


@dataclass(slots=True)
class Tenancy:
    """Who is where, and who left lately. Times are monotonic seconds."""

    _present: dict[InstanceKey, frozenset[Place]] = field(default_factory=dict)
    _left: dict[Place, dict[ServiceKey, float]] = field(default_factory=dict)
    """By place, those left lately at the end: the services that left it, and when each did."""

    def __repr__(self) -> str:
        return f"<Tenancy {len(self._present)} instances, {len(self._left)} places left>"

    # put
    #
    #   instance           known so far       its places
    #   -----------------  -----------------  -------------------------------------------------
    #   ACTIVE             no                 are taken
    #   ACTIVE             yes                are taken, and those that it had else were left now
    #   DRAINING, EXPIRED  yes                were left now
    #   DRAINING, EXPIRED  no                 were left when it entered that state: this registry
    #                                         began after that
    def put(self, instance: Instance, now: float, unix_ms: int) -> None:
        """An instance is as it is now said to be; `unix_ms` is the time of day."""
        key, places = instance.key, places_of(instance)
        known = self._present.get(key)
        if instance.state is not State.ACTIVE:
            if known is not None:
                self.remove(key, now)
            else:
                left = now - _age_seconds(instance.state_time_ms, unix_ms)
                self._leave(key.service_key, places, left, now)
            return
        if known is not None:
            self._leave(key.service_key, known - places, now, now)
        self._present[key] = places

    def learn(self, departure: Departure, now: float, unix_ms: int) -> None:
        """What was written down before this registry began, or by another that it did not hear."""
        left = now - _age_seconds(departure.left_ms, unix_ms)
        self._leave(departure.service, [departure.place], left, now)

    def remove(self, key: InstanceKey, now: float) -> None:
        """An instance is gone."""
        known = self._present.pop(key, None)
        if known is not None:
            self._leave(key.service_key, known, now, now)

    # is_reserved
    #
    #   who left one of its places within DRAIN_SECONDS  reserved
    #   -----------------------------------------------  ---------------------------------
    #   nobody                                           no
    #   its own service, whoever else                    no: it comes back, or is replaced
    #   other services alone                             yes
    def is_reserved(self, instance: Instance, now: float) -> bool:
        """Whether a newcomer's place is still another service's."""
        if not self._left:
            return False
        for place in places_of(instance):
            since = now - DRAIN_SECONDS
            recent = {who for who, left in self._left.get(place, {}).items() if left > since}
            if recent and instance.key.service_key not in recent:
                return True
        return False

    # admitted
    #
    #   instance                                     its place     planned as
    #   -------------------------------------------  ------------  ---------------------------
    #   not HEALTHY                                  any           it is
    #   this incarnation is published, not UNKNOWN   any           it is: it was there before
    #   its check asks for identity                  any           it is: it has proved it
    #   else                                         not reserved  it is
    #   else                                         reserved      UNKNOWN: not validated (I27)
    def admitted(
        self, instances: Iterable[Instance], published: ServicePlan | None, now: float
    ) -> list[Instance]:
        """The instances of a service as they are to be planned."""
        found = list(instances)
        if not self._left:
            return found
        there = {
            endpoint.incarnation
            for endpoint in (() if published is None else published.endpoints)
            if endpoint.health is not Health.UNKNOWN
        }
        return [
            replace(each, health=Health.UNKNOWN, evidence=Evidence.NONE)
            if each.health is Health.HEALTHY
            and each.incarnation not in there
            and each.registration.check.identity is Identity.NONE
            and self.is_reserved(each, now)
            else each
            for each in found
        ]

    def _leave(self, service: ServiceKey, places: Iterable[Place], left: float, now: float) -> None:
        since = now - DRAIN_SECONDS
        for place in places if left > since else ():
            lately = self._left.pop(place, {})
            kept = {who: time for who, time in lately.items() if time > since}
            self._left[place] = kept | {service: max(left, kept.get(service, left))}
        while self._left and max(next(iter(self._left.values())).values()) <= since:
            del self._left[next(iter(self._left))]


# _age_seconds
#
#   the time of day now  that long ago
#   -------------------  --------------------------------------------------
#   before what was      no time: a clock was set, and what is not certain
#   written down         counts for longer (I36)
#   else                 the difference
def _age_seconds(time_ms: int, unix_ms: int) -> float:
    return max(0.0, (unix_ms - time_ms) / 1000)
