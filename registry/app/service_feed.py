"""Tells clients how services and instances come and go.

The mirror's recent changes are kept, within bounds; each watcher has a place in them and
reads on when it gets round to it. One that is further behind, or resumes at an older
revision, reads the store's history; when that is compacted it is told so. So a slow
watcher costs nobody anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from registry.app.mirror import Mirror
from registry.app.service_event import ChangeBatch, Checkpoint, ServiceEvent, SnapshotPart
from registry.app.uptime import Uptime
from registry.domain.change import Change, InstancePut, service_of
from registry.domain.errors import RevisionInFuture
from registry.domain.instance import Instance
from registry.domain.names import NamespaceId, Revision, ServiceId, ServiceKey
from registry.domain.service import Service
from registry.ports import Clock, Store

__all__ = ["ChangeBatch", "Checkpoint", "ServiceEvent", "ServiceFeed", "SnapshotPart"]

CHECKPOINT_SECONDS = 1.0
RECENT_CHANGES = 10_000
FETCH_LIMIT = 1000
MESSAGE_OCTETS = 256 * 1024
"""About the size of one message; all changes of a revision go together even above it."""
INSTANCE_OCTETS = 400
"""About the size of an instance without its metadata."""


@dataclass(frozen=True, slots=True)
class _Fold:
    """What one fold of the mirror told: all changes after `before`, up to `revision`."""

    before: Revision
    revision: Revision
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a watcher asked for."""

    namespace: NamespaceId | None
    service: ServiceId | None

    def holds(self, key: ServiceKey) -> bool:
        """Whether a service is part of it."""
        if self.namespace is not None and key.namespace != self.namespace:
            return False
        return self.service is None or key.service == self.service


