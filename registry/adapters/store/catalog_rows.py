"""Reading namespaces, services and instances one by one and page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.adapters.store.database import Transaction
from registry.adapters.store.rows import UNREADABLE, decode_instance, decode_service, readable
from registry.domain.errors import ServiceUnreadable
from registry.domain.instance import Instance
from registry.domain.names import (
    Incarnation,
    InstanceKey,
    NamespaceId,
    Revision,
    ServiceKey,
)
from registry.domain.service import Namespace, Service


def find(tx: Transaction, incarnations: Sequence[Incarnation]) -> Mapping[Incarnation, Instance]:
    """Instances by uid, those that exist."""
    # PostgreSQL's text cannot hold a NUL, so it would refuse the question for the others' sake
    wanted = sorted({uid for uid in incarnations if "\0" not in uid})
    rows = tx.run(
        f"SELECT i.body FROM {tx.dialect.texts} JOIN instances i ON i.uid = k.value",
        *tx.dialect.list_values(wanted),
    )
    found = readable(rows.scalars(), decode_instance)
    return {instance.incarnation: instance for instance in found}


def get_namespace(tx: Transaction, namespace: NamespaceId) -> Namespace | None:
    """A namespace, if it exists."""
    row = tx.run(
        "SELECT id, uid, create_ms, revision FROM namespaces WHERE id = ?", namespace
    ).one_or_none()
    return None if row is None else Namespace(row[0], row[1], row[2], Revision(row[3]))


def get_service(tx: Transaction, key: ServiceKey) -> Service | None:
    """A service, if it lives. Raises ServiceUnreadable: that is not the same as absent (I39)."""
    body = tx.run(
        "SELECT body FROM services WHERE namespace = ? AND service = ? AND tombstone_ms IS NULL",
        *key,
    ).scalar_one_or_none()
    if body is None:
        return None
    try:
        return decode_service(body)
    except UNREADABLE as error:
        raise ServiceUnreadable(
            f"what the database holds of {key} cannot be read ({type(error).__name__}: {error})."
            " Nothing was changed, and its name is answered as it was published last. Restore the"
            " row from a backup, or create the service anew with its whole policy, which"
            " replaces it.",
            name=str(key),
        ) from error


def get_instance(tx: Transaction, key: InstanceKey) -> Instance | None:
    """An instance, if it exists."""
    body = tx.run(
        "SELECT body FROM instances WHERE namespace = ? AND service = ? AND instance = ?", *key
    ).scalar_one_or_none()
    return None if body is None else next(readable([body], decode_instance), None)


def list_namespaces(tx: Transaction, after: str, limit: int) -> Sequence[Namespace]:
    """Namespaces above `after`, by id."""
    rows = tx.run(
        "SELECT id, uid, create_ms, revision FROM namespaces WHERE id > ? ORDER BY id LIMIT ?",
        after,
        limit,
    )
    return [Namespace(id_, uid, create_ms, revision) for id_, uid, create_ms, revision in rows]


def list_services(
    tx: Transaction, namespace: NamespaceId | None, after: tuple[str, str], limit: int
) -> Sequence[Service]:
    """Live services above `after`."""
    filters, values = ["(namespace, service) > (?, ?)", "tombstone_ms IS NULL"], [*after]
    if namespace is not None:
        filters.append("namespace = ?")
        values.append(namespace)
    rows = tx.run(
        f"SELECT body FROM services WHERE {' AND '.join(filters)}"
        " ORDER BY namespace, service LIMIT ?",
        *values,
        limit,
    )
    return list(readable(rows.scalars(), decode_service))


def list_instances(
    tx: Transaction,
    namespace: NamespaceId | None,
    service: str | None,
    after: tuple[str, str, str],
    limit: int,
) -> Sequence[Instance]:
    """Instances above `after`."""
    filters, values = ["(namespace, service, instance) > (?, ?, ?)"], [*after]
    for column, wanted in (("namespace", namespace), ("service", service)):
        if wanted is not None:
            filters.append(f"{column} = ?")
            values.append(wanted)
    rows = tx.run(
        f"SELECT body FROM instances WHERE {' AND '.join(filters)}"
        " ORDER BY namespace, service, instance LIMIT ?",
        *values,
        limit,
    )
    return list(readable(rows.scalars(), decode_instance))
