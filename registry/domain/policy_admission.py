"""What a request may say of a service's policy; the sister of admission.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from registry.domain.admission import admit_addresses
from registry.domain.complaints import Complaints, shown
from registry.domain.names import RegionName
from registry.domain.service import (
    AllDown,
    Distance,
    FailoverPolicy,
    HealthPolicy,
    ServicePolicy,
)

RECORD_TTL_SECONDS = (5, 60)
REGION_LIMIT = 32
EXIT_HOLD_SECONDS = (0.0, 3600.0)
MINIMUM_ENDPOINTS = (1, 1000)
ENTER_HOLD_SECONDS = (0.0, 600.0)
OVERPROVISIONING = (1.0, 10.0)
DISTANCE = (1, 1_000_000)
DISTANCE_LIMIT = 256
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
    enter_hold_seconds: float | None = None
    distances: Sequence[tuple[str, str, int]] = ()
    overprovisioning: float = 0.0
    all_down: str = ""
    """A value of AllDown."""
    static_addresses: Sequence[str] = ()


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

    record_ttl_seconds: int | None = None
    failover: DraftFailover | None = None
    scale_to_zero: bool = False
    health: DraftHealth | None = None


def admit_policy(
    draft: DraftPolicy, regions: Collection[str], prefix: str = "service.policy."
) -> ServicePolicy:
    """Check a policy against every rule of the contract; unset fields take defaults.

    `regions` are all there are, those of other registries included: one that is misspelt would
    be waited for in vain when its turn comes (I39). Raises InvalidField with all violations,
    `prefix` before each field path.
    """
    complaints = Complaints(prefix)
    record_ttl_seconds = draft.record_ttl_seconds
    if record_ttl_seconds is None:
        record_ttl_seconds = ServicePolicy().record_ttl_seconds
    complaints.span("record_ttl_seconds", record_ttl_seconds, RECORD_TTL_SECONDS, " s")
    failover = _failover(draft.failover or DraftFailover(), regions, complaints)
    health = _health(draft.health or DraftHealth(), complaints)
    complaints.check()
    return ServicePolicy(record_ttl_seconds, failover, draft.scale_to_zero, health)


def _failover(
    draft: DraftFailover, regions: Collection[str], complaints: Complaints
) -> FailoverPolicy:
    default = FailoverPolicy()
    order = tuple(draft.region_order)
    if len(order) > REGION_LIMIT:
        complaints.add("failover.region_order", f"must be at most {REGION_LIMIT}, are {len(order)}")
        order = ()
    for at, region in enumerate(order):
        path = f"failover.region_order[{at}]"
        if admit_region(path, region, regions, complaints) and region in order[:at]:
            # a loop: who falls back from a region would come to it again
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
    enter_hold = draft.enter_hold_seconds or default.enter_hold_seconds
    complaints.span("failover.enter_hold", enter_hold, ENTER_HOLD_SECONDS, " s")
    if draft.overprovisioning != 0.0:
        complaints.span("failover.overprovisioning", draft.overprovisioning, OVERPROVISIONING)
    distances = _distances(draft.distances, regions, complaints)
    all_down, static_addresses = _all_down(draft, complaints)
    return FailoverPolicy(
        tuple(RegionName(region) for region in order),
        enter,
        leave,
        hold,
        minimum,
        enter_hold,
        distances,
        draft.overprovisioning,
        all_down,
        static_addresses,
    )


# admit_region
#
#   a label  among the known  result
#   -------  ---------------  ---------------------------------------------------------
#   no       any              violation: it could be no region
#   yes      no               violation, with the known ones: misspelt, or not told here
#   yes      yes              good
def admit_region(path: str, region: str, regions: Collection[str], complaints: Complaints) -> bool:
    """Whether `region` is one that is known here; complains if not."""
    if not complaints.label(path, region):
        return False
    if region not in regions:
        known = ", ".join(sorted(regions))
        complaints.add(
            path,
            f"{region} is not among the regions known here ({known}). Where another registry "
            "owns it, this one must be told: `--other-regions`",
        )
        return False
    return True


def _distances(
    drafts: Sequence[tuple[str, str, int]], regions: Collection[str], complaints: Complaints
) -> tuple[Distance, ...]:
    path = "failover.distances"
    if len(drafts) > DISTANCE_LIMIT:
        complaints.add(path, f"must be at most {DISTANCE_LIMIT}, are {len(drafts)}")
        return ()
    seen: set[frozenset[str]] = set()
    for at, (start, end, distance) in enumerate(drafts):
        good = admit_region(f"{path}[{at}].start", start, regions, complaints)
        good = admit_region(f"{path}[{at}].end", end, regions, complaints) and good
        complaints.span(f"{path}[{at}].distance", distance, DISTANCE)
        if good and start == end:
            complaints.add(f"{path}[{at}].end", f"{end} is at no distance from itself")
        elif good and frozenset((start, end)) in seen:
            complaints.add(f"{path}[{at}]", f"{start} and {end} are given twice")
        seen.add(frozenset((start, end)))
    return tuple(
        Distance(RegionName(start), RegionName(end), distance) for start, end, distance in drafts
    )


# all_down and static_addresses
#
#   all_down  static_addresses  result
#   --------  ----------------  -----------------------------------------------
#   unset     none              FAIL_OPEN_HOME
#   STATIC    none              violation: there is nothing to answer with
#   STATIC    some              those, each a literal address fit to be answered
#   other     none              as asked
#   other     some              violation: they would never be answered with
def _all_down(draft: DraftFailover, complaints: Complaints) -> tuple[AllDown, tuple[str, ...]]:
    all_down = _ALL_DOWN.get(draft.all_down)
    if all_down is None:
        complaints.add("failover.all_down", f"is not known: {shown(draft.all_down)}")
        return AllDown.FAIL_OPEN_HOME, ()
    if all_down is not AllDown.STATIC:
        if draft.static_addresses:
            complaints.add(
                "failover.static_addresses", f"must be unset when all_down is {all_down.name}"
            )
        return all_down, ()
    return all_down, admit_addresses(
        draft.static_addresses, "failover.static_addresses", complaints
    )


_ALL_DOWN = {"": AllDown.FAIL_OPEN_HOME, **{each.value: each for each in AllDown}}


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
