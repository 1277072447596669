"""How full each service's entry in a cell's plan is, so that none is outgrown by registrations.

An entry is published whole or not at all (I9). One that passes the guard's bounds stays as
it was, and neither a newcomer nor a removal is seen of that name any more; so whoever would
make it pass them is refused at the door, and told why. What is counted is what the planner
may have to publish: every instance that is registered, whatever its health.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from registry.domain.change import Change, InstancePut, InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.errors import ServiceFull
from registry.domain.guard import Limits
from registry.domain.instance import Instance, Registration
from registry.domain.names import CellName, Incarnation, InstanceKey, ServiceKey

POLICY_OCTETS = 96 * 1024
"""Of an entry, for all that is not an endpoint: a policy and a staged one, as large as they may
be (256 distances between names of 63 characters, 32 regions, each)."""
FIXED_OCTETS = 160
"""Of an endpoint, for all that is not text: numbers, tags, a uid, a hold."""
TEXT_OCTETS = 6
"""What a text, or a pair of them, takes beside itself."""
RETRY_SECONDS = 30.0
"""Room comes when instances leave, and that is no matter of moments."""

Place = tuple[ServiceKey, CellName]


class Size(NamedTuple):
    """So many endpoints, and their octets at most."""

    endpoints: int
    octets: int

    def plus(self, other: Size) -> Size:
        """Both together."""
        return Size(self.endpoints + other.endpoints, self.octets + other.octets)

    def less(self, other: Size) -> Size:
        """Without the other."""
        return Size(self.endpoints - other.endpoints, self.octets - other.octets)


NOTHING = Size(0, 0)


@dataclass(frozen=True, slots=True)
class _Known:
    incarnation: Incarnation
    place: Place
    size: Size


class Occupancy:
    """The entries of all cells, as far as they are taken: by instances, and by promises."""

    def __init__(self, limits: Limits | None = None) -> None:
        bounds = limits or Limits()
        self._most = Size(bounds.endpoints_per_service, bounds.entry_octets - POLICY_OCTETS)
        self._known: dict[InstanceKey, _Known] = {}
        self._taken: dict[Place, Size] = {}
        self._promised: dict[Place, Size] = {}

    def __repr__(self) -> str:
        return f"<Occupancy {len(self._known)} instances, {len(self._promised)} entries promised>"

    def fill(self, instances: Iterable[Instance]) -> None:
        """Take in what is registered already."""
        for instance in instances:
            self._put(instance)

    def heard(self, changes: Sequence[Change]) -> None:
        """Take in what was committed."""
        for change in changes:
            match change:
                case InstancePut():
                    self._put(change.instance)
                case InstanceRemoved():
                    self._remove(change.key)
                case ServicePut() | ServiceRemoved():
                    pass
                case _:
                    assert_never(change)

    # promise
    #
    #   the entry with the instance in it   the instance takes       result
    #   ----------------------------------  -----------------------  -------------------------
    #   within both bounds                  any                      room is kept for it
    #   beyond one of them                  no more than it has now  nothing to be kept: it
    #                                                                makes nothing worse
    #   beyond one of them                  more                     ServiceFull
    #
    # "In it" counts what others were promised and have not taken yet. Who is there already takes
    # what it has now and more or less; in another cell, or as another instance, all of it.
    def promise(self, registration: Registration, prefix: str = "") -> Promise:
        """Keep room for a registration until it is committed, or is not. Raises ServiceFull."""
        key = registration.key
        place: Place = (key.service_key, registration.cell)
        size = Size(1, octets_of(registration))
        known = self._known.get(key)
        if known is not None and known.place == place:
            size = size.less(known.size)
        wanted = Size(max(0, size.endpoints), max(0, size.octets))
        if wanted == NOTHING:
            return Promise(place, NOTHING)
        promised = self._promised.get(place, NOTHING)
        there = self._taken.get(place, NOTHING).plus(promised)
        after = there.plus(wanted)
        if after.endpoints > self._most.endpoints and wanted.endpoints:
            raise _full(place, f"{prefix}parent", "endpoints", there.endpoints, 1, self._most[0])
        if after.octets > self._most.octets:
            raise _full(
                place, f"{prefix}instance", "octets", there.octets, wanted.octets, self._most[1]
            )
        self._promised[place] = promised.plus(wanted)
        return Promise(place, wanted)

    def release(self, promise: Promise) -> None:
        """What was promised is taken by now, or will not be."""
        if promise.size == NOTHING:
            return
        left = self._promised[promise.place].less(promise.size)
        if left == NOTHING:
            del self._promised[promise.place]
        else:
            self._promised[promise.place] = left

    def _put(self, instance: Instance) -> None:
        key = instance.key
        known = self._known.get(key)
        if known is not None:
            if known.incarnation == instance.incarnation:
                return  # all that counts here is fixed for an incarnation
            self._remove(key)
        place: Place = (key.service_key, instance.registration.cell)
        size = Size(1, octets_of(instance.registration))
        self._known[key] = _Known(instance.incarnation, place, size)
        self._taken[place] = self._taken.get(place, NOTHING).plus(size)

    def _remove(self, key: InstanceKey) -> None:
        known = self._known.pop(key, None)
        if known is None:
            return
        left = self._taken[known.place].less(known.size)
        if left == NOTHING:
            del self._taken[known.place]
        else:
            self._taken[known.place] = left


@dataclass(frozen=True, slots=True)
class Promise:
    """Room that is kept for a registration."""

    place: Place
    size: Size


def octets_of(registration: Registration) -> int:
    """The octets that an instance takes in its service's entry; never fewer than it does."""
    octets = FIXED_OCTETS + len(registration.key.instance) + len(registration.zone)
    for address in registration.addresses:
        octets += TEXT_OCTETS + len(address)
    for port in registration.ports:
        octets += 2 * TEXT_OCTETS + len(port.name)
    for key, value in registration.metadata.items():
        octets += 2 * TEXT_OCTETS + len(key) + len(value.encode())
    return octets


def _full(place: Place, field: str, noun: str, there: int, wanted: int, most: int) -> ServiceFull:
    service, cell = place
    return ServiceFull(
        f"{field}: {service} has {there} {noun} in cells/{cell}, and with {wanted} more it would "
        f"pass the {most} that a cell publishes of one service. Nothing was changed; register "
        "less of it (metadata is what takes most), or split the service.",
        field=field,
        retry_after_seconds=RETRY_SECONDS,
        name=str(service),
        cell=cell,
        present=there,
        wanted=wanted,
        limit=most,
    )
