"""What the registry refuses to publish, whatever the planner thinks of it.

It judges entry by entry: a bad one is left as it was and hurts its own name only (I11);
a good one that would make the step too large waits for the next step (I9). A frontend
judges again, with code of its own and bounds no narrower than these, and refuses a
generation whole; so nothing that it would refuse may pass here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from registry.domain.address import canonical, no_host
from registry.domain.cell_plan import Entry, Totals
from registry.domain.names import is_label
from registry.domain.plan import Endpoint, ServicePlan
from registry.domain.planner import is_servable
from registry.domain.service import AllDown, ServicePolicy
from registry.domain.zone import fault_of as zone_fault_of


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a cell and of one step of it."""

    entry_octets: int = 1024 * 1024
    endpoints_per_service: int = 2000
    services: int = 200_000
    octets: int = 512 * 1024 * 1024
    step_octets: int = 1024 * 1024
    """Of changed entries; a step has one entry at least, however large."""
    growth_factor: float = 2.0
    """A cell may become so many times larger in one step ..."""
    growth_floor_services: int = 1000
    growth_floor_endpoints: int = 10_000
    """... but below these sizes it may grow at will."""
    loss_share: float = 0.5
    """Share of the live services that may be deleted in one step ..."""
    loss_floor_services: int = 20
    """... but so many always may."""

    def __post_init__(self) -> None:
        """One entry must always fit into a step, else it would wait for ever. Raises ValueError."""
        if self.growth_floor_endpoints < self.endpoints_per_service:
            raise ValueError("growth_floor_endpoints: below endpoints_per_service")
        if min(self.growth_floor_services, self.loss_floor_services) < 1:
            raise ValueError("growth_floor_services, loss_floor_services: below 1")


class Rule(Enum):
    """What an entry was kept back for; the word is a metric's attribute."""

    MALFORMED = "malformed"
    """It makes no sense."""
    LIMIT = "limit"
    """It is too large, or the cell is full."""
    EMPTIED = "emptied"
    """The name would lose its last servable endpoint, and nobody asked for that (I7)."""
    SIZE = "size"
    """The step has enough octets."""
    GROWTH = "growth"
    """The cell would grow too much in this step."""
    LOSS = "loss"
    """Too many services would be deleted in this step."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an entry is not in this step."""

    rule: Rule
    reason: str


@dataclass(slots=True)
class Judgement:
    """What becomes of each entry that was proposed."""

    accepted: dict[str, Entry | None] = field(default_factory=dict)
    refused: dict[str, Finding] = field(default_factory=dict)
    """Left as they were, until what they are made from changes."""
    postponed: dict[str, Finding] = field(default_factory=dict)
    """Left as they were, for the next step."""


def judge(
    current: Mapping[str, Entry],
    before: Totals,
    proposed: Mapping[str, Entry | None],
    limits: Limits,
) -> Judgement:
    """Sort the proposed entries, None meaning removal, in their order; `before` sums `current`."""
    judgement = Judgement()
    totals = before
    step_octets = lost = 0
    for key, entry in proposed.items():
        old = current.get(key)
        if finding := _entry_finding(key, old, entry, limits):
            judgement.refused[key] = finding
            continue
        after = totals.after(old, entry)
        if finding := _cell_finding(totals, after, limits):
            judgement.refused[key] = finding
            continue
        octets = len(key) + (0 if entry is None else len(entry.body))
        is_loss = old is not None and old.is_live and (entry is None or not entry.is_live)
        finding = _step_finding(before, totals, after, limits, step_octets + octets, lost + is_loss)
        if finding and (judgement.accepted or finding.rule is not Rule.SIZE):
            judgement.postponed[key] = finding
            continue
        judgement.accepted[key] = entry
        totals = after
        step_octets += octets
        lost += is_loss
    return judgement


# _entry_finding
#
#   entry now              proposed                                  finding
#   ---------------------  ----------------------------------------  ---------
#   any                    not understood, or see `fault_of`         MALFORMED
#   any                    over the size or number of endpoints      LIMIT
#   absent, tombstoned     removed                                   none
#   live, not understood   removed                                   EMPTIED
#   live, servable         live, nothing servable, no scale_to_zero  EMPTIED
#   live, servable         live, nothing servable, scale_to_zero     none: asked for
#   any                    tombstone                                 none: asked for
#   any                    else                                      none
def _entry_finding(
    key: str, old: Entry | None, entry: Entry | None, limits: Limits
) -> Finding | None:
    if entry is None:
        if old is None or (old.plan is not None and old.plan.tombstone is not None):
            return None
        return Finding(Rule.EMPTIED, "it would vanish without a tombstone")
    if entry.plan is None:
        return Finding(Rule.MALFORMED, "its octets are not understood")
    if len(entry.body) > limits.entry_octets:
        return Finding(Rule.LIMIT, f"{len(entry.body)} octets, above {limits.entry_octets}")
    if len(entry.plan.endpoints) > limits.endpoints_per_service:
        return Finding(
            Rule.LIMIT,
            f"{len(entry.plan.endpoints)} endpoints, above {limits.endpoints_per_service}",
        )
    old_plan = None if old is None else old.plan
    if fault := fault_of(key, entry.plan, old_plan):
        return Finding(Rule.MALFORMED, fault)
    if old_plan is not None and _is_emptied(old_plan, entry.plan):
        return Finding(Rule.EMPTIED, "it would lose its last servable endpoint without a tombstone")
    return None


