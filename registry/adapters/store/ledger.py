"""A ledger: the rows that a transaction read, and what operations make of them.

Shared by every store, so that they differ in how they read and write and in nothing
else. It decides nothing itself: `registry.domain.registration` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never
from uuid import NAMESPACE_OID, uuid5

from registry.domain.audit import Deed
from registry.domain.change import (
    Change,
    InstancePut,
    InstanceRemoved,
    ServicePut,
    ServiceRemoved,
)
from registry.domain.errors import ServiceFull
from registry.domain.grave import Grave
from registry.domain.instance import Instance, State
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceKey,
    NamespaceId,
    Revision,
    ServiceKey,
)
from registry.domain.operation import (
    DecideRemoval,
    EndStage,
    Expire,
    Operation,
    Outcome,
    Refused,
    Register,
    ServiceEdit,
)
from registry.domain.registration import decide
from registry.domain.room import (
    MOST,
    NOTHING,
    Place,
    Size,
    place_of,
    refusal,
    size_of,
    wanted_by,
)
from registry.domain.service import Namespace, Service
from registry.domain.service_edit import decide_service, open_service


def lease_ttl_ms(instance: Instance) -> int:
    """The time to live of an instance's lease."""
    return round(instance.registration.ttl_seconds * 1000)


@dataclass(slots=True)
class Ledger:
    """One transaction: a store fills in the rows that the operations name, and carries them out."""

    revision: Revision
    """The last revision given; rises by one for each accepted operation."""
    registry_uid: str
    now_ms: int
    instances: dict[InstanceKey, Instance]
    services: dict[ServiceKey, Service]
    namespaces: set[NamespaceId] = field(default_factory=set)
    graves: dict[InstanceKey, list[Grave]] = field(default_factory=dict)
    served: Mapping[CellName, int] = field(default_factory=dict)
    """By cell, how much there is to answer with; asked for DeleteService alone."""
    renewals: Mapping[int, int] = field(default_factory=dict)
    """By lease; asked for Expire alone."""
    most: Size = MOST
    taken: dict[Place, Size] = field(default_factory=dict)
    """Entries that might come to be more than `most`, as they stand; none else is looked at."""
    unreadable: set[ServiceKey] = field(default_factory=set)
    """Services that live, and that `services` lacks as their rows cannot be read: whoever registers
    finds them there, and leaves them as they are (I39)."""

    changes: list[Change] = field(default_factory=list)
    touched: set[InstanceKey] = field(default_factory=set)
    """Instances to be written as `instances` has them now, or deleted if it has none."""
    touched_services: set[ServiceKey] = field(default_factory=set)
    new_namespaces: list[Namespace] = field(default_factory=list)
    opened_leases: dict[int, Instance] = field(default_factory=dict)
    closed_leases: set[int] = field(default_factory=set)
    new_graves: dict[Incarnation, Grave] = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)
    """What is to be written down of what was carried out."""

    def carry_out(self, operation: Operation) -> Outcome:
        """Decide an operation on the rows as they stand, and note what it changes."""
        current = self.instances.get(operation.key)
        verdict = decide(
            operation,
            current,
            self.graves.get(operation.key, ()),
            self._renewals_of(current, operation),
            Revision(self.revision + 1),
            self.now_ms,
        )
        change = verdict.change
        if change is None:
            return verdict.outcome
        if isinstance(operation, Register) and (full := self._refusal(operation, current)):
            return Refused(full)
        self.revision = change.revision
        if isinstance(operation, Register) and isinstance(change, InstancePut):
            self.opened_leases[change.instance.lease_id] = change.instance
            self._open_service(operation.key.service_key)
        self._note(change)
        if isinstance(operation, DecideRemoval) and operation.deed is not None:
            self.deeds.append(operation.deed)
        if verdict.grave is not None:
            self._bury(verdict.grave)
        return verdict.outcome

    def count(self, place: Place, instances: Iterable[Instance]) -> None:
        """Keep an entry within bounds that has those of the instances that are its own."""
        size = NOTHING
        for instance in instances:
            if place_of(instance.registration) == place:
                size = size.plus(size_of(instance.registration))
        self.taken[place] = size

    def edit(self, edit: ServiceEdit, instances: Iterable[Instance]) -> Service:
        """Decide an edit of a service with these instances, and note what it changes."""
        revision = Revision(self.revision + 1)
        verdict = decide_service(
            edit,
            self.services.get(edit.key),
            tuple(instances),
            revision,
            self.now_ms,
            self._etag(revision),
            self.served,
        )
        if verdict.changes:
            self.revision = revision
            self._open_namespace(edit.key.namespace)
        for change in verdict.changes:
            self._note(change)
        for grave in verdict.graves:
            self._bury(grave)
        if not isinstance(edit, EndStage):
            self.deeds += [edit.deed] if verdict.changes and edit.deed is not None else []
        return verdict.service

    def _renewals_of(self, current: Instance | None, operation: Operation) -> int:
        if current is None or not isinstance(operation, Expire):
            return 0
        # A lease row that is missing cannot be renewed by anybody, so it may end as asked.
        return self.renewals.get(current.lease_id, operation.renewals)

    def _refusal(self, operation: Register, current: Instance | None) -> ServiceFull | None:
        """Why there is no room for a registration; None when there is, or plenty."""
        registration = operation.registration
        there = self.taken.get(place_of(registration)) if self.taken else None
        if there is None:
            return None
        wanted = wanted_by(registration, size_of(registration), current)
        return refusal(place_of(registration), there, wanted, self.most, operation.path)

    def _resize(self, before: Instance | None, after: Instance | None) -> None:
        if not self.taken:
            return
        if before is not None and (place := place_of(before.registration)) in self.taken:
            self.taken[place] = self.taken[place].less(size_of(before.registration))
        if after is not None and (place := place_of(after.registration)) in self.taken:
            self.taken[place] = self.taken[place].plus(size_of(after.registration))

    def _note(self, change: Change) -> None:
        self.changes.append(change)
        match change:
            case InstancePut():
                key = change.instance.key
                before = self.instances.get(key)
                self._resize(before, change.instance)
                if before is not None and before.lease_id != change.instance.lease_id:
                    self._close_lease(before.lease_id)
                if not _holds_lease(change.instance):
                    self._close_lease(change.instance.lease_id)
                self.instances[key] = change.instance
                self.touched.add(key)
            case InstanceRemoved():
                gone = self.instances.pop(change.key, None)
                self._resize(gone, None)
                if gone is not None:
                    self._close_lease(gone.lease_id)
                self.touched.add(change.key)
            case ServicePut() | ServiceRemoved():
                self.services[change.service.key] = change.service
                self.touched_services.add(change.service.key)
            case _:
                assert_never(change)

    def _close_lease(self, lease_id: int) -> None:
        if self.opened_leases.pop(lease_id, None) is None:
            self.closed_leases.add(lease_id)

    def _bury(self, grave: Grave) -> None:
        self.new_graves[grave.incarnation] = grave
        self.graves.setdefault(grave.key, []).append(grave)

    def _open_service(self, key: ServiceKey) -> None:
        if key in self.unreadable:
            return
        opened = open_service(
            key,
            self.services.get(key),
            self.revision,
            self.now_ms,
            lambda: self._uid(str(key)),
            self._etag(self.revision),
        )
        if opened is not None:
            self._open_namespace(key.namespace)
            self._note(ServicePut(self.revision, opened))

    def _open_namespace(self, namespace: NamespaceId) -> None:
        if namespace not in self.namespaces:
            self.namespaces.add(namespace)
            uid = self._uid(f"namespaces/{namespace}")
            self.new_namespaces.append(Namespace(namespace, uid, self.now_ms, self.revision))

    def _uid(self, name: str) -> str:
        # Unique, as a name is made at most once at a revision; and needs no randomness.
        return str(uuid5(NAMESPACE_OID, f"{self.registry_uid}/{name}@{self.revision}"))

    @staticmethod
    def _etag(revision: Revision) -> str:
        return f"r{revision}"


def _holds_lease(instance: Instance) -> bool:
    return instance.state is not State.EXPIRED
