"""What the registry's use cases need of the world, as protocols.

Real implementations and fakes stand side by side in registry/adapters. All raise
`StoreUnavailable` when the world does not answer, and nothing else of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from registry.domain.audit import AuditEntry, Deed
from registry.domain.change import Change
from registry.domain.frontend_record import Acknowledgement as Acknowledgement
from registry.domain.frontend_record import FrontendCell as FrontendCell
from registry.domain.frontend_record import FrontendRecord as FrontendRecord
from registry.domain.gc import Cleaned as Cleaned
from registry.domain.gc import Keep
from registry.domain.health import Evidence
from registry.domain.instance import Check, Instance
from registry.domain.intervention import ALL_CELLS as ALL_CELLS
from registry.domain.intervention import Freeze as Freeze
from registry.domain.intervention import Pin as Pin
from registry.domain.intervention import Rollback as Rollback
from registry.domain.leadership import Leadership as Leadership
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
from registry.domain.plan import Head, PlanDelta, PlanRecord, ServicePlan
from registry.domain.refused_entry import RefusedEntry
from registry.domain.remnant import Forgotten as Forgotten
from registry.domain.role import Role
from registry.domain.served_name import ServedName
from registry.domain.service import Namespace, Service
from registry.domain.sighting import Claim
from registry.domain.stage_report import StageReport, StageWord
from registry.domain.state import State as State
from registry.domain.tally import Tally
from registry.domain.track import TrackRecord
from registry.domain.velocity import Tracks


class Clock(Protocol):
    """Time. Only `main` owns the real one."""

    def monotonic(self) -> float:
        """Seconds that never go back; for every duration."""
        ...

    def unix_ms(self) -> int:
        """Unix milliseconds; for records that people read."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Publication:
    """One compare-and-set of a cell's head."""

    fence: Fence
    record: PlanRecord
    """Its `parent_generation` is what the head must point to for this to succeed."""
    delta: PlanDelta
    base: Mapping[str, bytes] | None
    """All entries, now and then, so that no chain of deltas grows long."""
    names: Mapping[str, ServedName | None] = field(default_factory=dict)
    """What the database is to know of the names that change; None: gone."""
    heals: bool = False
    """Replace all that it knows of the cell's names: it contradicts the head (I10)."""
    rollback: Rollback | None = None
    """Set when an operator asks for this, who is bound by no epoch and no freeze."""
    tracks: Tracks = field(default_factory=dict)
    """What changes in the records of removals; see `velocity`."""
    deed: Deed | None = None
    """What is written down of it, with `rollback`."""


