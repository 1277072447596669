"""What a node keeps in memory of one cell's chain, for those who watch it.

The active generation whole, and the last steps that led to it: a watcher that is at most
that far behind is brought up from here. Both are bounded; who is further behind, or
somewhere else, gets a base.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from registry.app.plan_event import BasePart, DeltaStep, Position
from registry.domain.cell_plan import octets_of
from registry.domain.names import CellName, Generation, RegionName
from registry.domain.plan import Head, PlanDelta, PlanRecord

RECENT_STEPS = 1024
RECENT_OCTETS = 4 * 1024 * 1024
PART_OCTETS = 256 * 1024
"""Size of a message of a base; a single entry larger than that goes alone."""
STEP_OCTETS = 3 * 1024 * 1024
"""A larger step is not sent: no message may pass the transport's 4 MiB; a base is."""
ENTRY_OVERHEAD_OCTETS = 16


class PlanChain:
    """One cell's active generation and the steps to it."""

    def __init__(self, cell: CellName, region: RegionName) -> None:
        self.cell = cell
        self.region = region
        self.record: PlanRecord | None = None
        """The head; None before anything is known of it."""
        self.entries: dict[str, bytes] = {}
        self.is_led = False
        """Whether this node leads the cell: then the leader's word alone moves the chain."""
        self.confirmed_until = 0.0
        """Until when, by the monotonic clock, the head is known to be here."""
        self.retry_at = 0.0
        """Before this, by the monotonic clock, the store need not be asked again."""
        self._steps: deque[DeltaStep] = deque()
        self._sizes: deque[int] = deque()
        self._octets = 0
        self._after: dict[Generation, DeltaStep] = {}
        self._digests: dict[Generation, bytes] = {}
        self._parts: tuple[BasePart, ...] = ()

    def __repr__(self) -> str:
        at = "empty" if self.record is None else f"generation {self.record.generation}"
        led = ", led here" if self.is_led else ""
        return f"<PlanChain {self.cell}: {at}, {len(self._steps)} steps{led}>"

    @property
    def generation(self) -> Generation:
        """The head's generation, 0 when there is none."""
        return Generation(0) if self.record is None else self.record.generation

    def replace(self, record: PlanRecord, entries: Mapping[str, bytes]) -> None:
        """Take on a whole generation. Nothing changes if it is the one that is here."""
        if self.record is not None and (
            self.record.generation == record.generation and self.record.digest == record.digest
        ):
            return
        self.record = record
        self.entries = dict(entries)
        self._parts = ()
        self._steps.clear()
        self._sizes.clear()
        self._octets = 0
        self._after.clear()
        self._digests = {record.generation: record.digest}

    def extend(self, record: PlanRecord, delta: PlanDelta) -> bool:
        """Take on the next generation; False, and nothing changes, if it is not the next."""
        if self.record is None or record.parent_generation != self.record.generation:
            return False
        step = DeltaStep(record, self.region, delta.changed, delta.removed)
        size = octets_of(delta)
        self.entries.update(delta.changed)
        for key in delta.removed:
            self.entries.pop(key, None)
        self._parts = ()
        self._after[record.parent_generation] = step
        self._digests[record.generation] = record.digest
        self._steps.append(step)
        self._sizes.append(size)
        self._octets += size
        self.record = record
        while len(self._steps) > RECENT_STEPS or self._octets > RECENT_OCTETS:
            self._octets -= self._sizes.popleft()
            oldest = self._steps.popleft().record.parent_generation
            del self._after[oldest]
            del self._digests[oldest]
        return True

    def knows(self, position: Position) -> bool:
        """Whether a position is on this chain, recently enough to be brought up from here."""
        return self._digests.get(position.generation) == position.digest

    def is_contradicted_by(self, head: Head) -> bool:
        """Whether the database's head is of another past than what was read there before."""
        if self.record is None or self.generation < head.generation:
            return False
        return self.generation > head.generation or self.record.digest != head.digest

    def step_after(self, generation: Generation) -> DeltaStep | None:
        """The step that leads on from a generation; None at the head, or if it is too large."""
        step = self._after.get(generation)
        if step is None or octets_of(PlanDelta(step.changed, step.removed)) > STEP_OCTETS:
            return None
        return step

    def base(self) -> tuple[BasePart, ...]:
        """The active generation in messages, one at least; worked out once a generation."""
        record = self.record
        if record is None:
            return ()
        if not self._parts:
            chunks: list[list[tuple[str, bytes]]] = [[]]
            room = PART_OCTETS
            for key in sorted(self.entries):
                body = self.entries[key]
                octets = len(key) + len(body) + ENTRY_OVERHEAD_OCTETS
                if octets > room and chunks[-1]:
                    chunks.append([])
                    room = PART_OCTETS
                chunks[-1].append((key, body))
                room -= octets
            self._parts = tuple(
                BasePart(record, self.region, tuple(chunk), complete=number == len(chunks))
                for number, chunk in enumerate(chunks, start=1)
            )
        return self._parts
