"""The half of the store in memory that holds cells, plans and what frontends said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from registry.adapters.store.acknowledgements import hear
from registry.adapters.store.blob import encode_delta, encode_entries
from registry.adapters.store.cells import cell_frozen, leadership_lost
from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.memory_audit import MemoryAudit
from registry.adapters.store.plans import (
    attempt_of,
    check_publication,
    replay,
    rollback_freeze,
)
from registry.domain.audit import Deed
from registry.domain.errors import RuleBroken
from registry.domain.gc import Keep, Reach, StoredPlan, removable
from registry.domain.head import Move, Pointer, judge_move
from registry.domain.leadership import Bid, Seat, decide_lead
from registry.domain.names import (
    CellName,
    Epoch,
    FrontendId,
    Generation,
    NamespaceId,
    RegionName,
    ServiceId,
    ServiceKey,
)
from registry.domain.notice import Notice, Topic
from registry.domain.operation import Fence
from registry.domain.plan import Head, PlanDelta, PlanRecord
from registry.domain.role import Role
from registry.domain.served_name import Asked, ServedName, is_emptied
from registry.domain.service import Service
from registry.domain.sighting import Claim, Sighting, fold_claim
from registry.domain.stage_report import StageReport, StageWord
from registry.domain.track import TrackRecord
from registry.ports import (
    ALL_CELLS,
    Acknowledgement,
    Cleaned,
    Clock,
    Freeze,
    FrontendCell,
    FrontendRecord,
    Leadership,
    Pin,
    Publication,
)


@dataclass(slots=True)
class MemoryCell:
    """One cell, with its chain."""

    head: Head
    leader_until_ms: int = 0
    plans: dict[Generation, Publication] = field(default_factory=dict)
    names: dict[str, ServedName] = field(default_factory=dict)
    pins: dict[Generation, Pin] = field(default_factory=dict)
    tracks: dict[ServiceKey | None, TrackRecord] = field(default_factory=dict)


class MemoryPublication(MemoryAudit):
    """What `MemoryStore` knows of cells; never used by itself."""

    def __init__(self, clock: Clock, notifier: LocalNotifier | None = None) -> None:
        super().__init__(clock)
        self._notifier = notifier or LocalNotifier()
        self._services: dict[ServiceKey, Service] = {}
        self._cells: dict[CellName, MemoryCell] = {}
        self._frontends: dict[FrontendId, FrontendRecord] = {}
        self._freezes: dict[str, Freeze] = {}
        self._stage_words: dict[tuple[ServiceKey, FrontendId], StageWord] = {}

    def _check_fence(self, fence: Fence) -> MemoryCell:
        cell = self._cells.get(fence.cell)
        if cell is None or cell.head.epoch != fence.epoch:
            raise leadership_lost(fence, None if cell is None else cell.head.epoch)
        if self._frozen(fence.cell):
            raise cell_frozen(fence.cell)
        return cell

    def _frozen(self, cell: CellName) -> str:
        made = self._freezes.get(cell) or self._freezes.get(ALL_CELLS)
        return made.reason if made else ""

    async def begin_cells(self, own: Mapping[CellName, RegionName]) -> None:
        """Give each of these cells that is new a head at generation 0."""
        self._answer()
        for cell, region in own.items():
            empty = Head(cell, region, Epoch(0), Generation(0), b"", 0, "")
            self._cells.setdefault(cell, MemoryCell(empty))

    async def lead(
        self, cell: CellName, region: RegionName, node: str, lease_seconds: float
    ) -> Leadership | None:
        """Take or keep the lead of a cell, by the store's clock; None while another has it."""
        await self.begin_cells({cell: region})
        kept = self._cells[cell]
        head = kept.head
        granted = decide_lead(
            Seat(head.epoch, head.leader, kept.leader_until_ms, head.seen_epoch),
            Bid(node, round(lease_seconds * 1000), self._clock.unix_ms(), exclusive=False),
        )
        if granted is None:
            return None
        kept.head = replace(head, region=region, epoch=granted.epoch, leader=node)
        kept.leader_until_ms = granted.until_ms
        return Leadership(granted.epoch, replace(kept.head, frozen=self._frozen(cell)))

    async def resign(self, cell: CellName, node: str) -> None:
        """Give up the lead at once."""
        self._answer()
        kept = self._cells.get(cell)
        if kept is not None and kept.head.leader == node:
            kept.head = replace(kept.head, leader="")
            self._notifier.tell(Notice(Topic.LEAD, cell))

    async def publish(self, publication: Publication) -> bool:
        """Move the head as `judge_move` allows (I2). Raises LeadershipLost, RuleBroken."""
        self._answer()
        check_publication(publication)
        fence, record = publication.fence, publication.record
        cell = self._cells.get(fence.cell)
        if cell is None:
            raise leadership_lost(fence, None)
        at = Pointer(cell.head.epoch, cell.head.generation, bool(self._frozen(fence.cell)))
        match judge_move(at, attempt_of(publication)):
            case Move.DEPOSED:
                raise leadership_lost(fence, at.epoch)
            case Move.FROZEN:
                raise cell_frozen(fence.cell)
            case Move.LOST:
                return False
            case Move.BACKWARD:
                raise ValueError(f"generation {record.generation} is not above its parent")
        if publication.rollback is not None and record.epoch != at.epoch:
            return False
        cell.names = self._renamed(cell, publication)
        cell.tracks = {
            name: kept
            for name, kept in {**cell.tracks, **publication.tracks}.items()
            if kept is not None
        }
        cell.plans[record.generation] = publication
        cell.head = replace(
            cell.head,
            generation=record.generation,
            digest=record.digest,
            publish_time_ms=record.create_time_ms,
        )
        if publication.rollback is not None:
            made = rollback_freeze(record, publication.rollback)
            self._freezes.setdefault(made.scope, made)
            self._note(publication.deed)
            self._notifier.tell(Notice(Topic.FREEZE, made.scope))
        self._notifier.tell(Notice(Topic.HEAD, record.cell, record.generation))
        return True

    def _renamed(self, cell: MemoryCell, publication: Publication) -> dict[str, ServedName]:
        names = {} if publication.heals else dict(cell.names)
        for key, name in publication.names.items():
            namespace, _, id_ = key.partition("/")
            service = self._services.get(ServiceKey(NamespaceId(namespace), ServiceId(id_)))
            buried = service is not None and service.tombstone_time_ms is not None
            if is_emptied(names.get(key), name, service_is_tombstoned=buried):
                raise RuleBroken(f"{key} would lose its last endpoint without a tombstone")
            if name is None:
                names.pop(key, None)
            else:
                names[key] = name
        return names

    async def names(self, cell: CellName) -> Mapping[str, ServedName]:
        """What the store knows of each name of a cell's head."""
        self._answer()
        return dict(self._cells[cell].names) if cell in self._cells else {}

    async def tracks(self, cell: CellName) -> Mapping[ServiceKey | None, TrackRecord]:
        """What publications wrote of a cell's removals."""
        self._answer()
        return dict(self._cells[cell].tracks) if cell in self._cells else {}

    def _served(self, key: ServiceKey) -> Mapping[CellName, int]:
        rows = {name: self._cells[name].names.get(key.entry) for name in sorted(self._cells)}
        return {
            name: row.servable
            for name, row in rows.items()
            if row is not None and (row.servable > 0 or row.asked is Asked.SCALE_TO_ZERO)
        }

    async def note_seen(self, cell: CellName, claim: Claim) -> bool:
        """Keep what a frontend has that this chain never reached."""
        self._answer()
        kept = self._cells.get(cell)
        if kept is None:
            return False
        head = kept.head
        known = Sighting(head.seen_epoch, head.seen_generation)
        made = kept.plans.get(head.generation)
        epoch = head.epoch if made is None else made.record.epoch
        seen = fold_claim(known, epoch, head.generation, head.digest, claim)
        kept.head = replace(head, seen_epoch=seen.epoch, seen_generation=seen.generation)
        return seen != known

    async def clean(self, fence: Fence, keep: Keep) -> Cleaned:
        """Delete plans that nobody can reach (I4). Raises LeadershipLost."""
        self._answer()
        cell = self._check_fence(fence)
        head, now_ms = cell.head.generation, self._clock.unix_ms()
        below = sorted(generation for generation in cell.plans if generation <= head)
        if len(below) < keep.generations:
            return Cleaned(0, more=False)
        last = below[-keep.generations]
        silent_ms = now_ms - round(keep.frontend_seconds * 1000)
        applied = [
            said.generation
            for frontend in self._frontends.values()
            for said in frontend.cells
            if said.cell == fence.cell and said.generation > 0 and frontend.seen_ms >= silent_ms
        ]
        restored = [
            generation
            for made in cell.plans.values()
            if made.rollback is not None and made.record.generation >= last
            for generation in (made.rollback.restored_generation, made.record.parent_generation)
        ]
        reach = Reach(
            head=head,
            last=last,
            pinned=frozenset(cell.pins),
            restored=frozenset(restored),
            slowest=min(applied, default=None),
            young_ms=now_ms - round(keep.seconds * 1000),
        )
        plans = [
            StoredPlan(generation, made.record.create_time_ms, made.base is not None)
            for generation, made in sorted(cell.plans.items())
        ]
        gone = removable(plans, reach, complete=True)
        for generation in gone:
            del cell.plans[generation]
        return Cleaned(len(gone), more=False)

    async def freeze(self, freeze: Freeze, deed: Deed | None = None) -> Freeze | None:
        """Stop a cell's automation, or all (I40)."""
        self._answer()
        made = self._freezes.setdefault(freeze.scope, freeze)
        self._note(deed)
        self._notifier.tell(Notice(Topic.FREEZE, freeze.scope))
        return None if made is freeze else made

    async def unfreeze(self, scope: str, deed: Deed | None = None) -> bool:
        """Undo a freeze."""
        self._answer()
        undone = self._freezes.pop(scope, None) is not None
        if undone:
            self._note(deed)
            self._notifier.tell(Notice(Topic.FREEZE, scope))
        return undone

    async def freezes(self) -> Sequence[Freeze]:
        """All freezes, by scope."""
        self._answer()
        return [self._freezes[scope] for scope in sorted(self._freezes)]

    async def pin(self, pin: Pin, deed: Deed | None = None) -> bool:
        """Keep a plan until it is unpinned."""
        self._answer()
        cell = self._cells.get(pin.cell)
        if cell is None or pin.generation not in cell.plans:
            return False
        cell.pins[pin.generation] = pin
        self._note(deed)
        return True

    async def unpin(self, cell: CellName, generation: Generation, deed: Deed | None = None) -> bool:
        """Let a plan go with the others."""
        self._answer()
        if cell not in self._cells or self._cells[cell].pins.pop(generation, None) is None:
            return False
        self._note(deed)
        return True

    async def pins(self, cell: CellName) -> Sequence[Pin]:
        """The pinned plans of a cell."""
        self._answer()
        kept = self._cells.get(cell)
        return [] if kept is None else [kept.pins[number] for number in sorted(kept.pins)]

    async def heads(self) -> Sequence[Head]:
        """The heads of all cells, by name."""
        self._answer()
        return [
            replace(self._cells[name].head, frozen=self._frozen(name))
            for name in sorted(self._cells)
        ]

    async def read_plan(
        self, cell: CellName, generation: Generation
    ) -> tuple[PlanRecord, Mapping[str, bytes]] | None:
        """A generation with all its entries."""
        self._answer()
        chain = [p for p in self._chain(cell) if p.record.generation <= generation]
        if not chain:
            return None
        last_base = max((at for at, p in enumerate(chain) if p.base is not None), default=0)
        rows = [
            (p.record, encode_delta(p.delta), None if p.base is None else encode_entries(p.base))
            for p in chain[last_base:]
        ]
        return replay(rows, generation)

    async def newest_stored(self, cell: CellName) -> Generation:
        """The highest generation that is stored, whatever the head says."""
        self._answer()
        return max((made.record.generation for made in self._chain(cell)), default=Generation(0))

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
                Role.SERVING if record is None else record.role,
            )

    async def frontends(self) -> Sequence[FrontendRecord]:
        """All frontends ever seen, by id."""
        self._answer()
        return [self._frontends[id_] for id_ in sorted(self._frontends)]

    async def note_role(self, frontend: FrontendId, region: RegionName, role: Role) -> None:
        """Keep what a frontend is for."""
        self._answer()
        record = self._frontends.get(frontend)
        if role is Role.CANARY:
            cells = () if record is None else record.cells
            seen_ms = max(self._clock.unix_ms(), 0 if record is None else record.seen_ms)
            self._frontends[frontend] = FrontendRecord(frontend, region, cells, seen_ms, role)
        elif record is not None:
            self._frontends[frontend] = replace(record, role=role)

    async def report_stage(self, report: StageReport) -> None:
        """Keep a canary's last word on a service's stage. A fault is never taken back."""
        self._answer()
        key = (report.service, report.frontend)
        last = self._stage_words.get(key)
        words = 0
        if last is not None and last.report.stage_uid == report.stage_uid:
            words = last.words
            report = replace(report, fault=last.report.fault or report.fault)
        self._stage_words[key] = StageWord(report, words + 1)

    async def stage_reports(self) -> Sequence[StageWord]:
        """The last word of each canary on each stage."""
        self._answer()
        return [self._stage_words[key] for key in sorted(self._stage_words)]

    def _forget_reports(self, key: ServiceKey, service: Service) -> None:
        uid = "" if service.baking is None else service.baking.uid
        for at, word in list(self._stage_words.items()):
            if at[0] == key and word.report.stage_uid != uid:
                del self._stage_words[at]