def _is_emptied(before: ServicePlan, after: ServicePlan) -> bool:
    if after.tombstone is not None or (after.policy is not None and after.policy.scale_to_zero):
        return False
    return any(map(is_servable, before.endpoints)) and not any(map(is_servable, after.endpoints))


def _cell_finding(totals: Totals, after: Totals, limits: Limits) -> Finding | None:
    if after.services > limits.services and after.services > totals.services:
        return Finding(Rule.LIMIT, f"the cell holds {totals.services} services, its most")
    if after.octets > limits.octets and after.octets > totals.octets:
        return Finding(Rule.LIMIT, f"the cell holds {totals.octets} octets, about its most")
    return None


def _step_finding(
    before: Totals, totals: Totals, after: Totals, limits: Limits, octets: int, lost: int
) -> Finding | None:
    if octets > limits.step_octets:
        return Finding(Rule.SIZE, f"the step has {limits.step_octets} octets already")
    for noun, first, last, now, floor in (
        (
            "services",
            before.services,
            totals.services,
            after.services,
            limits.growth_floor_services,
        ),
        (
            "endpoints",
            before.endpoints,
            totals.endpoints,
            after.endpoints,
            limits.growth_floor_endpoints,
        ),
    ):
        if now > last and now > max(floor, first * limits.growth_factor):
            return Finding(Rule.GROWTH, f"from {first} to {now} {noun} in one step")
    if lost > max(limits.loss_floor_services, before.live * limits.loss_share):
        return Finding(Rule.LOSS, f"{lost} of {before.live} services deleted in one step")
    return None


def fault_of(key: str, plan: ServicePlan, previous: ServicePlan | None = None) -> str:
    """What is wrong with an entry by itself; empty when nothing is.

    Endpoints that are the very objects of `previous` have been looked at before.
    """
    if plan.key.entry != key:
        return f"the entry under {key!r} is of {plan.key.entry!r}"
    if not (is_label(plan.key.namespace) and is_label(plan.key.service)):
        return f"{key!r} does not consist of DNS labels"
    if plan.tombstone is not None and plan.endpoints:
        return "a tombstone and endpoints"
    if plan.policy is not None and (fault := _policy_fault(plan.policy)):
        return fault
    if plan.staged is not None:
        if plan.tombstone is not None or not plan.staged.uid:
            return "a staged change of a deleted service, or one without a uid"
        if plan.staged.policy is not None and (fault := _policy_fault(plan.staged.policy)):
            return f"staged: {fault}"
    names = [endpoint.instance for endpoint in plan.endpoints]
    for last, name in pairwise(names):
        if name <= last:
            return f"instance {name[:63]!r} is there twice or out of order"
    seen = set() if previous is None else set(map(id, previous.endpoints))
    for endpoint in plan.endpoints:
        if id(endpoint) not in seen and (fault := _endpoint_fault(endpoint)):
            return f"instance {endpoint.instance[:63]!r} {fault}"
    return ""


def _policy_fault(policy: ServicePolicy) -> str:
    failover = policy.failover
    if not 5 <= policy.record_ttl_seconds <= 60:
        return f"TTL {policy.record_ttl_seconds} s (I30)"
    # Written so that NaN fails as well.
    if not 0 < failover.enter_threshold <= failover.exit_threshold <= 1:
        return f"thresholds {failover.enter_threshold} and {failover.exit_threshold}"
    if not (math.isfinite(failover.exit_hold_seconds) and failover.exit_hold_seconds >= 0):
        return f"exit hold {failover.exit_hold_seconds} s"
    if not (math.isfinite(failover.enter_hold_seconds) and failover.enter_hold_seconds >= 0):
        return f"enter hold {failover.enter_hold_seconds} s"
    if failover.overprovisioning != 0 and not 1 <= failover.overprovisioning <= 10:
        return f"overprovisioning {failover.overprovisioning}"
    if (failover.all_down is AllDown.STATIC) != bool(failover.static_addresses):
        return f"all down is {failover.all_down.value} with {failover.static_addresses}"
    if failover.minimum_endpoints < 1:
        return f"minimum of {failover.minimum_endpoints} endpoints"
    if not all(is_label(region) for region in failover.region_order):
        return "a region in its order is not a DNS label"
    return "" if policy.zone is None else zone_fault_of(policy.zone)


def _endpoint_fault(endpoint: Endpoint) -> str:
    if not is_label(endpoint.instance):
        return "is not a DNS label"
    if not endpoint.addresses:
        return "has no address"
    for address in endpoint.addresses:
        if canonical(address) is None or no_host(address) or "%" in address:
            return f"has the address {address[:60]!r}"
    for port in endpoint.ports:
        if not 1 <= port.number <= 65535:
            return f"has the port {port.number}"
        if not is_label(port.name):
            return f"has a port named {port.name[:60]!r}"
    if len({port.name for port in endpoint.ports}) != len(endpoint.ports):
        return "has two ports of one name"
    if not 0 <= endpoint.priority <= 65535:
        return f"has the priority {endpoint.priority}"
    if not 1 <= endpoint.weight <= 65535:
        return f"has the weight {endpoint.weight}"
    return ""
