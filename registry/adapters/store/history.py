"""The history of changes, and the whole state at one revision."""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store import departures
from registry.adapters.store.database import Transaction
from registry.adapters.store.rows import decode_change, decode_instance, decode_service, readable
from registry.domain.change import Change
from registry.domain.errors import RevisionCompacted, RevisionInFuture
from registry.domain.names import Revision
from registry.ports import State

COMPACTION_STEP = 2000
"""Revisions forgotten in one transaction, so that writers never wait long."""


def found(tx: Transaction, uid: str) -> None:
    """Make the row of `registry_state` if it is not there; `uid` is the registry's for ever.

    Should the row have been lost, or set back, numbering goes on above all numbers that
    are known; it never contradicts itself (I10).
    """
    tx.run("DELETE FROM registry_state WHERE id <> 1")
    tx.run(
        "INSERT INTO registry_state (id, revision, compacted_revision, uid)"
        " VALUES (1, 0, 0, ?) ON CONFLICT (id) DO NOTHING",
        uid,
    )
    last, compacted = tx.run(
        f"SELECT revision, compacted_revision FROM registry_state{tx.dialect.row_lock}"
    ).one()
    first, newest = tx.run(
        "SELECT MIN(revision), MAX(revision) FROM changes WHERE revision > 0"
    ).one()
    lease = tx.run("SELECT MAX(id) FROM leases").scalar_one()
    revision = max(last, newest or 0, lease or 0)
    if last == 0:
        compacted = (first or revision + 1) - 1
    compacted = min(max(compacted, 0), revision)
    tx.run("UPDATE registry_state SET revision = ?, compacted_revision = ?", revision, compacted)


def state(tx: Transaction, now_ms: int) -> State:
    """Everything at one revision."""
    return State(
        revision=revision(tx),
        services=list(
            readable(
                tx.run("SELECT body FROM services ORDER BY namespace, service").scalars(),
                decode_service,
            )
        ),
        instances=list(
            readable(
                tx.run(
                    "SELECT body FROM instances ORDER BY namespace, service, instance"
                ).scalars(),
                decode_instance,
            )
        ),
        renewals={row[0]: row[1] for row in tx.run("SELECT id, renewals FROM leases")},
        departures=departures.recent(tx, now_ms),
    )


def revision(tx: Transaction) -> Revision:
    """The last revision."""
    return Revision(tx.run("SELECT revision FROM registry_state").scalar_one())


def uid(tx: Transaction) -> str:
    """The id that the database was given when it was new."""
    return str(tx.run("SELECT uid FROM registry_state").scalar_one())


def changes_after(tx: Transaction, start: Revision, limit: int) -> Sequence[Change]:
    """Changes above `start`, whole revisions. Raises RevisionCompacted, RevisionInFuture."""
    last, compacted = tx.run("SELECT revision, compacted_revision FROM registry_state").one()
    check_start(start, last, compacted)
    if start == last:
        return ()
    columns = "SELECT revision, seq, kind, traceparent, body FROM changes"
    rows = tx.run(
        f"{columns} WHERE revision > ? ORDER BY revision, seq LIMIT ?", start, max(1, limit)
    ).all()
    if len(rows) >= limit:
        # The limit may have cut the last revision in two; its other part belongs to it.
        rest = tx.run(
            f"{columns} WHERE revision = ? AND seq > ? ORDER BY seq", rows[-1][0], rows[-1][1]
        )
        rows = [*rows, *rest]
    try:
        return [decode_change(number, kind, trace, body) for number, _, kind, trace, body in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RevisionCompacted(
            f"changes after revision {start} cannot be read ({type(error).__name__}: {error}). "
            "Take a new snapshot.",
            revision=start,
            compacted_revision=compacted,
        ) from error


def check_start(start: Revision, last: int, compacted: int) -> None:
    """Raise unless history goes on from `start` without a gap."""
    if start < compacted:
        raise RevisionCompacted(
            f"changes after revision {start} are no longer kept; the oldest kept is "
            f"{compacted + 1}. Take a new snapshot.",
            revision=start,
            compacted_revision=compacted,
        )
    if start > last:
        raise RevisionInFuture(
            f"revision {start} has not been reached; the last is {last}. If the database was "
            "restored from a backup, take a new snapshot.",
            revision=start,
            last_revision=last,
        )


def compact(tx: Transaction, keep: int) -> tuple[Revision, bool]:
    """Forget one step of the oldest history; (oldest revision kept, whether more is due)."""
    last, compacted = tx.run(
        f"SELECT revision, compacted_revision FROM registry_state{tx.dialect.row_lock}"
    ).one()
    goal = max(compacted, last - max(0, keep))
    step = min(goal, compacted + COMPACTION_STEP)
    if step > compacted:
        tx.run("UPDATE registry_state SET compacted_revision = ?", step)
        tx.run("DELETE FROM changes WHERE revision <= ?", step)
    return Revision(step + 1), step < goal
