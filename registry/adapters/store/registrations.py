"""Writing instances and services: read the rows, let the ledger decide, write what it noted.

All such writers queue for the one row of `registry_state`, so revisions come in the order
of commits, and no decision can rest on a row that another writer is changing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from registry.adapters.store import audit, departures, served_names, stages
from registry.adapters.store.catalog_rows import get_service
from registry.adapters.store.cells import check_fence
from registry.adapters.store.database import Transaction
from registry.adapters.store.ledger import Ledger, lease_ttl_ms
from registry.adapters.store.rows import (
    change_row,
    decode_instance,
    decode_service,
    readable,
)
from registry.domain.change import Change, InstancePut, ServicePut, ServiceRemoved
from registry.domain.errors import StoreUnavailable
from registry.domain.grave import GRAVE_SECONDS, Grave
from registry.domain.instance import Instance
from registry.domain.names import (
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    Revision,
    ServiceKey,
)
from registry.domain.operation import (
    Applied,
    CreateService,
    DeleteService,
    Deregister,
    EndStage,
    Expire,
    Fence,
    Operation,
    Register,
    ServiceEdit,
)
from registry.domain.room import NOTHING, Size
from registry.domain.service import Service
from registry.domain.tally import Tally, crowded, unheard_of

SERVICES_REMEMBERED = 4096
"""Services, by their octets, that need no decoding again."""


def apply(
    tx: Transaction,
    operations: Sequence[Operation],
    fence: Fence | None,
    tally: Tally | None,
    now_ms: int,
) -> Applied:
    """Carry out operations in order. Raises LeadershipLost."""
    ledger = _open_ledger(tx, now_ms)
    if fence is not None:
        check_fence(tx, fence)
    _read_rows(tx, ledger, operations)
    _count(tx, ledger, operations, tally)
    outcomes = tuple(ledger.carry_out(operation) for operation in operations)
    _write(tx, ledger)
    return Applied(outcomes, tuple(ledger.changes), ledger.revision)


def edit_service(
    tx: Transaction, edit: ServiceEdit, fence: Fence | None, now_ms: int
) -> tuple[Service, Sequence[Change], Revision]:
    """Carry out one edit. Raises what `decide_service` raises, LeadershipLost, and
    ServiceUnreadable where a row that cannot be read is to be edited, and not made anew."""
    ledger = _open_ledger(tx, now_ms)
    if fence is not None:
        check_fence(tx, fence)
    ledger.services = _read_services(tx, [edit.key])
    if not ledger.services and not isinstance(edit, CreateService | EndStage):
        get_service(tx, edit.key)
    ledger.namespaces = _read_namespaces(tx, [edit.key.namespace])
    instances: list[Instance] = []
    if isinstance(edit, DeleteService):
        rows = tx.run(
            "SELECT body FROM instances WHERE namespace = ? AND service = ? ORDER BY instance",
            *edit.key,
        )
        instances = list(readable(rows.scalars(), decode_instance))
        ledger.instances = {instance.key: instance for instance in instances}
        ledger.served = served_names.served(tx, edit.key)
    service = ledger.edit(edit, instances)
    _write(tx, ledger)
    if ledger.changes and not isinstance(edit, CreateService):
        stages.forget(tx, edit.key, "" if service.baking is None else service.baking.uid)
    return service, tuple(ledger.changes), ledger.revision


def purge_graves(tx: Transaction, now_ms: int) -> None:
    """Forget incarnations that no retry can be about any more."""
    tx.run("DELETE FROM graves WHERE removed_ms < ?", now_ms - GRAVE_SECONDS * 1000)


def _open_ledger(tx: Transaction, now_ms: int) -> Ledger:
    row = tx.run(f"SELECT revision, uid FROM registry_state{tx.dialect.row_lock}").one_or_none()
    if row is None:
        raise StoreUnavailable(
            "the row of registry_state is gone; restart the registry to have it made again.",
            retry_after_seconds=1.0,
        )
    return Ledger(Revision(row[0]), row[1], now_ms, {}, {})


def _read_rows(tx: Transaction, ledger: Ledger, operations: Sequence[Operation]) -> None:
    keys = list({operation.key: None for operation in operations})
    ledger.instances = {
        instance.key: instance
        for instance in readable(
            tx.run(
                f"SELECT i.body FROM {tx.dialect.keys} JOIN instances i ON"
                " i.namespace = k.namespace AND i.service = k.service AND i.instance = k.instance",
                *tx.dialect.key_values(keys),
            ).scalars(),
            decode_instance,
        )
    }
    haunted = list(
        {
            operation.key: None
            for operation in operations
            if isinstance(operation, Deregister)
            or (isinstance(operation, Register) and operation.request_id)
        }
    )
    if haunted:
        ledger.graves = _read_graves(tx, haunted)
    expiring = {
        ledger.instances[operation.key].lease_id
        for operation in operations
        if isinstance(operation, Expire) and operation.key in ledger.instances
    }
    if expiring:
        # Locked: a renewal either comes before and is seen here, or finds the row gone.
        rows = tx.run(
            f"SELECT id, renewals FROM leases WHERE id IN (SELECT value FROM {tx.dialect.numbers})"
            f" ORDER BY id{tx.dialect.row_lock}",
            *tx.dialect.list_values(sorted(expiring)),
        )
        ledger.renewals = {row[0]: row[1] for row in rows}
    wanted = {op.key.service_key: None for op in operations if isinstance(op, Register)}
    if wanted:
        ledger.services = _read_services(tx, list(wanted))
        missing = [key for key in wanted if key not in ledger.services]
        ledger.unreadable = _living(tx, missing) if missing else set()
        new = {
            key.namespace
            for key in wanted
            if key not in ledger.unreadable
            and (key not in ledger.services or ledger.services[key].tombstone_time_ms is not None)
        }
        if new:
            ledger.namespaces = _read_namespaces(tx, sorted(new))


def _count(
    tx: Transaction, ledger: Ledger, operations: Sequence[Operation], tally: Tally | None
) -> None:
    """Have the ledger keep those entries within bounds that might come to pass them (I9)."""
    if tally is not None:
        ledger.most = tally.most
    unheard = None if tally is None else _unheard(tx, tally, ledger.revision)
    for place in crowded(operations, tally, unheard):
        if tally is not None and tally.revision == ledger.revision:
            ledger.taken[place] = tally.taken[place]
            continue
        rows = tx.run("SELECT body FROM instances WHERE namespace = ? AND service = ?", *place[0])
        ledger.count(place, readable(rows.scalars(), decode_instance))


def _unheard(tx: Transaction, tally: Tally, revision: Revision) -> Size | None:
    """The most that was added since a tally; None when the history does not reach back so far."""
    if tally.revision == revision:
        return NOTHING
    compacted, characters = tx.run(
        "SELECT compacted_revision, (SELECT COALESCE(SUM(LENGTH(body)), 0) FROM changes"
        " WHERE revision > ?) FROM registry_state",
        tally.revision,
    ).one()
    if not compacted <= tally.revision < revision:
        return None
    return unheard_of(tally, revision, characters)


def _read_graves(tx: Transaction, keys: Sequence[InstanceKey]) -> dict[InstanceKey, list[Grave]]:
    graves: dict[InstanceKey, list[Grave]] = {}
    for namespace, service, instance, uid, request_id, removed_ms in tx.run(
        "SELECT g.namespace, g.service, g.instance, g.uid, g.request_id, g.removed_ms FROM"
        f" {tx.dialect.keys} JOIN graves g ON"
        " g.namespace = k.namespace AND g.service = k.service AND g.instance = k.instance",
        *tx.dialect.key_values(keys),
    ):
        key = InstanceKey(namespace, service, instance)
        graves.setdefault(key, []).append(Grave(key, Incarnation(uid), request_id, removed_ms))
    return graves


def _read_services(tx: Transaction, keys: Iterable[ServiceKey]) -> dict[ServiceKey, Service]:
    triples = [InstanceKey(*key, InstanceId("")) for key in keys]
    return {
        service.key: service
        for service in readable(
            tx.run(
                f"SELECT s.body FROM {tx.dialect.keys} JOIN services s ON"
                " s.namespace = k.namespace AND s.service = k.service",
                *tx.dialect.key_values(triples),
            ).scalars(),
            _decode_service,
        )
    }


def _living(tx: Transaction, keys: Sequence[ServiceKey]) -> set[ServiceKey]:
    """Those of the services that live, whatever their rows say beside."""
    rows = tx.run(
        f"SELECT s.namespace, s.service FROM {tx.dialect.keys} JOIN services s ON"
        " s.namespace = k.namespace AND s.service = k.service AND s.tombstone_ms IS NULL",
        *tx.dialect.key_values([InstanceKey(*key, InstanceId("")) for key in keys]),
    )
    return {ServiceKey(*row) for row in rows}


# Each registration reads its service, and nearly always the same octets come again.
_decode_service = lru_cache(maxsize=SERVICES_REMEMBERED)(decode_service)


def _read_namespaces(tx: Transaction, ids: Sequence[NamespaceId]) -> set[NamespaceId]:
    return {
        namespace
        for (namespace,) in tx.run(
            f"SELECT id FROM namespaces WHERE id IN (SELECT value FROM {tx.dialect.texts})",
            *tx.dialect.list_values(ids),
        )
    }


def _write(tx: Transaction, ledger: Ledger) -> None:
    """Write what the ledger noted, parents before children, each table at once."""
    if not ledger.changes:
        return
    bodies: dict[InstanceKey | ServiceKey, str] = {}
    history: list[tuple[int, int, str, str, str]] = []
    revision, seq = Revision(0), 0
    for change in ledger.changes:
        seq = seq + 1 if change.revision == revision else 0
        revision = change.revision
        kind, traceparent, body = change_row(change)
        history.append((revision, seq, kind.value, traceparent, body))
        match change:
            case InstancePut():
                bodies[change.instance.key] = body
            case ServicePut() | ServiceRemoved():
                bodies[change.service.key] = body
    tx.run_many(
        "INSERT INTO changes (revision, seq, kind, traceparent, body) VALUES (?, ?, ?, ?, ?)",
        history,
    )
    tx.run_many(
        "INSERT INTO namespaces (id, uid, create_ms, revision) VALUES (?, ?, ?, ?)",
        [(n.id, n.uid, n.create_time_ms, n.revision) for n in ledger.new_namespaces],
    )
    tx.run_many(
        "INSERT INTO services (namespace, service, tombstone_ms, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (namespace, service) DO UPDATE SET"
        " tombstone_ms = excluded.tombstone_ms, body = excluded.body",
        [
            (*key, ledger.services[key].tombstone_time_ms, bodies[key])
            for key in ledger.touched_services
        ],
    )
    tx.run_many(
        "INSERT INTO instances (namespace, service, instance, uid, body) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (namespace, service, instance) DO UPDATE SET"
        " uid = excluded.uid, body = excluded.body",
        [
            (*key, ledger.instances[key].incarnation, bodies[key])
            for key in ledger.touched
            if key in ledger.instances
        ],
    )
    tx.run_many(
        "DELETE FROM instances WHERE namespace = ? AND service = ? AND instance = ?",
        [tuple(key) for key in ledger.touched if key not in ledger.instances],
    )
    tx.run_many("DELETE FROM leases WHERE id = ?", [(id_,) for id_ in sorted(ledger.closed_leases)])
    tx.run_many(
        "INSERT INTO leases (id, renewals, renewed_ms, ttl_ms) VALUES (?, 0, ?, ?)",
        [
            (lease, ledger.now_ms, lease_ttl_ms(instance))
            for lease, instance in ledger.opened_leases.items()
        ],
    )
    tx.run_many(
        "INSERT INTO graves (namespace, service, instance, uid, request_id, removed_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (*grave.key, grave.incarnation, grave.request_id, grave.removed_ms)
            for grave in ledger.new_graves.values()
        ],
    )
    departures.write(tx, ledger.new_graves.values())
    audit.note(tx, ledger.deeds, ledger.now_ms)
    tx.run("UPDATE registry_state SET revision = ?", ledger.revision)
