"""The store on a SQL database: each method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from uuid import uuid4

from sqlalchemy.exc import IntegrityError

from registry.adapters.store import (
    acknowledgements,
    audit,
    catalog_rows,
    cells,
    departures,
    freezes,
    history,
    leases,
    observers,
    pins,
    plan_cleanup,
    plans,
    registrations,
    remnants,
    schema_version,
    served_names,
    sightings,
    stages,
    tracks,
)
from registry.adapters.store.database import Database, Transaction
from registry.adapters.store.local_notifier import LocalNotifier
from registry.domain.audit import AuditEntry, Deed
from registry.domain.change import Change
from registry.domain.errors import RuleBroken
from registry.domain.gc import Keep
from registry.domain.instance import Instance
from registry.domain.names import (
    CellName,
    FrontendId,
    Generation,
    Incarnation,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceKey,
)
from registry.domain.notice import Notice, Topic
from registry.domain.observation import ObserverId
from registry.domain.observer import ObserverRecord, ObserverReport, Quarantine
from registry.domain.operation import Applied, Fence, Operation, ServiceEdit
from registry.domain.plan import Head, PlanDelta, PlanRecord
from registry.domain.refused_entry import RefusedEntry
from registry.domain.role import Role
from registry.domain.served_name import ServedName
from registry.domain.service import Namespace, Service
from registry.domain.sighting import Claim
from registry.domain.stage_report import StageReport, StageWord
from registry.domain.tally import Tally
from registry.domain.track import TrackRecord
from registry.ports import (
    Acknowledgement,
    Cleaned,
    Clock,
    Forgotten,
    Freeze,
    FrontendRecord,
    Leadership,
    Notifier,
    Pin,
    Publication,
    State,
)

T = TypeVar("T")


class SqlStore:
    """`registry.ports.Store` on any `Database`. The clock dates records; it decides nothing.

    What is committed is told to `notifier` after that, so that nobody's commit waits for it.
    """

    def __init__(self, database: Database, clock: Clock, notifier: Notifier | None = None) -> None:
        self._database = database
        self._clock = clock
        self._notifier: Notifier = LocalNotifier() if notifier is None else notifier

    def __repr__(self) -> str:
        return f"<SqlStore {self._database!r}>"

    async def open(self) -> None:
        """Connect, and check the schema. Raises SchemaOutdated, StoreUnavailable."""
        await self._database.open()
        try:
            await self._database.write(lambda tx: self._prepare(tx, str(uuid4())))
        except BaseException:
            await self._database.close()
            raise

    async def close(self) -> None:
        """Finish what is under way, and let go of all connections."""
        await self._database.close()

    def _prepare(self, tx: Transaction, uid: str) -> None:
        schema_version.check(tx, self._database.where)
        history.found(tx, uid)

    async def apply(
        self,
        operations: Sequence[Operation],
        fence: Fence | None = None,
        tally: Tally | None = None,
    ) -> Applied:
        """Carry out operations in order. Raises LeadershipLost."""
        now_ms = self._clock.unix_ms()
        applied = await self._database.write(
            lambda tx: registrations.apply(tx, operations, fence, tally, now_ms)
        )
        if applied.changes:
            self._notifier.tell(Notice(Topic.HISTORY, number=applied.revision))
        return applied

    async def edit_service(
        self, edit: ServiceEdit, fence: Fence | None = None
    ) -> tuple[Service, Sequence[Change], Revision]:
        """Carry out one edit of a service. Raises LeadershipLost."""
        now_ms = self._clock.unix_ms()
        service, changes, revision = await self._database.write(
            lambda tx: registrations.edit_service(tx, edit, fence, now_ms)
        )
        if changes:
            self._notifier.tell(Notice(Topic.HISTORY, number=revision))
        return service, changes, revision

    async def renew(self, lease_ids: Sequence[int]) -> frozenset[int]:
        """Renew leases durably and return those that exist no more."""
        now_ms = self._clock.unix_ms()
        return await self._database.write(lambda tx: leases.renew(tx, lease_ids, now_ms))

    async def state(self) -> State:
        """Everything at one revision."""
        now_ms = self._clock.unix_ms()
        return await self._database.read(lambda tx: history.state(tx, now_ms))

    async def changes_after(self, revision: Revision, limit: int) -> Sequence[Change]:
        """History in order. Raises RevisionCompacted, RevisionInFuture."""
        return await self._database.read(lambda tx: history.changes_after(tx, revision, limit))

    async def revision(self) -> Revision:
        """The last revision."""
        return await self._database.read(history.revision)

    async def uid(self) -> str:
        """The database's own id."""
        return await self._database.read(history.uid)

    async def compact(self, keep: int) -> Revision:
        """Forget history but for the last `keep` revisions; graves and deeds past their time."""
        now_ms = self._clock.unix_ms()

        def step(tx: Transaction) -> tuple[Revision, bool]:
            registrations.purge_graves(tx, now_ms)
            departures.purge(tx, now_ms)
            audit.prune(tx, now_ms)
            return history.compact(tx, keep)

        while True:
            oldest, more = await self._database.write(step)
            if not more:
                return oldest

    async def find(self, incarnations: Sequence[Incarnation]) -> Mapping[Incarnation, Instance]:
        """Instances by uid, those that exist."""
        return await self._database.read(lambda tx: catalog_rows.find(tx, incarnations))

    async def get_namespace(self, namespace: NamespaceId) -> Namespace | None:
        """A namespace, if it exists."""
        return await self._database.read(lambda tx: catalog_rows.get_namespace(tx, namespace))

    async def get_service(self, key: ServiceKey) -> Service | None:
        """A service, if it lives."""
        return await self._database.read(lambda tx: catalog_rows.get_service(tx, key))

    async def get_instance(self, key: InstanceKey) -> Instance | None:
        """An instance, if it exists."""
        return await self._database.read(lambda tx: catalog_rows.get_instance(tx, key))

    async def list_namespaces(self, after: str, limit: int) -> Sequence[Namespace]:
        """Namespaces above `after`, by id."""
        return await self._database.read(lambda tx: catalog_rows.list_namespaces(tx, after, limit))

    async def list_services(
        self, namespace: NamespaceId | None, after: tuple[str, str], limit: int
    ) -> Sequence[Service]:
        """Live services above `after`."""
        return await self._database.read(
            lambda tx: catalog_rows.list_services(tx, namespace, after, limit)
        )

    async def list_instances(
        self,
        namespace: NamespaceId | None,
        service: str | None,
        after: tuple[str, str, str],
        limit: int,
    ) -> Sequence[Instance]:
        """Instances above `after`."""
        return await self._database.read(
            lambda tx: catalog_rows.list_instances(tx, namespace, service, after, limit)
        )

    async def begin_cells(self, own: Mapping[CellName, RegionName]) -> None:
        """Give each of these cells that is new a head at generation 0; writes nothing else."""
        # looked for first: a database that only reads will do where all are known
        known = {head.cell for head in await self.heads()}
        new = {cell: region for cell, region in own.items() if cell not in known}
        if new:
            await self._database.write(lambda tx: cells.begin_all(tx, new))

    async def lead(
        self, cell: CellName, region: RegionName, node: str, lease_seconds: float
    ) -> Leadership | None:
        """Take or keep the lead of a cell; None while another has it."""
        now_ms = self._clock.unix_ms()
        return await self._database.write(
            lambda tx: cells.lead(tx, cell, region, node, lease_seconds, now_ms)
        )

    async def resign(self, cell: CellName, node: str) -> None:
        """Give up the lead at once."""
        if await self._database.write(lambda tx: cells.resign(tx, cell, node)):
            self._notifier.tell(Notice(Topic.LEAD, cell))

    async def publish(self, publication: Publication) -> bool:
        """Move the head by compare-and-set (I2). Raises LeadershipLost."""
        now_ms = self._clock.unix_ms()
        moved = await self._ruled(lambda tx: plans.publish(tx, publication, now_ms))
        if moved:
            record = publication.record
            self._notifier.tell(Notice(Topic.HEAD, record.cell, record.generation))
            if publication.rollback is not None:
                self._notifier.tell(Notice(Topic.FREEZE, record.cell))
        return moved

    async def _ruled(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._database.write(work)
        except IntegrityError as error:
            raise RuleBroken(
                f"the database refuses this: {' '.join(str(error.orig).split())[:300]}"
            ) from error

    async def names(self, cell: CellName) -> Mapping[str, ServedName]:
        """What the database knows of each name of a cell's head."""
        return await self._database.read(lambda tx: served_names.names(tx, cell))

    async def tracks(self, cell: CellName) -> Mapping[ServiceKey | None, TrackRecord]:
        """What publications wrote of a cell's removals."""
        return await self._database.read(lambda tx: tracks.tracks(tx, cell))

    async def note_seen(self, cell: CellName, claim: Claim) -> bool:
        """Keep what a frontend has that this chain never reached."""
        return await self._database.write(lambda tx: sightings.note_seen(tx, cell, claim))

    async def clean(self, fence: Fence, keep: Keep) -> Cleaned:
        """Delete plans that nobody can reach (I4). Raises LeadershipLost."""
        now_ms = self._clock.unix_ms()
        return await self._ruled(lambda tx: plan_cleanup.clean(tx, fence, keep, now_ms))

    async def forget(self, fence: Fence, keep: Keep) -> Forgotten:
        """Delete rows of what is no more. Raises LeadershipLost, CellFrozen."""
        now_ms = self._clock.unix_ms()
        return await self._database.write(lambda tx: remnants.forget(tx, fence, keep, now_ms))

    async def freeze(self, freeze: Freeze, deed: Deed | None = None) -> Freeze | None:
        """Stop a cell's automation, or all (I40)."""
        earlier = await self._by_hand(lambda tx: freezes.freeze(tx, freeze), deed)
        self._notifier.tell(Notice(Topic.FREEZE, freeze.scope))
        return earlier

    async def unfreeze(self, scope: str, deed: Deed | None = None) -> bool:
        """Undo a freeze."""
        undone = await self._by_hand(lambda tx: freezes.unfreeze(tx, scope), deed)
        if undone:
            self._notifier.tell(Notice(Topic.FREEZE, scope))
        return undone

    async def freezes(self) -> Sequence[Freeze]:
        """All freezes, by scope."""
        return await self._database.read(freezes.freezes)

    async def pin(self, pin: Pin, deed: Deed | None = None) -> bool:
        """Keep a plan until it is unpinned."""
        return await self._by_hand(lambda tx: pins.pin(tx, pin), deed)

    async def unpin(self, cell: CellName, generation: Generation, deed: Deed | None = None) -> bool:
        """Let a plan go with the others."""
        return await self._by_hand(lambda tx: pins.unpin(tx, cell, generation), deed)

    async def _by_hand(self, work: Callable[[Transaction], T], deed: Deed | None) -> T:
        """Do it and write it down; what found nothing to do (False) is not written."""
        now_ms = self._clock.unix_ms()

        def step(tx: Transaction) -> T:
            done = work(tx)
            if deed is not None and done is not False:
                audit.note(tx, [deed], now_ms)
            return done

        return await self._database.write(step)

    async def note(self, deeds: Sequence[Deed]) -> None:
        """Write deeds down that were done elsewhere."""
        now_ms = self._clock.unix_ms()
        await self._database.write(lambda tx: audit.note(tx, deeds, now_ms))

    async def audit(self, below: tuple[int, str] | None, limit: int) -> Sequence[AuditEntry]:
        """Entries below a position, the last received first."""
        return await self._database.read(lambda tx: audit.entries(tx, below, limit))

    async def audit_entry(self, uid: str) -> AuditEntry | None:
        """One entry, if it is kept."""
        return await self._database.read(lambda tx: audit.entry(tx, uid))

    async def pins(self, cell: CellName) -> Sequence[Pin]:
        """The pinned plans of a cell."""
        return await self._database.read(lambda tx: pins.pins(tx, cell))

    async def heads(self) -> Sequence[Head]:
        """The heads of all cells, by name."""
        return await self._database.read(cells.heads)

    async def refuse(self, fence: Fence, refused: Sequence[RefusedEntry]) -> None:
        """Keep what is refused in a cell. Raises LeadershipLost, CellFrozen."""
        await self._database.write(lambda tx: cells.refuse(tx, fence, refused))

    async def read_plan(
        self, cell: CellName, generation: Generation
    ) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
        """A generation with all its entries."""
        return await self._database.read(lambda tx: plans.read_plan(tx, cell, generation))

    async def newest_stored(self, cell: CellName) -> Generation:
        """The highest generation that is stored, whatever the head says."""
        return await self._database.read(lambda tx: plans.newest_stored(tx, cell))

    async def deltas_after(
        self, cell: CellName, generation: Generation, limit: int
    ) -> Sequence[tuple[PlanRecord, PlanDelta]]:
        """The generations after one, in order, without a gap."""
        return await self._database.read(lambda tx: plans.deltas_after(tx, cell, generation, limit))

    async def list_plans(
        self, cell: CellName, before: Generation | None, limit: int
    ) -> Sequence[PlanRecord]:
        """Generations below `before`, newest first."""
        return await self._database.read(lambda tx: plans.list_plans(tx, cell, before, limit))

    async def acknowledge(self, acknowledgements_: Sequence[Acknowledgement]) -> None:
        """Keep what frontends said; only ever forward (I1)."""
        if acknowledgements_:
            await self._database.write(
                lambda tx: acknowledgements.acknowledge(tx, acknowledgements_)
            )

    async def frontends(self) -> Sequence[FrontendRecord]:
        """All frontends ever seen, by id."""
        return await self._database.read(acknowledgements.frontends)

    async def note_role(self, frontend: FrontendId, region: RegionName, role: Role) -> None:
        """Keep what a frontend is for."""
        now_ms = self._clock.unix_ms()
        await self._database.write(lambda tx: stages.note_role(tx, frontend, region, role, now_ms))

    async def report_stage(self, report: StageReport) -> None:
        """Keep a canary's last word on a service's stage."""
        await self._database.write(lambda tx: stages.report(tx, report))

    async def stage_reports(self) -> Sequence[StageWord]:
        """The last word of each canary on each stage."""
        return await self._database.read(stages.reports)

    async def observe(self, report: ObserverReport) -> Quarantine:
        """Keep an observer's last word on a cell; returns what its leader makes of it."""
        return await self._database.write(lambda tx: observers.observe(tx, report))

    async def observers(
        self, cell: CellName, known: Mapping[ObserverId, int]
    ) -> Sequence[ObserverRecord]:
        """The observers of a cell, by id."""
        return await self._database.read(lambda tx: observers.observers(tx, cell, known))

    async def judge_observers(
        self, fence: Fence, held: Mapping[ObserverId, Quarantine], gone: Sequence[ObserverId]
    ) -> None:
        """Keep whom the leader believes, and forget who is gone. Raises LeadershipLost."""
        await self._database.write(lambda tx: observers.judge(tx, fence, held, gone))