class Store(Protocol):
    """The database. A write is one transaction, its revision allocated there, in commit order."""

    async def open(self) -> None:
        """Connect, and check the schema. Raises SchemaOutdated, StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...

    async def apply(
        self,
        operations: Sequence[Operation],
        fence: Fence | None = None,
        tally: Tally | None = None,
    ) -> Applied:
        """Carry out operations in order, each by `registration.decide`; each stands by itself.

        Registrations that have no room are refused, whoever else writes (I9): a `tally` of these
        operations spares a look. Raises LeadershipLost, doing nothing, at another epoch's `fence`.
        """
        ...

    async def edit_service(
        self, edit: ServiceEdit, fence: Fence | None = None
    ) -> tuple[Service, Sequence[Change], Revision]:
        """Carry out one edit of a service. Raises what `service_edit` decides.

        Raises LeadershipLost, and does nothing, when `fence` is not the cell's epoch.
        """
        ...

    async def renew(self, lease_ids: Sequence[int]) -> frozenset[int]:
        """Renew leases durably and return those that exist no more. Makes no revision."""
        ...

    async def state(self) -> State:
        """Everything at one revision."""
        ...

    async def changes_after(self, revision: Revision, limit: int) -> Sequence[Change]:
        """History in order. Raises RevisionCompacted, RevisionInFuture.

        All changes of a revision come together even if that passes `limit`.
        """
        ...

    async def revision(self) -> Revision:
        """The last revision."""
        ...

    async def uid(self) -> str:
        """The database's own id: the same at all nodes that share it, and for ever."""
        ...

    async def compact(self, keep: int) -> Revision:
        """Forget history but for the last `keep` revisions; returns the oldest still kept."""
        ...

    async def find(self, incarnations: Sequence[Incarnation]) -> Mapping[Incarnation, Instance]:
        """Instances by uid, those that exist."""
        ...

    async def get_namespace(self, namespace: NamespaceId) -> Namespace | None:
        """A namespace, if it exists."""
        ...

    async def get_service(self, key: ServiceKey) -> Service | None:
        """A service, if it exists and is not tombstoned. Raises ServiceUnreadable."""
        ...

    async def get_instance(self, key: InstanceKey) -> Instance | None:
        """An instance, if it exists."""
        ...

    async def list_namespaces(self, after: str, limit: int) -> Sequence[Namespace]:
        """Namespaces with an id above `after`, by id."""
        ...

    async def list_services(
        self, namespace: NamespaceId | None, after: tuple[str, str], limit: int
    ) -> Sequence[Service]:
        """Live services above `after`, by (namespace, service); None means all namespaces."""
        ...

    async def list_instances(
        self,
        namespace: NamespaceId | None,
        service: str | None,
        after: tuple[str, str, str],
        limit: int,
    ) -> Sequence[Instance]:
        """Instances above `after`, by (namespace, service, instance); None means any."""
        ...

    async def begin_cells(self, own: Mapping[CellName, RegionName]) -> None:
        """Give each of these cells that is new a head at generation 0; writes nothing else."""
        ...

    async def lead(
        self, cell: CellName, region: RegionName, node: str, lease_seconds: float
    ) -> Leadership | None:
        """Take or keep the lead of a cell, by the database's clock; None while another has it.

        The epoch rises with each change of leader, and on its return (`node` names one run).
        """
        ...

    async def resign(self, cell: CellName, node: str) -> None:
        """Give up the lead at once, so that another need not wait."""
        ...

    async def publish(self, publication: Publication) -> bool:
        """Move the head by compare-and-set on (epoch, parent generation); False if it lost (I2).

        Raises LeadershipLost when the epoch is no longer the cell's, CellFrozen, and RuleBroken
        when the database itself refuses (I1, I4, I7).
        """
        ...

    async def names(self, cell: CellName) -> Mapping[str, ServedName]:
        """What the database knows of each name of a cell's head, by entry key."""
        ...

    async def tracks(self, cell: CellName) -> Mapping[ServiceKey | None, TrackRecord]:
        """What publications wrote of a cell's removals: by name, None for the cell itself."""
        ...

    async def note_seen(self, cell: CellName, claim: Claim) -> bool:
        """Keep what a frontend has, if this cell's chain never came so far; whether it is so."""
        ...

    async def clean(self, fence: Fence, keep: Keep) -> Cleaned:
        """Delete plans as `gc.removable` decides. Raises LeadershipLost, CellFrozen, RuleBroken."""
        ...

    async def forget(self, fence: Fence, keep: Keep) -> Forgotten:
        """Delete rows that nobody needs, as `remnant` says. Raises LeadershipLost, CellFrozen."""
        ...

    async def freeze(self, freeze: Freeze, deed: Deed | None = None) -> Freeze | None:
        """Stop a cell's automation, or all (I40). An earlier freeze stays, and is returned."""
        ...

    async def unfreeze(self, scope: str, deed: Deed | None = None) -> bool:
        """Undo a freeze; False if there was none."""
        ...

    async def freezes(self) -> Sequence[Freeze]:
        """All freezes, by scope."""
        ...

    async def pin(self, pin: Pin, deed: Deed | None = None) -> bool:
        """Keep a plan until it is unpinned; False if there is no such plan."""
        ...

    async def unpin(self, cell: CellName, generation: Generation, deed: Deed | None = None) -> bool:
        """Let a plan go with the others; False if it was not pinned."""
        ...

    async def note(self, deeds: Sequence[Deed]) -> None:
        """Write deeds down that were done elsewhere; one that is told again changes nothing."""
        ...

    async def audit(self, below: tuple[int, str] | None, limit: int) -> Sequence[AuditEntry]:
        """Entries below a position, the last received first; None begins there."""
        ...

    async def audit_entry(self, uid: str) -> AuditEntry | None:
        """One entry, if it is kept."""
        ...

    async def pins(self, cell: CellName) -> Sequence[Pin]:
        """The pinned plans of a cell, by generation."""
        ...

    async def heads(self) -> Sequence[Head]:
        """The heads of all cells, by name."""
        ...

    async def refuse(self, fence: Fence, refused: Sequence[RefusedEntry]) -> None:
        """Keep what a cell's leader refuses to publish, in place of what it said before.

        Raises LeadershipLost, CellFrozen.
        """
        ...

    async def read_plan(
        self, cell: CellName, generation: Generation
    ) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
        """A generation with all its entries, from its base and the deltas since."""
        ...

    async def newest_stored(self, cell: CellName) -> Generation:
        """The highest generation that is stored, whatever the head says; 0 when there is none."""
        ...

    async def deltas_after(
        self, cell: CellName, generation: Generation, limit: int
    ) -> Sequence[tuple[PlanRecord, PlanDelta]]:
        """The generations after one, in order, without a gap; empty if there is none."""
        ...

    async def list_plans(
        self, cell: CellName, before: Generation | None, limit: int
    ) -> Sequence[PlanRecord]:
        """Generations below `before`, newest first; None begins at the head."""
        ...

    async def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Keep what frontends said; for each cell only ever forward (I1)."""
        ...

    async def frontends(self) -> Sequence[FrontendRecord]:
        """All frontends ever seen, by id."""
        ...

    async def note_role(self, frontend: FrontendId, region: RegionName, role: Role) -> None:
        """Keep what a frontend is for; a canary is seen by this."""
        ...

    async def report_stage(self, report: StageReport) -> None:
        """Keep a canary's last word on a service's stage. A fault is never taken back."""
        ...

    async def stage_reports(self) -> Sequence[StageWord]:
        """The last word of each canary on each stage, by service and frontend."""
        ...

    async def observe(self, report: ObserverReport) -> Quarantine:
        """Keep an observer's last word on a cell; one without findings leaves them.

        Returns what the cell's leader last made of it.
        """
        ...

    async def observers(
        self, cell: CellName, known: Mapping[ObserverId, int]
    ) -> Sequence[ObserverRecord]:
        """The observers of a cell, by id; findings only of versions that are not `known`."""
        ...

    async def judge_observers(
        self, fence: Fence, held: Mapping[ObserverId, Quarantine], gone: Sequence[ObserverId]
    ) -> None:
        """Keep whom the leader believes, and forget who is gone. Raises LeadershipLost."""
        ...


class Notifier(Protocol):
    """Tells loops, of this node and of others, that something was committed.

    Nothing rests on it: who waits for a notice also looks, more seldom while `is_listening`.
    """

    @property
    def is_listening(self) -> bool:
        """Whether what other nodes commit is heard of here; its end is told as MISSED."""
        ...

    def subscribe(
        self, topics: Collection[Topic], listener: Callable[[Notice], None]
    ) -> Callable[[], None]:
        """Call `listener` with each notice of these topics; returns how to stop that.

        MISSED is told to everybody, and means: look, whatever you wait for.
        """
        ...

    def tell(self, notice: Notice) -> None:
        """Something was committed: wake this node's loops now, and others' soon. Never waits."""
        ...

    async def run(self) -> None:
        """Carry notices between nodes, for ever; returns if there is nothing to carry."""
        ...


class Prober(Protocol):
    """Tries whether an endpoint serves."""

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        """One try, of the instance that `key` names, at one of its addresses.

        VALIDATED, or a failure's kind: REFUSED, NOT_SERVING, WRONG_IDENTITY, TIMEOUT; NONE when
        this node could not even try. Never raises but for cancellation.
        """
        ...


class PlanCodec(Protocol):
    """Turns a service's plan into the octets that are hashed, stored and sent."""

    def encode(self, plan: ServicePlan) -> bytes:
        """The same plan always gives the same octets."""
        ...

    def decode(self, body: bytes) -> ServicePlan:
        """The inverse. Raises ValueError on garbage."""
        ...
