"""What was done by hand, as rows: each written once, in the transaction that does it."""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store.database import Transaction
from registry.domain import audit
from registry.domain.audit import Act, AuditEntry, Deed

_COLUMNS = (
    "uid, act, subject, cell, frontend, actor, reason, detail, generation, digest, act_ms,"
    " receive_ms"
)
_KINDS = ("frontend = ''", "frontend <> ''")


def note(tx: Transaction, deeds: Sequence[Deed], now_ms: int) -> None:
    """Write deeds down. One that is told again changes nothing."""
    tx.run_many(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (uid) DO NOTHING",
        [
            (
                deed.uid,
                deed.act.value,
                *(
                    text.replace("\0", " ")  # PostgreSQL's text cannot hold it
                    for text in (
                        deed.subject,
                        deed.cell,
                        deed.frontend,
                        deed.actor,
                        deed.reason,
                        deed.detail,
                    )
                ),
                deed.generation,
                deed.digest,
                deed.time_ms,
                now_ms,
            )
            for deed in deeds
        ],
    )


def entries(tx: Transaction, below: tuple[int, str] | None, limit: int) -> Sequence[AuditEntry]:
    """Entries below a position, the highest first; None begins at the last received."""
    asked: tuple[object, ...] = ()
    where = ""
    if below is not None:
        where = " WHERE receive_ms < ? OR (receive_ms = ? AND uid < ?)"
        asked = (below[0], *below)
    rows = tx.run(
        f"SELECT {_COLUMNS} FROM audit{where} ORDER BY receive_ms DESC, uid DESC LIMIT ?",
        *asked,
        limit,
    )
    return [_entry(row) for row in rows]


def entry(tx: Transaction, uid: str) -> AuditEntry | None:
    """One entry, if it is kept."""
    row = tx.run(f"SELECT {_COLUMNS} FROM audit WHERE uid = ?", uid).one_or_none()
    return None if row is None else _entry(row)


def prune(tx: Transaction, now_ms: int) -> None:
    """Forget what `audit.oldest_kept_ms` says, of operators and of frontends each."""
    for kind in _KINDS:
        crowded = tx.run(
            f"SELECT receive_ms FROM audit WHERE {kind} ORDER BY receive_ms DESC LIMIT 1 OFFSET ?",
            audit.KEEP_ENTRIES - 1,
        ).one_or_none()
        oldest_ms = audit.oldest_kept_ms(now_ms, None if crowded is None else crowded[0])
        tx.run(f"DELETE FROM audit WHERE {kind} AND receive_ms < ?", oldest_ms)


def _entry(row: Sequence[object]) -> AuditEntry:
    uid, act, subject, cell, frontend, actor, reason, detail, generation, digest, act_ms, at = row
    deed = Deed(
        uid=str(uid),
        act=Act(act),
        subject=str(subject),
        actor=str(actor),
        reason=str(reason),
        time_ms=int(act_ms),  # type: ignore[call-overload]  # a column of numbers
        cell=str(cell),
        frontend=str(frontend),
        detail=str(detail),
        generation=int(generation),  # type: ignore[call-overload]  # a column of numbers
        digest=bytes(digest),  # type: ignore[call-overload]  # a column of octets
    )
    return AuditEntry(deed, int(at))  # type: ignore[call-overload]  # a column of numbers
