"""What the frontend knows of one service in one cell, as its own types.

They mirror `sheetanchor.v1.ServicePlan`; the feed translates, so that nothing that
decides or answers depends on gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from dns_frontend.plan.diversion import NEVER, Diversion
from dns_frontend.plan.zone_wish import ZoneWish


class ServiceKey(NamedTuple):
    """Names a service."""

    namespace: str
    service: str

    @property
    def entry(self) -> str:
        """The key of the service in a plan: `{namespace}/{service}`."""
        return f"{self.namespace}/{self.service}"


ZONE_KEY = ServiceKey("sheetanchor", "zone")
"""The name by whose policy the zone's own settings come into plans; nobody registers under it."""


class Health(Enum):
    """True health of an endpoint at plan time."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


class Protocol(Enum):
    """Transport of a port."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that an endpoint listens on."""

    name: str
    number: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address and ports of an instance that may be served."""

    instance: str
    incarnation: str
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    priority: int
    weight: int
    zone: str
    metadata: Mapping[str, str]
    health: Health
    evidence: str
    """Why, as a lower-case word: `validated`, `refused`, `lease_expired`, ..."""
    hold: str = ""
    """Why it is answered with although not healthy, as a lower-case word; mostly empty (I8)."""
    confirmed: bool = False
    """An operator confirmed that it leaves the answers."""


class AllDown(Enum):
    """What is answered when no endpoint of any region is healthy."""

    FAIL_OPEN_HOME = "fail_open_home"
    FAIL_OPEN_ALL = "fail_open_all"
    LAST_KNOWN_GOOD = "last_known_good"
    STATIC = "static"
    SERVFAIL = "servfail"
    NODATA = "nodata"


@dataclass(frozen=True, slots=True)
class Policy:
    """The owner's wishes; the defaults are those of the contract."""

    record_ttl_seconds: int = 10
    region_order: tuple[str, ...] = ()
    enter_threshold: float = 0.5
    exit_threshold: float = 0.7
    exit_hold_seconds: float = 30.0
    minimum_endpoints: int = 1
    scale_to_zero: bool = False
    enter_hold_seconds: float = 0.0
    distances: tuple[tuple[str, str, int], ...] = ()
    """Regions, two by two, and how far they are from each other."""
    overprovisioning: float = 0.0
    """See capacity.py; 0: regions are never mixed."""
    all_down: AllDown = AllDown.FAIL_OPEN_HOME
    static_addresses: tuple[str, ...] = ()
    zone: ZoneWish | None = None
    """Of `ZONE_KEY` alone."""


@dataclass(frozen=True, slots=True)
class StagedChange:
    """A policy that canaries go by instead of the one in force."""

    uid: str
    policy: Policy | None


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service in one cell. With a tombstone there are no endpoints."""

    key: ServiceKey
    policy: Policy | None
    endpoints: tuple[Endpoint, ...]
    held: bool
    tombstoned: bool
    revision: int
    staged: StagedChange | None = None
    diversion: Diversion | None = None
    diverted_until: float = NEVER
    """What `diversion` comes to on the clock that standings are judged by."""


NO_ENTRIES: Mapping[str, ServiceEntry] = {}


@dataclass(frozen=True, slots=True)
class CellPosition:
    """Where a cell's chain stands at this frontend."""

    cell: str
    region: str
    epoch: int
    generation: int
    digest: bytes
    create_time_ms: int
