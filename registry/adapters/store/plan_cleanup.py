"""Deletes plans that nobody can reach; `gc.removable` decides, in the deleting transaction (I4)."""

from __future__ import annotations

from registry.adapters.store.cells import check_fence, now
from registry.adapters.store.database import Transaction
from registry.domain.gc import Keep, Reach, StoredPlan, removable
from registry.domain.names import Generation
from registry.domain.operation import Fence
from registry.ports import Cleaned

WINDOW = 4096
"""Plans looked at in one transaction, the oldest first."""
LARGEST_WINDOW = 1 << 20


def clean(tx: Transaction, fence: Fence, keep: Keep, now_ms: int) -> Cleaned:
    """One transaction of clean-up. Raises LeadershipLost, CellFrozen."""
    reach = _reach(tx, fence, keep, now_ms)
    if reach is None:
        return Cleaned(0, more=False)
    window = WINDOW
    while True:
        plans = [
            StoredPlan(Generation(row[0]), row[1], bool(row[2]))
            for row in tx.run(
                "SELECT generation, create_ms, base IS NOT NULL FROM plans WHERE cell = ?"
                " ORDER BY generation LIMIT ?",
                fence.cell,
                window,
            )
        ]
        complete = len(plans) < window
        if complete or window >= LARGEST_WINDOW or sum(plan.is_base for plan in plans[1:]):
            break
        # One base with all that builds on it fills the window: look further.
        window *= 4
    gone = removable(plans, reach, complete=complete)
    if gone:
        tx.run(
            "DELETE FROM plans WHERE cell = ? AND generation IN"
            f" (SELECT value FROM {tx.dialect.numbers})",
            fence.cell,
            *tx.dialect.list_values(gone),
        )
    return Cleaned(len(gone), more=bool(gone) and not complete)


def _reach(tx: Transaction, fence: Fence, keep: Keep, now_ms: int) -> Reach | None:
    """All that can reach a plan; None when there are too few to look at."""
    head = check_fence(tx, fence).generation
    last = tx.run(
        "SELECT generation FROM plans WHERE cell = ? AND generation <= ?"
        " ORDER BY generation DESC LIMIT 1 OFFSET ?",
        fence.cell,
        head,
        keep.generations - 1,
    ).scalar_one_or_none()
    if last is None:
        return None
    ours_ms = now(tx, now_ms)
    restored = tx.run(
        "SELECT restored_generation, replaced_generation FROM rollbacks"
        " WHERE cell = ? AND generation >= ?",
        fence.cell,
        last,
    )
    return Reach(
        head=head,
        last=Generation(last),
        pinned=frozenset(
            tx.run("SELECT generation FROM pins WHERE cell = ?", fence.cell).scalars()
        ),
        restored=frozenset(Generation(generation) for row in restored for generation in row),
        slowest=tx.run(
            "SELECT MIN(c.generation) FROM frontend_cells c JOIN frontends f ON f.id = c.frontend"
            " WHERE c.cell = ? AND c.generation > 0 AND f.seen_ms >= ?",
            fence.cell,
            ours_ms - round(keep.frontend_seconds * 1000),
        ).scalar_one(),
        young_ms=ours_ms - round(keep.seconds * 1000),
    )
