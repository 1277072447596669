"""The leases that a node knows of, and which of them are due.

A renewal is one write to the lease itself; the order of deadlines is mended only when a
lease comes up. So 50,000 renewals cost 50,000 assignments, and a tick costs what is due.

All times are seconds of available time (domain/availability.py). What this node does not
know, namely renewals taken by other nodes, the store does: an expiry carries the number of
renewals *known here*, and is void if the row has more.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from zlib import crc32

from registry.domain.names import CellName, Incarnation, InstanceKey

SPREAD = 0.25
"""Up to this share of its TTL a lease is granted on top after an outage, each its own share."""
AGAIN_SECONDS = 1.0
"""A due lease that nobody settled comes up again after this."""


@dataclass(slots=True, eq=False)
class Lease:
    """One incarnation's lease as this node knows it. Changed in place: renewals are many."""

    uid: Incarnation
    key: InstanceKey
    cell: CellName
    id: int
    """The store's number for it."""
    ttl_seconds: float
    deadline_seconds: float
    """End of the lease by renewals taken here; see LeaseTable.end_seconds."""
    renewals: int
    """Never more than the store's row has, so that an expiry can only err towards living on."""
    unserving: bool = False
    """Whether the owner last said that it cannot serve."""


class LeaseTable:
    """Leases by incarnation, and by deadline within each cell."""

    def __init__(self, seed: int = 0) -> None:
        self.leases: dict[Incarnation, Lease] = {}
        """For looking up and renewing; entries come and go by `add` and `remove` alone."""
        self._heaps: dict[CellName, list[tuple[float, int, Lease]]] = {}
        self._counts: dict[CellName, int] = {}
        self._floor_seconds = 0.0
        self._lead_seconds: dict[CellName, float] = {}
        """When the lead of each cell began here."""
        self._seed = seed
        self._serials = count()

    def __repr__(self) -> str:
        return f"<LeaseTable {self._counts} floor={self._floor_seconds:.3f}s>"

    def add(self, lease: Lease) -> None:
        """Take a lease in; one of the same incarnation must not be in already."""
        assert lease.uid not in self.leases, lease.uid
        self.leases[lease.uid] = lease
        self._counts[lease.cell] = self._counts.get(lease.cell, 0) + 1
        self._push(lease, lease.deadline_seconds)

    def remove(self, uid: Incarnation) -> Lease | None:
        """Forget a lease, and return it if there was one."""
        lease = self.leases.pop(uid, None)
        if lease is not None:
            self._counts[lease.cell] -= 1
            self._tidy(lease.cell)
        return lease

    def renew(self, uid: Incarnation, now_seconds: float) -> Lease | None:
        """Put the end of a lease one TTL from now."""
        lease = self.leases.get(uid)
        if lease is not None:
            lease.deadline_seconds = now_seconds + lease.ttl_seconds
        return lease

    def raise_floor(self, floor_seconds: float) -> None:
        """After an outage: give every lease a full TTL from `floor_seconds` on (I23)."""
        self._floor_seconds = max(self._floor_seconds, floor_seconds)

    def begin_lead(self, cell: CellName, now_seconds: float) -> None:
        """This node leads a cell from now on: what its last leader heard, it has to hear anew."""
        self._lead_seconds[cell] = now_seconds

    # end_seconds: the latest of
    #
    #   known here             the lease does not end before
    #   ---------------------  ------------------------------------------------------------
    #   its last renewal       its TTL after it
    #   the last outage's end  its TTL after it, and its own share of up to SPREAD of a TTL, so
    #                          that those who died in the outage do not all expire in one tick
    #   the begin of the lead  the same after it: while nobody led, or a leader that slept,
    #                          renewals may have found no taker
    def end_seconds(self, lease: Lease) -> float:
        """The available time before which a lease does not expire (I23)."""
        share = crc32(lease.uid.encode(), self._seed) / 0xFFFFFFFF
        blind_until = max(self._floor_seconds, self._lead_seconds.get(lease.cell, 0.0))
        return max(lease.deadline_seconds, blind_until + lease.ttl_seconds * (1.0 + SPREAD * share))

    def count(self, cell: CellName) -> int:
        """How many leases a cell has."""
        return self._counts.get(cell, 0)

    def due(self, cell: CellName, now_seconds: float, limit: int) -> list[Lease]:
        """Leases of a cell that have ended, at most `limit`, the longest ended first.

        They stay in the table until removed, and come up again if nobody settles them.
        """
        heap = self._heaps.get(cell, [])
        ended: list[Lease] = []
        while heap and heap[0][0] <= now_seconds and len(ended) < limit:
            _, _, lease = heappop(heap)
            if self.leases.get(lease.uid) is not lease:
                continue
            end = self.end_seconds(lease)
            if end > now_seconds:
                self._push(lease, end)
                continue
            ended.append(lease)
            self._push(lease, now_seconds + AGAIN_SECONDS)
        return ended

    def _push(self, lease: Lease, when_seconds: float) -> None:
        heap = self._heaps.setdefault(lease.cell, [])
        heappush(heap, (when_seconds, next(self._serials), lease))

    def _tidy(self, cell: CellName) -> None:
        # A node that does not lead the cell never pops, so removed leases would pile up.
        heap = self._heaps[cell]
        if len(heap) > 2 * self._counts[cell] + 64:
            kept = [entry for entry in heap if self.leases.get(entry[2].uid) is entry[2]]
            heapify(kept)
            self._heaps[cell] = kept
