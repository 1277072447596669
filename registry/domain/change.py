"""A change: one step of the registry's history, numbered by its revision."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.instance import Instance
from registry.domain.names import CellName, InstanceKey, Revision, ServiceKey
from registry.domain.service import Service


@dataclass(frozen=True, slots=True)
class InstancePut:
    """An instance was registered, drained, judged anew, or expired."""

    revision: Revision
    instance: Instance
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class InstanceRemoved:
    """An instance is gone: by its owner's word, by an operator's, or reaped."""

    revision: Revision
    key: InstanceKey
    cell: CellName
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class ServicePut:
    """A service was made or edited."""

    revision: Revision
    service: Service


@dataclass(frozen=True, slots=True)
class ServiceRemoved:
    """A service was deleted; `service` carries the tombstone."""

    revision: Revision
    service: Service


Change = InstancePut | InstanceRemoved | ServicePut | ServiceRemoved


def service_of(change: Change) -> ServiceKey:
    """The service that a change is about."""
    match change:
        case InstancePut():
            return change.instance.key.service_key
        case InstanceRemoved():
            return change.key.service_key
        case ServicePut() | ServiceRemoved():
            return change.service.key
