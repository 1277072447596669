"""A service and its owner's policy."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import NamespaceId, RegionName, Revision, ServiceKey


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """When a region stops, and starts again, to answer for itself."""

    region_order: tuple[RegionName, ...] = ()
    enter_threshold: float = 0.5
    exit_threshold: float = 0.7
    exit_hold_seconds: float = 30.0
    minimum_endpoints: int = 1


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """What the owner decides about the answers for a service."""

    record_ttl_seconds: int = 10
    failover: FailoverPolicy = FailoverPolicy()
    scale_to_zero: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the registry keeps it."""

    key: ServiceKey
    uid: str
    policy: ServicePolicy | None
    """None: nobody gave one; defaults hold, and another region's may."""
    etag: str
    create_time_ms: int
    update_time_ms: int
    revision: Revision
    tombstone_time_ms: int | None = None
    """When it was deleted, Unix milliseconds; None while it lives."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as the registry keeps it."""

    id: NamespaceId
    uid: str
    create_time_ms: int
    revision: Revision
