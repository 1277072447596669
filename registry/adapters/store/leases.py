"""Renewing leases: the one write that heartbeats cost. No revision, no history."""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store.database import Transaction

# In order of ids, so that two nodes that renew the same leases cannot wait for each other.
_POSTGRESQL = (
    "UPDATE leases SET renewals = leases.renewals + 1, renewed_ms = ? FROM"
    " (SELECT id FROM leases WHERE id = ANY(CAST(? AS BIGINT[])) ORDER BY id FOR UPDATE) AS due"
    " WHERE leases.id = due.id"
)
_SQLITE = (
    "UPDATE leases SET renewals = renewals + 1, renewed_ms = ?"
    " WHERE id IN (SELECT value FROM json_each(?))"
)


def renew(tx: Transaction, lease_ids: Sequence[int], now_ms: int) -> frozenset[int]:
    """Renew each lease once and return those that exist no more."""
    wanted = sorted(set(lease_ids))
    if not wanted:
        return frozenset()
    statement = _SQLITE if tx.dialect.exclusive else _POSTGRESQL
    (ids,) = tx.dialect.list_values(wanted)
    if tx.run(statement, now_ms, ids).rowcount == len(wanted):
        return frozenset()
    alive = tx.run(
        f"SELECT id FROM leases WHERE id IN (SELECT value FROM {tx.dialect.numbers})", ids
    )
    return frozenset(wanted) - {lease for (lease,) in alive}
