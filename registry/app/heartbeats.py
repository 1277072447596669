"""Renewing leases: what an acknowledged heartbeat promises, and to whom it is refused.

A renewal is marked in memory when it arrives, so that the lease is not called due
while it waits, and acknowledged when it is durable. The path of one uid is a few
dictionary operations; all else is for the rare ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never, cast

from registry import telemetry
from registry.app.committer import Committer
from registry.app.leasekeeper import Departure, Leasekeeper
from registry.app.mirror import Mirror
from registry.app.renewals import Renewals
from registry.app.uptime import Uptime
from registry.domain.errors import (
    FieldViolation,
    IncarnationSuperseded,
    InvalidField,
    LeaseExpired,
    LeaseNotFound,
    RegistryError,
    Retryable,
)
from registry.domain.health import Evidence, Health
from registry.domain.leases import Lease
from registry.domain.names import Incarnation, Revision
from registry.domain.operation import Done, Judge
from registry.ports import Store

UID_LIMIT = 1000
"""Uids that one message may renew."""
DEFAULT_TTL_SECONDS = 15.0
RENEWALS_A_TTL = 3.0
"""How many renewals are asked for in one TTL, so that two may be lost."""
JITTER = 0.2
"""By up to this share an advised interval is cut, so that clients part ways."""


def renewal_interval_seconds(ttl_seconds: float, random: float) -> float:
    """When to renew next, in seconds from now; `random` is uniform in 0..1."""
    return ttl_seconds / RENEWALS_A_TTL * (1.0 - JITTER * random)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of one heartbeat. All uids not refused are durably renewed."""

    ttl_seconds: float
    """The shortest TTL among those renewed; the default when none was."""
    renewal_interval_seconds: float
    """When to renew next, spread at random."""
    refusals: list[tuple[str, RegistryError]]
    revision: Revision


