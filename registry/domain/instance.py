"""An instance as the registry keeps it: what was registered, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    HTTP = "http"
    HTTPS = "https"
    GRPC = "grpc"
    GRPCS = "grpcs"


class Identity(Enum):
    """How a target says who it is, so that a reused address is told from the instance."""

    NONE = "none"
    HEADER = "header"
    METADATA = "metadata"
    HEALTH_SERVICE = "health_service"


IDENTITY_HEADER = "sheetanchor-identity"
"""HTTP header and gRPC metadata key whose value is the instance's name, `namespaces/...`."""


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
class HttpCheck:
    """What an HTTP or HTTPS check asks for, and which answers it takes."""

    path: str = "/"
    host: str = ""
    """The Host header; empty: the address and port."""
    statuses: tuple[int, ...] = ()
    """Status codes that mean success; empty: any 2xx."""
    body_match: str = ""
    """Must occur in the first 64 KiB of the body; empty: the body is not read."""


@dataclass(frozen=True, slots=True)
class Check:
    """How the registry convinces itself that an instance serves."""

    kind: CheckKind
    port: int = 0
    interval_seconds: float = 5.0
    timeout_seconds: float = 2.0
    rise: int = 2
    fall: int = 3
    http: HttpCheck | None = None
    """Set for HTTP and HTTPS, and for them only."""
    grpc_service: str = ""
    """The name asked about (grpc.health.v1); empty is the server as a whole."""
    identity: Identity = Identity.NONE
    tls_server_name: str = ""
    """The name that the certificate must bear; empty: the certificate is not looked at."""


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


class Override(Enum):
    """What an operator decided on the removal of an instance from its name's answers."""

    NONE = "none"
    REMOVE = "remove"
    """Whatever the budgets say, it may go."""
    KEEP = "keep"
    """Whatever its health says, it stays, until it is healthy."""


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
    lease_id: int = 0
    """The number of the lease row: the revision that opened it, and never used twice."""
    override: Override = Override.NONE

    @property
    def key(self) -> InstanceKey:
        """The instance's name."""
        return self.registration.key

    @property
    def cell(self) -> CellName:
        """The cell that publishes the instance."""
        return self.registration.cell
