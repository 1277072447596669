"""A plan: what one generation of one cell says, and the head that points to one.

The generation lives in the head, a pointer that only rises (I1); a plan's content
never changes (I6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.domain.diversion import Span
from registry.domain.health import Evidence, Health
from registry.domain.instance import Port
from registry.domain.names import (
    NO_EPOCH,
    NO_GENERATION,
    CellName,
    Epoch,
    Generation,
    Incarnation,
    InstanceId,
    RegionName,
    Revision,
    ServiceKey,
)
from registry.domain.refused_entry import RefusedEntry
from registry.domain.service import ServicePolicy
from registry.domain.velocity import Reason


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an endpoint stays in its name's answers although its health says otherwise (I8)."""

    reason: Reason
    hold_time_ms: int
    """Since when, Unix milliseconds."""
    release_time_ms: int = 0
    """When it may end at the earliest, as it looked then; 0: not by time alone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address and ports of an instance that may be served."""

    instance: InstanceId
    incarnation: Incarnation
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    priority: int
    weight: int
    zone: str
    metadata: Mapping[str, str]
    health: Health
    evidence: Evidence
    hold: Hold | None = None
    confirmed: bool = False
    """An operator confirmed that it leaves the answers; only of one that is not healthy."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The record of an explicit deletion; the only thing that empties a name (I7)."""

    delete_time_ms: int
    revision: Revision


@dataclass(frozen=True, slots=True)
class StagedChange:
    """A policy that canary frontends go by instead of the one in force."""

    uid: str
    policy: ServicePolicy | None


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What one cell knows of one service. Endpoints are in order of instance id."""

    key: ServiceKey
    policy: ServicePolicy | None
    endpoints: tuple[Endpoint, ...]
    held: bool
    tombstone: Tombstone | None
    revision: Revision
    staged: StagedChange | None = None
    diversion: Span | None = None
    """When clients are to be sent elsewhere; over or not, which frontends tell by their clocks."""
    omitted: int = 0
    """Endpoints left out, since with them it would be more than an entry may be; see `excerpt`."""


@dataclass(frozen=True, slots=True)
class PlanDelta:
    """The step from one generation to the next, as encoded entries.

    `changed` maps an entry's key (`namespace/service`) to its encoded body.
    """

    changed: Mapping[str, bytes]
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What is known of one generation without its entries."""

    cell: CellName
    epoch: Epoch
    generation: Generation
    parent_generation: Generation
    digest: bytes
    service_count: int
    endpoint_count: int
    revision: Revision
    create_time_ms: int
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The pointer of a cell to its active generation; generation 0 is the empty start."""

    cell: CellName
    region: RegionName
    epoch: Epoch
    generation: Generation
    digest: bytes
    publish_time_ms: int
    leader: str
    frozen: str = ""
    """Why the cell's automation is stopped; empty when it is not."""
    seen_epoch: Epoch = NO_EPOCH
    seen_generation: Generation = NO_GENERATION
    """The highest that frontends came with from another past; see `sighting`."""
    refused: tuple[RefusedEntry, ...] = field(default=(), compare=False)
    """What its leader does not publish, for people: it is no part of where the head is."""
