"""A store in memory: the fake that keeps the same contract, for tests and for playing.

Decides by the same functions as the SQL store. `outage` makes every call fail as an
unreachable database does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from registry.adapters.store.acknowledgements import hear
from registry.adapters.store.blob import encode_delta, encode_entries
from registry.adapters.store.history import check_start
from registry.adapters.store.ledger import Ledger
from registry.adapters.store.plans import check_publication, replay
from registry.adapters.store.registrations import leadership_lost
from registry.domain.change import Change
from registry.domain.errors import StoreUnavailable
from registry.domain.instance import Instance
from registry.domain.names import (
    CellName,
    Epoch,
    FrontendId,
    Generation,
    Incarnation,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceKey,
)
from registry.domain.operation import Applied, DeleteService, Fence, Operation, ServiceEdit
from registry.domain.plan import Head, PlanDelta, PlanRecord
from registry.domain.registration import GRAVE_SECONDS, Grave
from registry.domain.service import Namespace, Service
from registry.ports import (
    Acknowledgement,
    Clock,
    FrontendCell,
    FrontendRecord,
    Leadership,
    Publication,
    State,
)


@dataclass(slots=True)
class _Cell:
    head: Head
    leader_until_ms: int = 0
    plans: dict[Generation, Publication] = field(default_factory=dict)


class MemoryStore:
    """`registry.ports.Store` without a database. Forgets everything with the process."""

    def __init__(self, clock: Clock) -> None:
        self.outage = False
        self._clock = clock
        self._uid = str(uuid4())
        self._revision = Revision(0)
        self._compacted = Revision(0)
        self._namespaces: dict[NamespaceId, Namespace] = {}
        self._services: dict[ServiceKey, Service] = {}
        self._instances: dict[InstanceKey, Instance] = {}
        self._renewals: dict[int, int] = {}
        self._graves: list[Grave] = []
        self._changes: list[Change] = []
        self._cells: dict[CellName, _Cell] = {}
        self._frontends: dict[FrontendId, FrontendRecord] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore revision {self._revision}, {len(self._instances)} instances>"

    async def open(self) -> None:
        """Nothing to connect to."""
        self._answer()

    async def close(self) -> None:
        """Nothing to let go of."""

    def _answer(self) -> None:
        if self.outage:
            raise StoreUnavailable("the store is down, as asked", retry_after_seconds=1.0)

    async def apply(self, operations: Sequence[Operation], fence: Fence | None = None) -> Applied:
        """Carry out operations in order. Raises LeadershipLost."""
        self._answer()
        if fence is not None:
            cell = self._cells.get(fence.cell)
            if cell is None or cell.head.epoch != fence.epoch:
                raise leadership_lost(fence, None if cell is None else cell.head.epoch)
        ledger = self._ledger()
        outcomes = tuple(ledger.carry_out(operation) for operation in operations)
        self._keep(ledger)
        return Applied(outcomes, tuple(ledger.changes), self._revision)

    async def edit_service(self, edit: ServiceEdit) -> tuple[Service, Sequence[Change], Revision]:
        """Create, update or delete a service."""
        self._answer()
        ledger = self._ledger()
        members = (
            [i for key, i in sorted(self._instances.items()) if key.service_key == edit.key]
            if isinstance(edit, DeleteService)
            else []
        )
        service = ledger.edit(edit, members)
        self._keep(ledger)
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
        )

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

    async def uid(self) -> str:
        """The database's own id."""
        self._answer()
        return self._uid

    async def compact(self, keep: int) -> Revision:
        """Forget history but for the last `keep` revisions, and graves past their time."""
        self._answer()
        self._compacted = Revision(max(self._compacted, self._revision - max(0, keep)))
        self._changes = [c for c in self._changes if c.revision > self._compacted]
        oldest_ms = self._clock.unix_ms() - GRAVE_SECONDS * 1000
        self._graves = [grave for grave in self._graves if grave.removed_ms >= oldest_ms]
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

    async def lead(
        self, cell: CellName, region: RegionName, node: str, lease_seconds: float
    ) -> Leadership | None:
        """Take or keep the lead of a cell, by the store's clock; None while another has it."""
        self._answer()
        now_ms = self._clock.unix_ms()
        kept = self._cells.setdefault(
            cell, _Cell(Head(cell, region, Epoch(0), Generation(0), b"", 0, ""))
        )
        leader = kept.head.leader
        if leader not in ("", node) and kept.leader_until_ms > now_ms:
            return None
        epoch = kept.head.epoch if leader == node else Epoch(kept.head.epoch + 1)
        kept.head = replace(kept.head, region=region, epoch=epoch, leader=node)
        kept.leader_until_ms = now_ms + round(lease_seconds * 1000)
        return Leadership(epoch, kept.head)

    async def resign(self, cell: CellName, node: str) -> None:
        """Give up the lead at once."""
        self._answer()
        kept = self._cells.get(cell)
        if kept is not None and kept.head.leader == node:
            kept.head = replace(kept.head, leader="")

    async def publish(self, publication: Publication) -> bool:
        """Move the head by compare-and-set (I2). Raises LeadershipLost."""
        self._answer()
        check_publication(publication)
        fence, record = publication.fence, publication.record
        cell = self._cells.get(fence.cell)
        if cell is None or cell.head.epoch != fence.epoch:
            raise leadership_lost(fence, None if cell is None else cell.head.epoch)
        if cell.head.generation != record.parent_generation:
            return False
        cell.plans[record.generation] = publication
        cell.head = replace(
            cell.head,
            generation=record.generation,
            digest=record.digest,
            publish_time_ms=record.create_time_ms,
        )
        return True

    async def heads(self) -> Sequence[Head]:
        """The heads of all cells, by name."""
        self._answer()
        return [self._cells[name].head for name in sorted(self._cells)]

    async def read_plan(
        self, cell: CellName, generation: Generation
    ) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
        """A generation with all its entries."""
        self._answer()
        chain = [p for p in self._chain(cell) if p.record.generation <= generation]
        if not chain:
            return None
        rows = [
            (p.record, encode_delta(p.delta), None if p.base is None else encode_entries(p.base))
            for p in chain
        ]
        return replay(rows, generation)

    async def deltas_after(
        self, cell: CellName, generation: Generation, limit: int
    ) -> Sequence[tuple[PlanRecord, PlanDelta]]:
        """The generations after one, in order, without a gap."""
        self._answer()
        later = [p for p in self._chain(cell) if p.record.generation > generation][:limit]
        if later and later[0].record.parent_generation != generation:
            return []
        return [(publication.record, publication.delta) for publication in later]

    async def list_plans(
        self, cell: CellName, before: Generation | None, limit: int
    ) -> Sequence[PlanRecord]:
        """Generations below `before`, newest first."""
        self._answer()
        records = [publication.record for publication in self._chain(cell)]
        records.reverse()
        return [r for r in records if before is None or r.generation < before][:limit]

    def _chain(self, cell: CellName) -> Iterable[Publication]:
        return list(self._cells[cell].plans.values()) if cell in self._cells else []

    async def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Keep what frontends said; only ever forward (I1)."""
        self._answer()
        for word in acknowledgements:
            record = self._frontends.get(word.frontend)
            cells: dict[CellName, FrontendCell] = (
                {} if record is None else {cell.cell: cell for cell in record.cells}
            )
            cells[word.cell] = hear(cells.get(word.cell), word)
            self._frontends[word.frontend] = FrontendRecord(
                word.frontend,
                word.region,
                tuple(cells[name] for name in sorted(cells)),
                max(word.time_ms, 0 if record is None else record.seen_ms),
            )

    async def frontends(self) -> Sequence[FrontendRecord]:
        """All frontends ever seen, by id."""
        self._answer()
        return [self._frontends[id_] for id_ in sorted(self._frontends)]
