"""What operators do to a cell in an emergency: freeze it, roll it back, keep a plan.

Everything here goes to the store directly. It needs no leader, no planner and no
reconciler, and works while these are dead (I21). What destroys takes two keys (I41): the
first call returns a preview, the second must send its digest, and is refused when things
are not as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from registry import telemetry
from registry.app.audit import Scribe
from registry.app.plan_reader import PlanReader
from registry.app.uptime import Uptime
from registry.domain.audit import Act
from registry.domain.cell_plan import restore
from registry.domain.errors import CellNotFound, Overloaded, PlanNotFound
from registry.domain.names import CellName, Generation
from registry.domain.operation import Fence
from registry.domain.plan import Head, PlanRecord
from registry.domain.preview import Preview, is_confirmed, preview_of
from registry.domain.publication import next_step
from registry.domain.rollback import restored_entries, rollback_effects
from registry.ports import (
    ALL_CELLS,
    Clock,
    Freeze,
    Pin,
    PlanCodec,
    Publication,
    Rollback,
    Store,
)

log = logging.getLogger(__name__)

TRIES = 8
"""A leader may publish between the reading and the writing; then it is worked out anew."""


class Controls:
    """The emergency controls of a registry's cells, on every node."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        uptime: Uptime,
        codec: PlanCodec,
        scribe: Scribe,
        freeze_file: Callable[[CellName], str],
    ) -> None:
        """`freeze_file`: as `Freezer.file_of`."""
        self._store = store
        self._clock = clock
        self._uptime = uptime
        self._codec = codec
        self._scribe = scribe
        self.freeze_file = freeze_file

    async def freeze(
        self, cell: CellName | None, reason: str, actor: str, digest: str
    ) -> Preview | Freeze | None:
        """Stop a cell's automation, or all (None). None: done; a preview: nothing was done;
        a freeze: the same was frozen already, by this one, which stays.

        Raises CellNotFound, PreviewStale, StoreUnavailable.
        """
        heads = await self._store.heads()
        if cell is not None:
            _found(heads, cell)
        else:
            stops = [head for head in heads if not head.frozen]
            effects = tuple(
                f"{head.cell}: is frozen already"
                if head.frozen
                else f"{head.cell}: automation stops at generation {head.generation}"
                for head in heads
            )
            # generations go on between the look and the word: where nothing rests, and that is
            # when all is to stop, none would ever be as it was seen
            facts = (*(head.cell for head in stops), "", *sorted(head.cell for head in heads))
            preview = preview_of(effects, facts)
            if not is_confirmed(preview, digest):
                return preview
        scope = ALL_CELLS if cell is None else str(cell)
        deed = self._scribe.deed(Act.FREEZE, _subject(cell), actor, reason)
        made = Freeze(scope, reason, actor, deed.time_ms)
        earlier = await self._store.freeze(made, replace(deed, cell=cell or ""))
        _audit("freeze", scope, reason, actor)
        return earlier

    async def unfreeze(
        self, cell: CellName | None, reason: str, actor: str, digest: str
    ) -> Preview | bool:
        """Undo a freeze, of one cell or of all (None); False if there was none, which takes no
        second key.

        A preview: nothing was done. Raises PreviewStale, StoreUnavailable.
        """
        if cell is None:
            scopes = {made.scope for made in await self._store.freezes()}
            if ALL_CELLS not in scopes:
                return False  # nor lifted unseen if it is made now
            effects = tuple(
                f"{head.cell}: {_once_lifted(head.cell, scopes, self.freeze_file(head.cell))}"
                for head in await self._store.heads()
            )
            preview = preview_of(effects, (*effects, "", *sorted(scopes)))
            if not is_confirmed(preview, digest):
                return preview
        scope = ALL_CELLS if cell is None else str(cell)
        deed = self._scribe.deed(Act.UNFREEZE, _subject(cell), actor, reason)
        done = await self._store.unfreeze(scope, replace(deed, cell=cell or ""))
        if done:
            _audit("unfreeze", scope, reason, actor)
        return done

    async def roll_back(
        self, cell: CellName, generation: Generation, reason: str, actor: str, digest: str
    ) -> Preview | PlanRecord:
        """Publish the content of an older generation anew, and freeze the cell.

        A preview: nothing was done. Raises CellNotFound, PlanNotFound, PreviewStale,
        Overloaded, StoreUnavailable.
        """
        reader = PlanReader(self._store, self._codec, self._uptime, cell)
        for _ in range(TRIES):
            head = _found(await self._store.heads(), cell)
            found = await self._store.read_plan(cell, generation)
            if found is None:
                raise PlanNotFound(
                    f"cells/{cell}/plans/{generation} does not exist, or is kept no more.",
                    cell=cell,
                    generation=generation,
                )
            # The current plan may be lost: going back must not need it (I10).
            plan = await reader.read(head)
            then = restore(found[0], found[1], self._codec.decode).entries
            changed = restored_entries(plan.entries, then)
            effects = (
                f"{cell}: a new generation after {head.generation} with the content of"
                f" {generation}; its automation stops",
                *rollback_effects(plan.entries, then, generation, self._clock.unix_ms()),
            )
            # what the head holds changes all the time, and is what one goes back from; which
            # services there are does not
            live = sorted(key for key, entry in plan.entries.items() if entry.is_live)
            facts = (str(cell), str(generation), found[0].digest.hex(), *live)
            preview = preview_of(effects, facts)
            if not is_confirmed(preview, digest):
                return preview
            step = next_step(
                plan,
                changed,
                epoch=head.epoch,
                revision=plan.record.revision,
                now_ms=self._clock.unix_ms(),
                traceparent="",
                above=head.seen_generation,
            )
            rollback = Rollback(generation, reason, actor, self._clock.unix_ms())
            made = Publication(
                Fence(cell, head.epoch),
                step.record,
                step.delta,
                step.base,
                step.names,
                step.heals,
                rollback,
                deed=replace(
                    self._scribe.deed(Act.ROLL_BACK, f"cells/{cell}", actor, reason),
                    cell=cell,
                    generation=generation,
                    digest=found[0].digest,
                    detail=f"from {head.generation}, as generation {step.record.generation}",
                ),
            )
            if await self._store.publish(made):
                telemetry.rollbacks.add(1, {"cell": cell})
                _audit("rollback", f"{cell} to {generation}", reason, actor)
                return step.record
        raise Overloaded(
            f"the head of cells/{cell} moves too fast; freeze the cell, then roll back.",
            retry_after_seconds=1.0,
        )

    async def pin(self, cell: CellName, generation: Generation, reason: str, actor: str) -> None:
        """Keep a plan from clean-up. Raises PlanNotFound."""
        deed = self._scribe.deed(Act.PIN_PLAN, _plan(cell, generation), actor, reason)
        pin = Pin(cell, generation, reason, actor, deed.time_ms)
        if not await self._store.pin(pin, replace(deed, cell=cell, generation=generation)):
            raise PlanNotFound(
                f"cells/{cell}/plans/{generation} does not exist, or is kept no more.",
                cell=cell,
                generation=generation,
            )
        _audit("pin", f"{cell} {generation}", reason, actor)

    async def unpin(self, cell: CellName, generation: Generation, reason: str, actor: str) -> bool:
        """Let a plan go with the others; False if it was not pinned."""
        deed = self._scribe.deed(Act.UNPIN_PLAN, _plan(cell, generation), actor, reason)
        deed = replace(deed, cell=cell, generation=generation)
        done = await self._store.unpin(cell, generation, deed)
        _audit("unpin", f"{cell} {generation}", reason, actor)
        return done


# _once_lifted
#
#   itself frozen  by a file here  once that of all is lifted
#   -------------  --------------  ------------------------------
#   yes            any             stays frozen, and how to end it
#   no             yes             stays frozen, and how to end it
#   no             no              its automation goes on
def _once_lifted(cell: CellName, scopes: Collection[str], file: str) -> str:
    if cell in scopes:
        return f"stays frozen: it was frozen by itself, until `unfreeze {cell}`"
    if file:
        return f"stays frozen, until the file {file} is removed from the node that was asked"
    return "automation goes on"


def _subject(cell: CellName | None) -> str:
    return f"cells/{cell or '-'}"


def _plan(cell: CellName, generation: Generation) -> str:
    return f"cells/{cell}/plans/{generation}"


def _found(heads: Sequence[Head], cell: CellName) -> Head:
    for head in heads:
        if head.cell == cell:
            return head
    raise CellNotFound(f"cells/{cell} does not exist.", name=cell)


def _audit(what: str, subject: str, reason: str, actor: str) -> None:
    log.warning(
        "an operator acted",
        extra={"act": what, "subject": subject, "reason": reason, "actor": actor},
    )
