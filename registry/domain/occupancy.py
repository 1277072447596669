"""How full each service's entry in a cell's plan is, so that none is outgrown by registrations.

An entry is published whole or not at all (I9). One that passes the guard's bounds stays as
it was, and neither a newcomer nor a removal is seen of that name any more; so whoever would
make it pass them is refused at the door, and told why. What is counted is what the planner
may have to publish: every instance that is registered, whatever its health. Other nodes have
doors of their own, so what comes near a bound is judged again where it is written (`tally`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from registry.domain.change import Change, InstancePut, InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.guard import Limits
from registry.domain.instance import Instance, Registration
from registry.domain.names import Incarnation, InstanceKey, Revision
from registry.domain.operation import Operation
from registry.domain.room import NOTHING, Place, Size, most_of, place_of, refusal, size_of
from registry.domain.tally import Tally, places_of


@dataclass(frozen=True, slots=True)
class _Known:
    incarnation: Incarnation
    place: Place
    size: Size


class Occupancy:
    """The entries of all cells, as far as they are taken: by instances, and by promises."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._most = most_of(limits or Limits())
        self._known: dict[InstanceKey, _Known] = {}
        self._taken: dict[Place, Size] = {}
        self._promised: dict[Place, Size] = {}

    def __repr__(self) -> str:
        return f"<Occupancy {len(self._known)} instances, {len(self._promised)} entries promised>"

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

    # promise: by the table of `room.refusal`
    #
    # "In it" counts what others were promised and have not taken yet.
    def promise(self, registration: Registration, prefix: str = "") -> Promise:
        """Keep room for a registration until it is committed, or is not. Raises ServiceFull."""
        place = place_of(registration)
        size = size_of(registration)
        known = self._known.get(registration.key)
        if known is not None and known.place == place:
            size = size.less(known.size)
        wanted = Size(max(0, size.endpoints), max(0, size.octets))
        if wanted == NOTHING:
            return Promise(place, NOTHING)
        promised = self._promised.get(place, NOTHING)
        there = self._taken.get(place, NOTHING).plus(promised)
        if full := refusal(place, there, wanted, self._most, prefix):
            raise full
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

    def tally(self, operations: Sequence[Operation], revision: Revision) -> Tally:
        """What is known of the entries that the operations go into; `revision` was heard of."""
        places = places_of(operations)
        return Tally(
            revision,
            self._most,
            {place: self._taken.get(place, NOTHING) for place in places},
            {place: self._promised[place] for place in places if place in self._promised},
        )

    def _put(self, instance: Instance) -> None:
        key = instance.key
        known = self._known.get(key)
        if known is not None:
            if known.incarnation == instance.incarnation:
                return  # all that counts here is fixed for an incarnation
            self._remove(key)
        place, size = place_of(instance.registration), size_of(instance.registration)
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
