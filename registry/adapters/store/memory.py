"""A store in memory: the fake that keeps the same contract, for tests and for playing.

Decides by the same functions as the SQL store. `outage` makes every call fail as an
unreachable database does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from registry.adapters.store.history import check_start
from registry.adapters.store.ledger import Ledger
from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.memory_observers import MemoryObservers
from registry.domain.change import Change
from registry.domain.gc import Keep
from registry.domain.grave import GRAVE_SECONDS, Grave
from registry.domain.instance import Instance
from registry.domain.names import (
    Incarnation,
    InstanceKey,
    NamespaceId,
    Revision,
    ServiceKey,
)
from registry.domain.notice import Notice, Topic
from registry.domain.operation import (
    Applied,
    CreateService,
    DeleteService,
    Fence,
    Operation,
    ServiceEdit,
)
from registry.domain.place import DRAIN_SECONDS, Departure, Place
from registry.domain.refused_entry import RefusedEntry
from registry.domain.remnant import Buried, Memory, frontend_is_gone, service_is_forgotten
from registry.domain.room import MOST, NOTHING
from registry.domain.served_name import Asked
from registry.domain.service import Namespace, Service
from registry.domain.tally import Tally, crowded
from registry.ports import (
    Clock,
    Forgotten,
    State,
)


class MemoryStore(MemoryObservers):
    """`registry.ports.Store` without a database. Forgets everything with the process."""

    def __init__(self, clock: Clock, notifier: LocalNotifier | None = None) -> None:
        super().__init__(clock, notifier)
        self._uid = str(uuid4())
        self._revision = Revision(0)
        self._compacted = Revision(0)
        self._namespaces: dict[NamespaceId, Namespace] = {}
        self._instances: dict[InstanceKey, Instance] = {}
        self._renewals: dict[int, int] = {}
        self._graves: list[Grave] = []
        self._changes: list[Change] = []

    def __repr__(self) -> str:
        return f"<MemoryStore revision {self._revision}, {len(self._instances)} instances>"

    async def forget(self, fence: Fence, keep: Keep) -> Forgotten:
        """Delete rows of what is no more. Raises LeadershipLost, CellFrozen."""
        self._answer()
        self._check_fence(fence)
        now_ms = self._clock.unix_ms()
        silent_ms = now_ms - round(keep.frontend_seconds * 1000)
        frontends = [
            id_ for id_, one in self._frontends.items() if frontend_is_gone(one.seen_ms, silent_ms)
        ]
        for id_ in frontends:
            del self._frontends[id_]
        plans = [list(cell.plans.values()) for cell in self._cells.values()]
        memory = Memory(
            oldest=min((made.record.revision for chain in plans for made in chain), default=None)
            if all(plans)
            else None,
            rolled_back=any(made.rollback is not None for chain in plans for made in chain),
            young_ms=now_ms - round(keep.seconds * 1000),
        )
        services = [
            key
            for key, service in self._services.items()
            if service.tombstone_time_ms is not None
            and service_is_forgotten(
                Buried(key, service.revision, service.tombstone_time_ms, self._is_answered(key)),
                memory,
            )
        ]
        for key in services:
            del self._services[key]
        buried = (k for k, each in self._services.items() if each.tombstone_time_ms is not None)
        return Forgotten(frontends, services, frozenset(buried), self._revision)

    def _is_answered(self, key: ServiceKey) -> bool:
        names = (cell.names.get(key.entry) for cell in self._cells.values())
        return any(
            name is not None and (name.servable > 0 or name.asked is not Asked.TOMBSTONE)
            for name in names
        )

    async def open(self) -> None:
        """Nothing to connect to."""
        self._answer()

    async def close(self) -> None:
        """Nothing to let go of."""

    async def apply(
        self,
        operations: Sequence[Operation],
        fence: Fence | None = None,
        tally: Tally | None = None,
    ) -> Applied:
        """Carry out operations in order. Raises LeadershipLost."""
        self._answer()
        if fence is not None:
            self._check_fence(fence)
        ledger = self._ledger()
        ledger.most = MOST if tally is None else tally.most
        heard_all = tally is not None and tally.revision == self._revision
        for place in crowded(operations, tally, NOTHING if heard_all else None):
            ledger.count(place, self._instances.values())
        outcomes = tuple(ledger.carry_out(operation) for operation in operations)
        self._keep(ledger)
        return Applied(outcomes, tuple(ledger.changes), self._revision)

    async def edit_service(
        self, edit: ServiceEdit, fence: Fence | None = None
    ) -> tuple[Service, Sequence[Change], Revision]:
        """Carry out one edit of a service. Raises LeadershipLost."""
        self._answer()
        if fence is not None:
            self._check_fence(fence)
        ledger = self._ledger()
        members = (
            [i for key, i in sorted(self._instances.items()) if key.service_key == edit.key]
            if isinstance(edit, DeleteService)
            else []
        )
        ledger.served = self._served(edit.key)
        service = ledger.edit(edit, members)
        self._keep(ledger)
        if ledger.changes and not isinstance(edit, CreateService):
            self._forget_reports(edit.key, service)
        return service, tuple(ledger.changes), self._revision

    def _ledger(self) -> Ledger:
        ledger = Ledger(
            self._revision,
            self._uid,
            self._clock.unix_ms(),
            dict(self._instances),
            dict(self._services),
            set(self._namespaces),
            renewals=self._renewals,
        )
        for grave in self._graves:
            ledger.graves.setdefault(grave.key, []).append(grave)
        return ledger

    def _keep(self, ledger: Ledger) -> None:
        self._revision = ledger.revision
        self._instances = ledger.instances
        self._services = ledger.services
        self._namespaces.update((space.id, space) for space in ledger.new_namespaces)
        for lease in ledger.closed_leases:
            self._renewals.pop(lease, None)
        self._renewals.update(dict.fromkeys(ledger.opened_leases, 0))
        self._graves += ledger.new_graves.values()
        self._changes += ledger.changes
        self._note(*ledger.deeds)
        if ledger.changes:
            self._notifier.tell(Notice(Topic.HISTORY, number=self._revision))

    async def renew(self, lease_ids: Sequence[int]) -> frozenset[int]:
        """Renew leases and return those that exist no more."""
        self._answer()
        wanted = set(lease_ids)
        for lease in wanted & self._renewals.keys():
            self._renewals[lease] += 1
        return frozenset(wanted - self._renewals.keys())

    async def state(self) -> State:
        """Everything at one revision."""
        self._answer()
        return State(
            self._revision,
            [self._services[key] for key in sorted(self._services)],
            [self._instances[key] for key in sorted(self._instances)],
            dict(self._renewals),
            self._departures(),
        )

    def _departures(self) -> Sequence[Departure]:
        since_ms = self._clock.unix_ms() - DRAIN_SECONDS * 1000
        last: dict[tuple[ServiceKey, Place], int] = {}
        for grave in self._graves:
            for place in grave.places if grave.left_ms > since_ms else ():
                at = grave.key.service_key, place
                last[at] = max(grave.left_ms, last.get(at, 0))
        found = [Departure(service, place, ms) for (service, place), ms in last.items()]
        return sorted(found, key=lambda each: (each.left_ms, each.place, each.service))

    async def changes_after(self, revision: Revision, limit: int) -> Sequence[Change]:
        """History in order. Raises RevisionCompacted, RevisionInFuture."""
        self._answer()
        check_start(revision, self._revision, self._compacted)
        first = bisect_right(self._changes, revision, key=lambda change: change.revision)
        end = min(first + max(1, limit), len(self._changes))
        while 0 < end < len(self._changes) and (
            self._changes[end].revision == self._changes[end - 1].revision
        ):
            end += 1
        return self._changes[first:end]

    async def revision(self) -> Revision:
        """The last revision."""
        self._answer()
        return self._revision

    async def refuse(self, fence: Fence, refused: Sequence[RefusedEntry]) -> None:
        """Keep what is refused in a cell. Raises LeadershipLost, CellFrozen."""
        self._answer()
        cell = self._check_fence(fence)
        cell.head = replace(cell.head, refused=tuple(sorted(refused, key=lambda e: e.service)))

    async def uid(self) -> str:
        """The database's own id."""
        self._answer()
        return self._uid

    async def compact(self, keep: int) -> Revision:
        """Forget history but for the last `keep` revisions; graves and deeds past their time."""
        self._answer()
        self._compacted = Revision(max(self._compacted, self._revision - max(0, keep)))
        self._changes = [c for c in self._changes if c.revision > self._compacted]
        oldest_ms = self._clock.unix_ms() - GRAVE_SECONDS * 1000
        self._graves = [grave for grave in self._graves if grave.removed_ms >= oldest_ms]
        self._prune_audit()
        return Revision(self._compacted + 1)

    async def find(self, incarnations: Sequence[Incarnation]) -> Mapping[Incarnation, Instance]:
        """Instances by uid, those that exist."""
        self._answer()
        wanted = set(incarnations)
        return {i.incarnation: i for i in self._instances.values() if i.incarnation in wanted}

    async def get_namespace(self, namespace: NamespaceId) -> Namespace | None:
        """A namespace, if it exists."""
        self._answer()
        return self._namespaces.get(namespace)

    async def get_service(self, key: ServiceKey) -> Service | None:
        """A service, if it lives."""
        self._answer()
        service = self._services.get(key)
        return service if service is not None and service.tombstone_time_ms is None else None

    async def get_instance(self, key: InstanceKey) -> Instance | None:
        """An instance, if it exists."""
        self._answer()
        return self._instances.get(key)

    async def list_namespaces(self, after: str, limit: int) -> Sequence[Namespace]:
        """Namespaces above `after`, by id."""
        self._answer()
        return [self._namespaces[id_] for id_ in sorted(self._namespaces) if id_ > after][:limit]

    async def list_services(
        self, namespace: NamespaceId | None, after: tuple[str, str], limit: int
    ) -> Sequence[Service]:
        """Live services above `after`."""
        self._answer()
        return [
            self._services[key]
            for key in sorted(self._services)
            if tuple(key) > after
            and namespace in (None, key.namespace)
            and self._services[key].tombstone_time_ms is None
        ][:limit]

    async def list_instances(
        self,
        namespace: NamespaceId | None,
        service: str | None,
        after: tuple[str, str, str],
        limit: int,
    ) -> Sequence[Instance]:
        """Instances above `after`."""
        self._answer()
        return [
            self._instances[key]
            for key in sorted(self._instances)
            if tuple(key) > after
            and namespace in (None, key.namespace)
            and service in (None, key.service)
        ][:limit]
