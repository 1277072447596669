"""What a request may say of a service's policy; the sister of admission.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.domain.complaints import Complaints
from registry.domain.names import RegionName
from registry.domain.service import FailoverPolicy, HealthPolicy, ServicePolicy

RECORD_TTL_SECONDS = (5, 60)
REGION_LIMIT = 32
EXIT_HOLD_SECONDS = (0.0, 3600.0)
MINIMUM_ENDPOINTS = (1, 1000)
STREAK = (1, 10)
DAMPING_WINDOW_SECONDS = (1.0, 600.0)
SLOW_START_SECONDS = (0.0, 900.0)


@dataclass(frozen=True, slots=True)
class DraftFailover:
    """A failover policy as it came; 0 and None are unset."""

    region_order: Sequence[str] = ()
    enter_threshold: float = 0.0
    exit_threshold: float = 0.0
    exit_hold_seconds: float | None = None
    minimum_endpoints: int = 0


@dataclass(frozen=True, slots=True)
class DraftHealth:
    """A health policy as it came; 0 and None are unset."""

    rise: int = 0
    fall: int = 0
    damping_window_seconds: float | None = None
    slow_start_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class DraftPolicy:
    """A policy as it came; 0 and None are unset."""

    record_ttl_seconds: int = 0
    failover: DraftFailover | None = None
    scale_to_zero: bool = False
    health: DraftHealth | None = None


def admit_policy(draft: DraftPolicy, prefix: str = "service.policy.") -> ServicePolicy:
    """Check a policy against every rule of the contract; unset fields take defaults.

    Regions need not be known here: other registries own cells too. Raises InvalidField with
    all violations, `prefix` before each field path.
    """
    complaints = Complaints(prefix)
    record_ttl_seconds = draft.record_ttl_seconds or ServicePolicy().record_ttl_seconds
    complaints.span("record_ttl_seconds", record_ttl_seconds, RECORD_TTL_SECONDS, " s")
    failover = _failover(draft.failover or DraftFailover(), complaints)
    health = _health(draft.health or DraftHealth(), complaints)
    complaints.check()
    return ServicePolicy(record_ttl_seconds, failover, draft.scale_to_zero, health)


def _failover(draft: DraftFailover, complaints: Complaints) -> FailoverPolicy:
    default = FailoverPolicy()
    regions = tuple(draft.region_order)
    if len(regions) > REGION_LIMIT:
        complaints.add(
            "failover.region_order", f"must be at most {REGION_LIMIT}, are {len(regions)}"
        )
        regions = ()
    for at, region in enumerate(regions):
        path = f"failover.region_order[{at}]"
        if complaints.label(path, region) and region in regions[:at]:
            complaints.add(path, f"{region} is given twice")
    enter = draft.enter_threshold or default.enter_threshold
    # A default must not contradict what was asked for.
    leave = draft.exit_threshold or max(default.exit_threshold, min(enter, 1.0))
    if not 0.0 < enter <= 1.0:
        complaints.add("failover.enter_threshold", f"must be over 0 and up to 1, is {enter:g}")
    elif not enter <= leave <= 1.0:
        complaints.add(
            "failover.exit_threshold",
            f"must be from enter_threshold ({enter:g}) up to 1, is {leave:g}",
        )
    hold = default.exit_hold_seconds if draft.exit_hold_seconds is None else draft.exit_hold_seconds
    complaints.span("failover.exit_hold", hold, EXIT_HOLD_SECONDS, " s")
    minimum = draft.minimum_endpoints or default.minimum_endpoints
    complaints.span("failover.minimum_endpoints", minimum, MINIMUM_ENDPOINTS)
    return FailoverPolicy(
        tuple(RegionName(region) for region in regions), enter, leave, hold, minimum
    )


def _health(draft: DraftHealth, complaints: Complaints) -> HealthPolicy:
    default = HealthPolicy()
    for name, asked in (("rise", draft.rise), ("fall", draft.fall)):
        if asked:
            complaints.span(f"health.{name}", asked, STREAK)
    window = (
        default.damping_window_seconds
        if draft.damping_window_seconds is None
        else draft.damping_window_seconds
    )
    complaints.span("health.damping_window", window, DAMPING_WINDOW_SECONDS, " s")
    slow_start = draft.slow_start_seconds or default.slow_start_seconds
    complaints.span("health.slow_start", slow_start, SLOW_START_SECONDS, " s")
    return HealthPolicy(draft.rise, draft.fall, window, slow_start)