class Heartbeats:
    """Renews leases, and hears what owners say of their health."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        keeper: Leasekeeper,
        renewals: Renewals,
        committer: Committer,
        uptime: Uptime,
        random: Callable[[], float],
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._keeper = keeper
        self._leases = keeper.table.leases
        self._renewals = renewals
        self._committer = committer
        self._uptime = uptime
        self._random = random

    async def renew(self, serving: Sequence[str], not_serving: Sequence[str] = ()) -> Renewal:
        """Renew leases durably. A uid in both lists does not serve.

        Safe to call many times at once; calls that overlap share a write. Raises
        InvalidField past 1000 uids, StoreUnavailable if nothing can be said of any.
        """
        if len(serving) + len(not_serving) > UID_LIMIT:
            raise InvalidField(
                FieldViolation("uids", f"at most {UID_LIMIT} uids in both lists together")
            )
        refusals: dict[str, RegistryError] = {}
        strangers: dict[Incarnation, bool] = {}
        known: list[Lease] = []
        turned: dict[Lease, bool] = {}
        shortest = self._mark(serving, True, known, turned, strangers, refusals)
        if not_serving:
            ill = self._mark(not_serving, False, known, turned, strangers, refusals)
            shortest = min(shortest, ill)
        if strangers:
            shortest = min(shortest, await self._introduce(strangers, known, turned, refusals))
        if known:
            group = self._renewals.group()
            waiting = group.leases
            for lease in known:
                waiting[lease.id] = lease
            gone = await self._renewals.written(group)
            if gone and not gone.isdisjoint([lease.id for lease in known]):
                await self._mourn([lease for lease in known if lease.id in gone], refusals)
        if turned:
            await self._judge(turned)
        for error in refusals.values():
            telemetry.renewals_refused.add(1, {"reason": type(error).__name__})
        if shortest == _NO_TTL:
            shortest = DEFAULT_TTL_SECONDS
        return Renewal(
            shortest,
            renewal_interval_seconds(shortest, self._random()),
            list(refusals.items()),
            self._mirror.revision,
        )

    def _mark(
        self,
        uids: Sequence[str],
        serves: bool,
        known: list[Lease],
        turned: dict[Lease, bool],
        strangers: dict[Incarnation, bool],
        refusals: dict[str, RegistryError],
    ) -> float:
        """Sort uids into leases known here, strangers and refused ones; the shortest TTL."""
        now = self._uptime.ceiling()
        leases = self._leases
        shortest = _NO_TTL
        for uid in cast("Sequence[Incarnation]", uids):
            lease = leases.get(uid)
            if lease is None:
                departure = self._keeper.departure(uid)
                if departure is None:
                    strangers[uid] = serves
                else:
                    refusals[uid] = _refusal(uid, departure)
                continue
            ttl = lease.ttl_seconds
            lease.deadline_seconds = now + ttl
            if ttl < shortest:
                shortest = ttl
            known.append(lease)
            if lease.unserving is serves:
                turned[lease] = serves
            elif turned:
                turned.pop(lease, None)
        return shortest

    async def _introduce(
        self,
        strangers: dict[Incarnation, bool],
        known: list[Lease],
        turned: dict[Lease, bool],
        refusals: dict[str, RegistryError],
    ) -> float:
        """Look up in the store what another node may have registered."""
        with self._uptime.asking():
            found = await self._store.find(list(strangers))
        shortest = _NO_TTL
        for uid, serves in strangers.items():
            instance = found.get(uid)
            if instance is None or self._keeper.adopt(instance) is None:
                departure = self._keeper.departure(uid) or Departure.REMOVED
                refusals[uid] = _refusal(uid, departure)
                continue
            shortest = min(shortest, self._mark([uid], serves, known, turned, {}, refusals))
        return shortest

    async def _mourn(self, lost: Sequence[Lease], refusals: dict[str, RegistryError]) -> None:
        """Say why leases are gone that this node still held to be there."""
        for lease in dict.fromkeys(lost):
            with self._uptime.asking():
                heir = await self._store.get_instance(lease.key)
            superseded = heir is not None and heir.incarnation != lease.uid
            departure = Departure.SUPERSEDED if superseded else Departure.EXPIRED
            self._keeper.depart(lease.uid, departure)
            refusals[lease.uid] = _refusal(lease.uid, departure)
        self._mirror.wake()

    # The owner's word on its health
    #
    #   said by the heartbeat  last known    check  judged
    #   ---------------------  ------------  -----  ------------------------------------
    #   not serving            serving       any    UNHEALTHY, WITHDRAWN
    #   serving                not serving   any    UNKNOWN, until the leader lets it in again:
    #                                               after a probe, if it is probed, and in the time
    #                                               that damping asks for (I26)
    #   the same as last known               any    nothing
    async def _judge(self, turned: dict[Lease, bool]) -> None:
        verdicts = [
            (lease, _judge_of(lease, serves))
            for lease, serves in turned.items()
            if lease.uid in self._leases
        ]
        try:
            committed = await self._committer.submit_all([judge for _, judge in verdicts])
        except Retryable:
            # The renewals stand, and the next heartbeat says it again.
            return
        for (lease, judge), outcome in zip(verdicts, committed.outcomes, strict=True):
            if isinstance(outcome, Done):
                lease.unserving = judge.evidence is Evidence.WITHDRAWN


_NO_TTL = float("inf")


def _judge_of(lease: Lease, serves: bool) -> Judge:
    if not serves:
        return Judge(lease.key, lease.uid, Health.UNHEALTHY, Evidence.WITHDRAWN)
    return Judge(lease.key, lease.uid, Health.UNKNOWN, Evidence.NONE)


def _refusal(uid: Incarnation, departure: Departure) -> RegistryError:
    match departure:
        case Departure.SUPERSEDED:
            return IncarnationSuperseded(
                f"a newer registration took the place of {uid}. Stop renewing it.", uid=uid
            )
        case Departure.EXPIRED:
            return LeaseExpired(
                f"the lease of {uid} ran out before it was renewed. Register again.", uid=uid
            )
        case Departure.REMOVED:
            return LeaseNotFound(
                f"no lease belongs to {uid}: it was taken out, or never given. Register again.",
                uid=uid,
            )
        case _:
            assert_never(departure)
