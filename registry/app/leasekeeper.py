"""Knows which leases live on this node's word, and says which have run out.

    keeper.tick(cell)      -> Expire operations to apply under the cell's fence;
                              call it only while this node leads the cell
    keeper.settle(...)     <- what the store made of them

A tick asks for nothing while the store is out of reach. An Expire that is
never settled comes up again after a second, so losing one costs no more than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import assert_never

from registry import telemetry
from registry.app.mirror import Mirror
from registry.app.uptime import Uptime
from registry.domain.change import Change, InstancePut, InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.errors import IncarnationSuperseded
from registry.domain.health import Evidence
from registry.domain.instance import Instance, State
from registry.domain.leases import Lease, LeaseTable
from registry.domain.names import CellName, Incarnation, InstanceKey, Revision
from registry.domain.operation import Done, Expire, Outcome, Refused, Renewed

EXPIRE_LIMIT = 256
"""Expiries of one tick, so that a mass expiry takes turns with everything else."""
MEMORY_LIMIT = 50_000
"""Departed incarnations remembered at least; twice that at most."""


class Departure(Enum):
    """Why an incarnation has no lease any more."""

    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    REMOVED = "removed"


class Leasekeeper:
    """Leases of all cells, kept in step with the mirror."""

    def __init__(
        self, mirror: Mirror, uptime: Uptime, *, seed: int = 0, memory_limit: int = MEMORY_LIMIT
    ) -> None:
        self.table = LeaseTable(seed)
        self._uptime = uptime
        self._flushing: Mapping[int, Lease] = {}
        self._holders: dict[InstanceKey, tuple[Incarnation, Revision]] = {}
        """Who holds the lease of a key, and the revision by which that is known."""
        self._departed: dict[Incarnation, Departure] = {}
        self._departed_before: dict[Incarnation, Departure] = {}
        self._memory_limit = memory_limit
        self._mirror = mirror
        for instance in mirror.instances.values():
            self.adopt(instance)
        mirror.subscribe(self._heard)

    def __repr__(self) -> str:
        return f"<Leasekeeper {self.table!r}>"

    def tick(self, cell: CellName, limit: int = EXPIRE_LIMIT) -> Sequence[Expire]:
        """What has run out in a cell by now, at most `limit` of it."""
        now = self._uptime.tick()
        if not self._uptime.reachable:
            return ()
        self.table.raise_floor(self._uptime.floor_seconds)
        return [
            Expire(lease.key, lease.uid, lease.renewals)
            for lease in self.table.due(cell, now, limit)
        ]

    def begin_lead(self, cell: CellName) -> None:
        """This node leads a cell from now on: each of its leases has a full TTL left (I23)."""
        self.table.begin_lead(cell, self._uptime.ceiling())

    # settle
    #
    #   outcome   lease
    #   --------  -----------------------------------------------------------------------
    #   Done      gone: the mirror has heard of it already, or will
    #   Renewed   a renewal was acknowledged, by this node or another: one TTL from now
    #   Refused   gone: removed or superseded
    def settle(self, settled: Sequence[tuple[Expire, Outcome]]) -> None:
        """Take note of what the store made of a tick's operations."""
        for expire, outcome in settled:
            match outcome:
                case Renewed():
                    self._learn(expire.incarnation, outcome.renewals)
                case Done():
                    if not outcome.replayed:
                        telemetry.leases_expired.add(1)
                    self.depart(expire.incarnation, Departure.EXPIRED)
                case Refused(error=IncarnationSuperseded()):
                    self.depart(expire.incarnation, Departure.SUPERSEDED)
                case Refused():
                    self.depart(expire.incarnation, Departure.REMOVED)
                case _:
                    assert_never(outcome)

    def adopt(self, instance: Instance, renewals: int = 0) -> Lease | None:
        """Take in the lease of an instance, good for one TTL; None if it holds none.

        `renewals` is how many of them the row is known to have had at least.
        """
        uid, key = instance.incarnation, instance.key
        known = self.table.leases.get(uid)
        if known is not None:
            return known
        if self.departure(uid) is not None:
            return None
        holder = self._holders.get(key)
        if holder is not None:
            if holder[1] > instance.revision:
                # Told of late: the one who holds it now was found in the store meanwhile.
                return None
            self.depart(holder[0], Departure.SUPERSEDED)
        if instance.state is State.EXPIRED:
            self.depart(uid, Departure.EXPIRED)
            return None
        registration = instance.registration
        lease = Lease(
            uid=uid,
            key=key,
            cell=registration.cell,
            id=instance.lease_id,
            ttl_seconds=registration.ttl_seconds,
            deadline_seconds=self._uptime.ceiling() + registration.ttl_seconds,
            renewals=renewals,
            unserving=instance.evidence is Evidence.WITHDRAWN,
        )
        self.table.add(lease)
        self._holders[key] = (uid, instance.revision)
        return lease

    def depart(self, uid: Incarnation, departure: Departure) -> None:
        """An incarnation has no lease any more; remember why, for its late renewals."""
        lease = self.table.remove(uid)
        if lease is not None and self._holders.get(lease.key, ("", 0))[0] == uid:
            del self._holders[lease.key]
        if len(self._departed) >= self._memory_limit:
            self._departed_before, self._departed = self._departed, {}
        self._departed[uid] = departure

    def departure(self, uid: Incarnation) -> Departure | None:
        """Why an incarnation has no lease, if this node remembers."""
        return self._departed.get(uid) or self._departed_before.get(uid)

    def remaining_seconds(self, uid: Incarnation) -> float | None:
        """How much of a lease is left at least, as far as this node knows; None: unknown."""
        lease = self.table.leases.get(uid)
        if lease is None:
            return None
        self.table.raise_floor(self._uptime.floor_seconds)
        return max(0.0, self.table.end_seconds(lease) - self._uptime.ceiling())

    def renewals(self, uid: Incarnation) -> int:
        """How often a lease has been renewed, as far as this node knows."""
        lease = self.table.leases.get(uid)
        return 0 if lease is None else lease.renewals

    def flushing(self, group: Mapping[int, Lease]) -> None:
        """A group of renewals, by lease id, is on its way to the store."""
        self._flushing = group

    def flushed(self, gone: frozenset[int]) -> None:
        """The group is durable but for the leases that exist no more: good for one TTL."""
        now = self._uptime.ceiling()
        for lease in self._flushing.values():
            if lease.id not in gone:
                lease.renewals += 1
                lease.deadline_seconds = now + lease.ttl_seconds
        self._flushing = {}

    def flush_failed(self) -> None:
        """Nobody knows whether the group became durable, so it is not counted."""
        self._flushing = {}

    def _learn(self, uid: Incarnation, renewals: int) -> None:
        lease = self.table.renew(uid, self._uptime.ceiling())
        if lease is not None:
            # The row may have counted the group on its way already, and `flushed` will count it
            # once more. What is known here must never pass what the row has.
            lease.renewals = renewals - 1 if lease.id in self._flushing else renewals

    def _heard(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case InstancePut():
                    self._put(change.instance)
                case InstanceRemoved():
                    holder = self._holders.get(change.key)
                    if holder is not None and holder[1] <= change.revision:
                        self.depart(holder[0], Departure.REMOVED)
                case ServicePut() | ServiceRemoved():
                    pass
                case _:
                    assert_never(change)

    def _put(self, instance: Instance) -> None:
        lease = self.adopt(instance, self._mirror.renewals.get(instance.lease_id, 0))
        if lease is None:
            return
        if instance.state is State.EXPIRED:
            self.depart(instance.incarnation, Departure.EXPIRED)
            return
        lease.unserving = instance.evidence is Evidence.WITHDRAWN
