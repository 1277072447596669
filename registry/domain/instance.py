"""An instance as the registry keeps it: what was registered, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from registry.domain.health import Evidence, Health
from registry.domain.names import CellName, Incarnation, InstanceKey, RegionName, Revision


class Protocol(Enum):
    """Transport of a port."""

    TCP = "tcp"
    UDP = "udp"


class CheckKind(Enum):
    """What a health check tries."""

    NONE = "none"
    TCP = "tcp"


class State(Enum):
    """What is wished for an instance, by its owner or by the end of its lease."""

    ACTIVE = "active"
    DRAINING = "draining"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that an instance listens on; `name` is the label of its SRV names."""

    name: str
    number: int
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True)
class Check:
    """How the registry convinces itself that an instance serves."""

    kind: CheckKind
    port: int = 0
    interval_seconds: float = 5.0
    timeout_seconds: float = 2.0
    rise: int = 2
    fall: int = 3


@dataclass(frozen=True, slots=True)
class Registration:
    """What an owner says of an instance; checked already, immutable once accepted."""

    key: InstanceKey
    cell: CellName
    region: RegionName
    zone: str
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    priority: int
    weight: int
    metadata: Mapping[str, str]
    check: Check
    ttl_seconds: float


@dataclass(frozen=True, slots=True)
class Instance:
    """One incarnation: its registration and its present standing."""

    registration: Registration
    incarnation: Incarnation
    request_id: str
    state: State
    health: Health
    evidence: Evidence
    health_time_ms: int
    """When health last changed, Unix milliseconds."""
    create_time_ms: int
    state_time_ms: int
    """When `state` was last entered, Unix milliseconds; reaping counts from here."""
    revision: Revision
    lease_id: int = field(default=0)
    """The store's number for the lease row; 0 before it is stored."""

    @property
    def key(self) -> InstanceKey:
        """The instance's name."""
        return self.registration.key

    @property
    def cell(self) -> CellName:
        """The cell that publishes the instance."""
        return self.registration.cell
