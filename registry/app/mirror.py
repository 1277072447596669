"""This node's copy of all services and instances, folded from the registry's history.

Own commits are folded as soon as they are made; other nodes' are fetched at once when a
notice, or an own commit, shows that there are some, and on a poll in any case. All others
read the copy and never write it. It holds no leases and decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.uptime import Uptime
from registry.domain.change import (
    Change,
    InstancePut,
    InstanceRemoved,
    ServicePut,
    ServiceRemoved,
)
from registry.domain.errors import RevisionCompacted, RevisionInFuture, StoreUnavailable
from registry.domain.instance import Instance
from registry.domain.names import Incarnation, InstanceKey, Revision, ServiceKey
from registry.domain.notice import Notice, Topic
from registry.domain.place import Departure
from registry.domain.service import Service
from registry.ports import Clock, Notifier, Store

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
NOTICED_POLLS = 5.0
"""Polls are so many times as far apart while notices come."""
GAP_SECONDS = 0.02
"""From one fetch to the next, so that those of a busy registry are not one a commit."""
FETCH_LIMIT = 1000

Listener = Callable[[Sequence[Change]], None]


class Mirror:
    """Services and instances at one revision. Read the mappings, never write them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        uptime: Uptime,
        *,
        notifier: Notifier | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.revision = Revision(0)
        self.services: dict[ServiceKey, Service] = {}
        """Tombstoned ones too."""
        self.instances: dict[InstanceKey, Instance] = {}
        self.by_service: dict[ServiceKey, dict[InstanceKey, Instance]] = {}
        """Only services that have instances."""
        self.by_incarnation: dict[Incarnation, Instance] = {}
        self.renewals: dict[int, int] = {}
        """While listeners hear of a load: how often each lease had been renewed. Else empty."""
        self.departures: Sequence[Departure] = ()
        """Of the last load: places that were left shortly before it. Never the same one twice."""
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._poll_seconds = poll_seconds
        self._notifier = notifier
        self._listeners: list[Listener] = []
        self._alarm = Alarm(clock)
        self._awaited = Revision(0)
        """What an own commit or a notice showed to be there. It may not be true."""
        if notifier is not None:
            notifier.subscribe((Topic.HISTORY,), self._noticed)

    def __repr__(self) -> str:
        return (
            f"<Mirror revision={self.revision} services={len(self.services)} "
            f"instances={len(self.instances)}>"
        )

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with changes after each fold, in order; returns how to stop that.

        A load is told as the changes that lead from the copy before to the one after.
        """
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    async def load(self) -> None:
        """Read everything anew. Raises StoreUnavailable."""
        with self._uptime.asking():
            state = await self._store.state()
        if self.revision > state.revision:
            log.error(
                "the registry's history went back; was the database restored from a backup?",
                extra={"revision": state.revision, "known_revision": self.revision},
            )
        wanted = {instance.key: instance for instance in state.instances}
        services = {service.key: service for service in state.services}
        steps: list[Change] = [
            ServicePut(service.revision, service)
            if service.tombstone_time_ms is None
            else ServiceRemoved(service.revision, service)
            for key, service in services.items()
            if self.services.get(key) != service
        ]
        steps += [
            InstanceRemoved(state.revision, instance.key, instance.cell)
            for key, instance in self.instances.items()
            if key not in wanted
        ]
        steps += [
            InstancePut(instance.revision, instance)
            for key, instance in wanted.items()
            if self.instances.get(key) != instance
        ]
        for key in self.services.keys() - services.keys():
            del self.services[key]
        self.renewals = dict(state.renewals)
        self.departures = list(state.departures)
        try:
            self._fold(steps, state.revision)
        finally:
            self.renewals = {}

    def absorb(self, changes: Sequence[Change], revision: Revision) -> None:
        """Fold an own commit: `changes` are all of history from their first to `revision`.

        If another node committed in between, fetch that first instead.
        """
        fresh = [change for change in changes if change.revision > self.revision]
        if fresh and fresh[0].revision == self.revision + 1:
            self._fold(fresh, revision)
        elif revision > self.revision:
            self._await(revision)

    def forget(self, buried: frozenset[ServiceKey], revision: Revision) -> None:
        """Forget deleted services that the store has forgotten: all but `buried` at `revision`.

        No change tells of it: to whoever missed it a tombstone is as good as none.
        """
        gone = [
            key
            for key, service in self.services.items()
            if service.tombstone_time_ms is not None
            and service.revision <= revision
            and key not in buried
        ]
        for key in gone:
            del self.services[key]

    def wake(self) -> None:
        """Fetch at once what other nodes did."""
        self._await(Revision(self.revision + 1))

    async def follow(self) -> None:
        """Fetch other nodes' changes for ever."""
        soonest = float("-inf")
        while True:
            rung = await self._alarm.wait(self._pause_seconds)
            await self._clock.sleep(soonest - self._clock.monotonic())
            if rung and self.revision >= self._awaited:
                continue  # folded meanwhile: most notices are of what this node committed
            soonest = self._clock.monotonic() + GAP_SECONDS
            try:
                await self.catch_up()
            except StoreUnavailable as error:
                await self._clock.sleep(error.retry_after_seconds)

    async def catch_up(self) -> None:
        """Fetch and fold all there is. Raises StoreUnavailable."""
        while True:
            asked_from = self.revision
            try:
                with self._uptime.asking():
                    changes = await self._store.changes_after(asked_from, FETCH_LIMIT)
            except (RevisionCompacted, RevisionInFuture) as error:
                log.warning("reading everything anew", extra={"reason": error.message})
                telemetry.mirror_reloads.add(1)
                await self.load()
                return
            fresh = [change for change in changes if change.revision > self.revision]
            if fresh:
                self._fold(fresh, fresh[-1].revision)
            elif not changes:
                return

    @property
    def _pause_seconds(self) -> float:
        if self._notifier is not None and self._notifier.is_listening:
            return self._poll_seconds * NOTICED_POLLS
        return self._poll_seconds

    def _noticed(self, notice: Notice) -> None:
        if notice.topic is Topic.MISSED:
            self.wake()
        elif notice.number > self.revision:
            self._await(Revision(notice.number))

    def _await(self, revision: Revision) -> None:
        self._awaited = max(self._awaited, revision)
        self._alarm.ring()

    def _fold(self, changes: Sequence[Change], revision: Revision) -> None:
        for change in changes:
            match change:
                case InstancePut():
                    self._put(change.instance)
                case InstanceRemoved():
                    self._remove(change.key)
                case ServicePut() | ServiceRemoved():
                    self.services[change.service.key] = change.service
        self.revision = revision
        telemetry.mirror_revision.set(revision)
        for listener in tuple(self._listeners):
            try:
                listener(changes)
            except Exception:
                # One listener's fault is not the others' (I11), nor a reason to stop folding.
                log.exception("a listener of changes failed", extra={"revision": revision})

    def _put(self, instance: Instance) -> None:
        key = instance.key
        before = self.instances.get(key)
        if before is not None and before.incarnation != instance.incarnation:
            self.by_incarnation.pop(before.incarnation, None)
        self.instances[key] = instance
        siblings = self.by_service.get(key.service_key)
        if siblings is None:
            siblings = self.by_service[key.service_key] = {}
        siblings[key] = instance
        self.by_incarnation[instance.incarnation] = instance

    def _remove(self, key: InstanceKey) -> None:
        before = self.instances.pop(key, None)
        if before is None:
            return
        self.by_incarnation.pop(before.incarnation, None)
        siblings = self.by_service[key.service_key]
        del siblings[key]
        if not siblings:
            del self.by_service[key.service_key]
