"""A service and its owner's policy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from registry.domain.diversion import Diversion, Span
from registry.domain.names import CellName, NamespaceId, RegionName, Revision, ServiceKey
from registry.domain.zone import ZoneSettings


class AllDown(Enum):
    """What is answered when no endpoint of any region is healthy."""

    FAIL_OPEN_HOME = "fail_open_home"
    FAIL_OPEN_ALL = "fail_open_all"
    LAST_KNOWN_GOOD = "last_known_good"
    STATIC = "static"
    SERVFAIL = "servfail"
    NODATA = "nodata"


@dataclass(frozen=True, slots=True)
class Distance:
    """How far two regions are from each other, in any unit; the same both ways."""

    start: RegionName
    end: RegionName
    distance: int


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """When a region stops, and starts again, to answer for itself."""

    region_order: tuple[RegionName, ...] = ()
    enter_threshold: float = 0.5
    exit_threshold: float = 0.7
    exit_hold_seconds: float = 30.0
    minimum_endpoints: int = 1
    enter_hold_seconds: float = 0.0
    distances: tuple[Distance, ...] = ()
    overprovisioning: float = 0.0
    """0: regions are never mixed; see `dns_frontend.plan.capacity`."""
    all_down: AllDown = AllDown.FAIL_OPEN_HOME
    static_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How the health of a service's instances is judged and acted on."""

    rise: int = 0
    """Successes in a row that make healthy again; 0: as each instance registered."""
    fall: int = 0
    """Failures in a row that make unhealthy; 0: as each instance registered."""
    damping_window_seconds: float = 10.0
    """An endpoint changes sides at most once in this time (I26)."""
    slow_start_seconds: float = 0.0
    """An endpoint that comes up has its full weight after this time."""


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """What the owner decides about the answers for a service."""

    record_ttl_seconds: int = 10
    failover: FailoverPolicy = FailoverPolicy()
    scale_to_zero: bool = False
    health: HealthPolicy = HealthPolicy()
    zone: ZoneSettings | None = None
    """Of `zone.ZONE_KEY` alone."""


class StageState(Enum):
    """How a staged change stands. One that was promoted is the policy itself."""

    BAKING = "baking"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class StagedPolicy:
    """A change of policy that acts on canary frontends alone, or was taken back there (I19)."""

    uid: str
    policy: ServicePolicy | None
    create_time_ms: int
    state: StageState = StageState.BAKING
    reason: str = ""
    """Why it was rolled back."""


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
    staged: StagedPolicy | None = None
    """The last edit, while it is tried and after it was rolled back, until the next edit."""
    diversions: tuple[Diversion, ...] = ()
    """In order of cells; those that are over may still be among them."""

    def diverted(self, cell: CellName | None) -> Span | None:
        """When a cell's endpoints are not wanted, as an operator said last."""
        return next((each.span for each in self.diversions if each.cell == cell), None)

    @property
    def baking(self) -> StagedPolicy | None:
        """The change that canaries act on now."""
        if self.staged is None or self.staged.state is not StageState.BAKING:
            return None
        return self.staged

    @property
    def wished(self) -> ServicePolicy | None:
        """What the owner wished for last and nothing took back: an edit builds on it."""
        return self.policy if self.baking is None else self.baking.policy


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as the registry keeps it."""

    id: NamespaceId
    uid: str
    create_time_ms: int
    revision: Revision
