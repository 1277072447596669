"""Deletes rows of frontends and services that are no more; `domain.remnant` decides."""

from __future__ import annotations

from registry.adapters.store.cells import check_fence, now
from registry.adapters.store.database import Transaction
from registry.adapters.store.rows import decode_service, readable
from registry.domain.gc import Keep
from registry.domain.names import FrontendId, NamespaceId, Revision, ServiceId, ServiceKey
from registry.domain.operation import Fence
from registry.domain.remnant import Buried, Memory, frontend_is_gone, service_is_forgotten
from registry.domain.served_name import Asked
from registry.ports import Forgotten

WINDOW = 4096
"""Deleted services looked at in one transaction, the longest deleted first."""


def forget(tx: Transaction, fence: Fence, keep: Keep, now_ms: int) -> Forgotten:
    """One transaction of clean-up. Raises LeadershipLost, CellFrozen."""
    # The row that all writers of services queue for: none is made again meanwhile.
    revision = tx.run(f"SELECT revision FROM registry_state{tx.dialect.row_lock}").scalar_one()
    check_fence(tx, fence)
    ours_ms = now(tx, now_ms)
    frontends = _forget_frontends(tx, ours_ms - round(keep.frontend_seconds * 1000))
    services = _forget_services(tx, ours_ms - round(keep.seconds * 1000))
    buried = tx.run("SELECT namespace, service FROM services WHERE tombstone_ms IS NOT NULL")
    return Forgotten(
        frontends,
        services,
        frozenset(ServiceKey(NamespaceId(row[0]), ServiceId(row[1])) for row in buried),
        Revision(revision),
    )


def _forget_frontends(tx: Transaction, silent_ms: int) -> tuple[FrontendId, ...]:
    # Locked in the order in which acknowledgements lock them.
    rows = tx.run(
        "SELECT id, seen_ms FROM frontends WHERE seen_ms < ? ORDER BY id" + tx.dialect.row_lock,
        silent_ms,
    ).all()
    gone = tuple(FrontendId(id_) for id_, seen_ms in rows if frontend_is_gone(seen_ms, silent_ms))
    for table, column in (
        ("held_names", "frontend"),
        ("frontend_cells", "frontend"),
        ("canaries", "frontend"),
        ("frontends", "id"),
    ):
        tx.run_many(f"DELETE FROM {table} WHERE {column} = ?", [(id_,) for id_ in gone])
    return gone


def _forget_services(tx: Transaction, young_ms: int) -> tuple[ServiceKey, ...]:
    rows = tx.run(
        "SELECT s.body, EXISTS (SELECT 1 FROM names n WHERE n.namespace = s.namespace"
        " AND n.service = s.service AND (n.servable > 0 OR n.asked <> ?))"
        " FROM services s WHERE s.tombstone_ms <= ? ORDER BY s.tombstone_ms LIMIT ?",
        int(Asked.TOMBSTONE),
        young_ms,
        WINDOW,
    ).all()
    if not rows:
        return ()
    memory = _memory(tx, young_ms)
    gone: list[tuple[ServiceKey, int]] = []
    for body, is_answered in rows:
        for service in readable([body], decode_service):
            buried_ms = service.tombstone_time_ms
            if buried_ms is not None and service_is_forgotten(
                Buried(service.key, service.revision, buried_ms, bool(is_answered)), memory
            ):
                gone.append((service.key, buried_ms))
    tx.run_many(
        "DELETE FROM services WHERE namespace = ? AND service = ? AND tombstone_ms = ?",
        [(*key, buried_ms) for key, buried_ms in gone],
    )
    return tuple(key for key, _ in gone)


def _memory(tx: Transaction, young_ms: int) -> Memory:
    oldest = tx.run(
        "SELECT (SELECT MIN(p.revision) FROM plans p WHERE p.cell = c.name) FROM cells c"
    ).scalars()
    revisions = list(oldest)
    rolled_back = tx.run(
        "SELECT COUNT(*) FROM rollbacks r JOIN plans p"
        " ON p.cell = r.cell AND p.generation = r.generation"
    ).scalar_one()
    return Memory(
        None if None in revisions or not revisions else Revision(min(revisions)),
        bool(rolled_back),
        young_ms,
    )