class ServiceFeed:
    """The recent changes, and those who watch them."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        clock: Clock,
        uptime: Uptime,
        *,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        recent_changes: int = RECENT_CHANGES,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._uptime = uptime
        self._checkpoint_seconds = checkpoint_seconds
        self._recent_changes = recent_changes
        self._folds: list[_Fold] = []
        self._first_serial = 0
        """The number of `_folds[0]`; folds are numbered through for ever."""
        self._kept = 0
        self._revision = mirror.revision
        self._set_back = 0
        """How often history went back under us: whoever watched before must begin anew."""
        self._watchers: set[asyncio.Event] = set()
        mirror.subscribe(self._heard)

    def __repr__(self) -> str:
        return (
            f"<ServiceFeed revision={self._revision} recent={self._kept} "
            f"watchers={len(self._watchers)}>"
        )

    async def run(self) -> None:
        """Give the beat of checkpoints, for ever."""
        while True:
            await self._clock.sleep(self._checkpoint_seconds)
            self._wake()

    async def watch(
        self,
        namespace: NamespaceId | None,
        service: ServiceId | None,
        start_revision: Revision,
    ) -> AsyncGenerator[ServiceEvent, None]:
        """Follow a namespace, a service, or all, for ever.

        A `start_revision` of 0 begins with a snapshot. Close the iterator when the watcher
        goes away. Raises RevisionCompacted when the history needed is gone,
        RevisionInFuture, StoreUnavailable.
        """
        scope = _Scope(namespace, service)
        wake = asyncio.Event()
        self._watchers.add(wake)
        set_back = self._set_back
        try:
            reached = start_revision
            if reached == 0:
                reached = self._mirror.revision
                for part in self._snapshot(scope):
                    yield part
            told_at = self._clock.monotonic()
            while True:
                wake.clear()
                if set_back != self._set_back:
                    raise _set_back(reached, self._mirror.revision)
                async for batch in self._changes_after(reached):
                    for event in _batches(batch, scope, reached):
                        told_at = self._clock.monotonic()
                        yield event
                    reached = max(reached, batch.revision)
                if self._clock.monotonic() - told_at >= 0.9 * self._checkpoint_seconds:
                    told_at = self._clock.monotonic()
                    yield Checkpoint(reached)
                await wake.wait()
        finally:
            self._watchers.discard(wake)

    # _changes_after
    #
    #   the watcher is                      it reads
    #   ----------------------------------  ----------------------------------------------
    #   at the mirror's revision            nothing
    #   behind, within the recent folds     those
    #   behind, before the recent folds     the store, until it is within them
    #   ahead of the mirror                 the store: this node is behind another, or the
    #                                       revision is none (RevisionInFuture)
    async def _changes_after(self, reached: Revision) -> AsyncGenerator[_Fold, None]:
        while reached != self._revision:
            serial = self._serial_after(reached)
            if serial is None:
                with self._uptime.asking():
                    changes = await self._store.changes_after(reached, FETCH_LIMIT)
                if not changes:
                    # Nothing there that this node has not folded: it is about to.
                    self._mirror.wake()
                    return
                fold = _Fold(reached, changes[-1].revision, tuple(changes))
                yield fold
                reached = fold.revision
                continue
            while serial < self._first_serial + len(self._folds):
                if serial < self._first_serial:
                    break
                fold = self._folds[serial - self._first_serial]
                yield fold
                reached = fold.revision
                serial += 1

    def _serial_after(self, reached: Revision) -> int | None:
        if not self._folds or not self._folds[0].before <= reached <= self._revision:
            return None
        low, high = 0, len(self._folds)
        while low < high:
            middle = (low + high) // 2
            if self._folds[middle].revision <= reached:
                low = middle + 1
            else:
                high = middle
        return self._first_serial + low

    def _snapshot(self, scope: _Scope) -> Iterator[SnapshotPart]:
        # Copied at once: the mirror moves on while the watcher reads.
        revision = self._mirror.revision
        services = [
            one
            for one in self._mirror.services.values()
            if one.tombstone_time_ms is None and scope.holds(one.key)
        ]
        instances = [
            one for one in self._mirror.instances.values() if scope.holds(one.key.service_key)
        ]
        return _parts(revision, services, instances)

    def _heard(self, changes: Sequence[Change]) -> None:
        before, self._revision = self._revision, self._mirror.revision
        if self._revision < before:
            self._set_back += 1
            self._first_serial += len(self._folds)
            self._folds.clear()
            self._kept = 0
        else:
            # A reload tells no history but what leads to the present; put in order it is
            # as good for one who comes from before.
            in_order = tuple(sorted(changes, key=lambda change: change.revision))
            self._folds.append(_Fold(before, self._revision, in_order))
            self._kept += len(in_order)
            while self._kept > self._recent_changes and len(self._folds) > 1:
                self._kept -= len(self._folds.pop(0).changes)
                self._first_serial += 1
        self._wake()

    def _wake(self) -> None:
        for wake in self._watchers:
            wake.set()


def _parts(
    revision: Revision, services: Sequence[Service], instances: Sequence[Instance]
) -> Iterator[SnapshotPart]:
    chunk_services: list[Service] = []
    chunk_instances: list[Instance] = []
    room = MESSAGE_OCTETS
    for service in services:
        chunk_services.append(service)
        room -= INSTANCE_OCTETS
        if room <= 0:
            yield SnapshotPart(revision, tuple(chunk_services), (), complete=False)
            chunk_services.clear()
            room = MESSAGE_OCTETS
    for instance in instances:
        chunk_instances.append(instance)
        room -= _octets_of(instance)
        if room <= 0:
            yield SnapshotPart(
                revision, tuple(chunk_services), tuple(chunk_instances), complete=False
            )
            chunk_services.clear()
            chunk_instances.clear()
            room = MESSAGE_OCTETS
    yield SnapshotPart(revision, tuple(chunk_services), tuple(chunk_instances), complete=True)


def _batches(fold: _Fold, scope: _Scope, reached: Revision) -> Iterator[ChangeBatch]:
    chunk: list[Change] = []
    room = MESSAGE_OCTETS
    for change in _wanted(fold.changes, scope, reached):
        if room <= 0 and chunk[-1].revision != change.revision:
            yield ChangeBatch(chunk[-1].revision, tuple(chunk))
            chunk.clear()
            room = MESSAGE_OCTETS
        chunk.append(change)
        room -= _octets_of(change.instance) if isinstance(change, InstancePut) else 100
    if chunk:
        yield ChangeBatch(fold.revision, tuple(chunk))


def _wanted(changes: Iterable[Change], scope: _Scope, reached: Revision) -> Iterator[Change]:
    for change in changes:
        if change.revision > reached and scope.holds(service_of(change)):
            yield change


def _octets_of(instance: Instance) -> int:
    pairs = instance.registration.metadata.items()
    return INSTANCE_OCTETS + sum(len(key) + len(value) for key, value in pairs)


def _set_back(reached: Revision, revision: Revision) -> RevisionInFuture:
    return RevisionInFuture(
        f"The registry's history went back from revision {reached} to {revision}. "
        "Begin anew with a snapshot.",
        start_revision=reached,
        revision=revision,
    )
