"""What the frontend refuses to serve, whatever the registry thinks of it.

The registry has a guard of its own; this one shares no code with it, so that a fault
gets through only if it is made twice. It judges an entry by itself (`fault_of`), and
the step from what is served to what would be (`judge`). It never asks how old
something is: age is no reason to refuse, and none to serve.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from dns_frontend.plan.digest import Difference, EntryTree, Published
from dns_frontend.plan.entry import Endpoint, Health, Policy, ServiceEntry
from dns_frontend.plan.zone_wish import fault_of as zone_fault_of

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_REASON_CHARACTERS = 400
_NOTHING: Mapping[str, Published] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a cell (I9); no narrower than the registry's, whose plans must all fit."""

    entry_octets: int = 8 * 1024 * 1024
    endpoints_per_service: int = 2000
    services: int = 200_000
    octets: int = 1024 * 1024 * 1024
    growth_factor: float = 2.0
    """A cell may become so many times larger in one step ..."""
    growth_floor_services: int = 1000
    growth_floor_endpoints: int = 10_000
    """... but below these sizes it may grow at will."""
    loss_share: float = 0.5
    """Share of the cell's live services that may be deleted in one step ..."""
    loss_floor_services: int = 20
    """... but so many always may."""
    emptied_share: float = 0.2
    """Share of the cell's live names that may be lost or emptied by accident in one step ..."""
    emptied_floor_services: int = 20
    """... but so many always may: they are held (`holding`), and the others go on."""


class Rule(Enum):
    """What a generation was refused for; the word is a metric's attribute."""

    DIGEST = "digest"
    """Its content is not what its digest says."""
    CONFLICT = "conflict"
    """Another content under a position already seen."""
    OLDER = "older"
    """Its position is behind the one served."""
    MALFORMED = "malformed"
    """An entry makes no sense."""
    LIMIT = "limit"
    """It is too large."""
    EMPTIED = "emptied"
    """Too many names at once would be lost or left without an endpoint, and nobody asked for
    that: a part of the cell was not read (I7)."""
    GROWTH = "growth"
    """The cell grew too much at once."""
    LOSS = "loss"
    """Too many services were deleted at once."""
    PINNED = "pinned"
    """An operator pinned another snapshot at this frontend."""
    UNSERVABLE = "unservable"
    """This frontend could not make answers of it."""
    CRASHED = "crashed"
    """This frontend died again and again soon after it began to serve it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a generation is not served."""

    rule: Rule
    reason: str

    @property
    def may_pass(self) -> bool:
        """Whether it is only suspicious: unlikely, but what somebody may have meant.

        Such a generation is held back for a while and then served, lest a deed that
        was meant could only be had by an operator at each frontend (I10).
        """
        return self.rule in (Rule.EMPTIED, Rule.GROWTH, Rule.LOSS, Rule.CRASHED)


def fault_of(key: str, octets: int, entry: ServiceEntry, limits: Limits) -> str:
    """What is wrong with an entry by itself; empty when nothing is.

    Everything that becomes a DNS name, an address or a number in an answer is checked,
    so that no entry can make the answering code fail (I9, I11).
    """
    if entry.key.entry != key:
        return f"the entry under {key!r} is of {entry.key.entry!r}"
    if not (_LABEL.fullmatch(entry.key.namespace) and _LABEL.fullmatch(entry.key.service)):
        return f"{key!r} does not consist of DNS labels"
    if octets > limits.entry_octets:
        return f"{key} has {octets} octets, above {limits.entry_octets}"
    if len(entry.endpoints) > limits.endpoints_per_service:
        return f"{key} has {len(entry.endpoints)} endpoints, above {limits.endpoints_per_service}"
    if entry.tombstoned and entry.endpoints:
        return f"{key} has a tombstone and endpoints"
    if entry.policy is not None and (fault := _policy_fault(entry.policy)):
        return f"{key}: {fault}"
    tried = entry.staged.policy if entry.staged is not None else None
    if tried is not None and (fault := _policy_fault(tried)):
        return f"{key}: staged: {fault}"
    last = ""
    for endpoint in entry.endpoints:
        if endpoint.instance <= last:
            return f"{key}: instance {endpoint.instance!r} is there twice or out of order"
        last = endpoint.instance
        if fault := _endpoint_fault(endpoint):
            return f"{key}: instance {endpoint.instance!r} {fault}"
    return ""


# judge
#
#   served     candidate                                     verdict
#   ---------  --------------------------------------------  ---------
#   any        an entry makes no sense                       MALFORMED
#   any        with what is held above an absolute limit     LIMIT
#   nothing    else                                          yes
#   something  more names begin to be held than              EMPTIED
#                emptied_share of the live ones, and > floor
#   something  more than growth_factor per step, > floor     GROWTH
#   something  one step deletes > loss_share, and > floor    LOSS
#   something  else                                          yes
def judge(
    served: EntryTree | None,
    candidate: EntryTree,
    difference: Difference,
    steps: int,
    limits: Limits,
    *,
    already: Mapping[str, Published] = _NOTHING,
    held: Mapping[str, Published] = _NOTHING,
    slowed: Mapping[str, Published] = _NOTHING,
) -> Finding | None:
    """Whether to go from `served` to `candidate`; None means yes.

    `difference` is between the two. `steps` is how many generations it takes from one to
    the other; above 1 when those between were never seen here, each of which may have
    grown the cell, and may have deleted what now is gone. `already` and `held` are the
    names held before and after the step, which go on being answered (`holding`); `slowed` are
    those with endpoints that left too fast (`velocity`).
    """
    for key, published in difference.changed.items():
        if published.fault:
            return _finding(Rule.MALFORMED, published.fault)
        if published.entry is None:
            return _finding(Rule.MALFORMED, f"{key} cannot be read")
    if finding := bounds_of(candidate, limits, {**held, **slowed}):
        return finding
    if served is None:
        return None
    if finding := _emptied(served, already, held, limits):
        return finding
    if finding := _grown(served, candidate, steps, limits):
        return finding
    return _lost(served, already, difference, steps, limits)


def is_servable(entry: ServiceEntry | None) -> bool:
    """Whether the entry gives an answer something to say. UNKNOWN endpoints never do (I27)."""
    return entry is not None and any(
        endpoint.health is not Health.UNKNOWN for endpoint in entry.endpoints
    )


# is_emptied
#
#   before            after                        emptied
#   ----------------  ---------------------------  -------------------------------
#   absent            any                          no
#   tombstoned        any                          no
#   live              absent                       yes: a missing row is no deletion
#   live              tombstoned                   no: asked for
#   live, servable    not servable, scale_to_zero  no: asked for
#   live, servable    not servable                 yes
#   live, servable    servable                     no
#   live, unservable  live                         no
def is_emptied(before: ServiceEntry | None, after: ServiceEntry | None) -> bool:
    """Whether a name loses what it has by anything but explicit intent (I7)."""
    if before is None or before.tombstoned:
        return False
    if after is None:
        return True
    if after.tombstoned or (after.policy is not None and after.policy.scale_to_zero):
        return False
    return is_servable(before) and not is_servable(after)


def bounds_of(
    candidate: EntryTree, limits: Limits, held: Mapping[str, Published] = _NOTHING
) -> Finding | None:
    """What of a cell's size is beyond the absolute limits, if anything is (I9).

    What is held counts: it takes room like the rest.
    """
    services = candidate.totals.services + sum(candidate.get(key) is None for key in held)
    octets = candidate.totals.octets + sum(len(each.body) for each in held.values())
    if services > limits.services:
        return _finding(Rule.LIMIT, f"{services} services, above {limits.services}")
    if octets > limits.octets:
        return _finding(Rule.LIMIT, f"{octets} octets, above {limits.octets}")
    return None


def _emptied(
    served: EntryTree,
    already: Mapping[str, Published],
    held: Mapping[str, Published],
    limits: Limits,
) -> Finding | None:
    begun = sorted(held.keys() - already.keys())
    live = served.totals.live + sum(served.get(key) is None for key in already)
    if len(begun) > limits.emptied_floor_services and len(begun) > live * limits.emptied_share:
        return _finding(
            Rule.EMPTIED,
            f"{len(begun)} of {live} services would lose all endpoints, or vanish, without a"
            f" tombstone: {', '.join(begun[:5])}",
        )
    return None


def _grown(served: EntryTree, candidate: EntryTree, steps: int, limits: Limits) -> Finding | None:
    # capped, since a float overflows; by then every size is allowed anyhow
    factor = limits.growth_factor ** min(steps, 64)
    for noun, before, after, floor in (
        (
            "services",
            served.totals.services,
            candidate.totals.services,
            limits.growth_floor_services,
        ),
        (
            "endpoints",
            served.totals.endpoints,
            candidate.totals.endpoints,
            limits.growth_floor_endpoints,
        ),
    ):
        if after > floor and after > before * factor:
            return _finding(Rule.GROWTH, f"from {before} to {after} {noun} at once")
    return None


def _lost(
    served: EntryTree,
    already: Mapping[str, Published],
    difference: Difference,
    steps: int,
    limits: Limits,
) -> Finding | None:
    if steps > 1:
        return None
    lost = sum(
        1
        for key, published in difference.changed.items()
        if published.entry is not None
        and published.entry.tombstoned
        and (old := already.get(key) or served.get(key)) is not None
        and old.entry is not None
        and not old.entry.tombstoned
    )
    if lost > limits.loss_floor_services and lost > served.totals.live * limits.loss_share:
        return _finding(Rule.LOSS, f"{lost} of {served.totals.live} services are deleted at once")
    return None


def _policy_fault(policy: Policy) -> str:
    if not 1 <= policy.record_ttl_seconds <= 86_400:
        return f"TTL {policy.record_ttl_seconds} s"
    # written so that NaN fails as well
    if not 0 < policy.enter_threshold <= policy.exit_threshold <= 1:
        return f"thresholds {policy.enter_threshold} and {policy.exit_threshold}"
    if not (math.isfinite(policy.exit_hold_seconds) and policy.exit_hold_seconds >= 0):
        return f"exit hold {policy.exit_hold_seconds} s"
    if not (math.isfinite(policy.enter_hold_seconds) and policy.enter_hold_seconds >= 0):
        return f"enter hold {policy.enter_hold_seconds} s"
    if policy.overprovisioning != 0 and not 1 <= policy.overprovisioning <= 10:
        return f"overprovisioning {policy.overprovisioning}"
    for address in policy.static_addresses:
        try:
            ip_address(address)
        except ValueError:
            return f"the static address {address[:60]!r}"
    if policy.minimum_endpoints < 1:
        return f"minimum of {policy.minimum_endpoints} endpoints"
    if not all(_LABEL.fullmatch(region) for region in policy.region_order):
        return "a region in its order is not a DNS label"
    return "" if policy.zone is None else zone_fault_of(policy.zone)


def _endpoint_fault(endpoint: Endpoint) -> str:
    if not _LABEL.fullmatch(endpoint.instance):
        return "is not a DNS label"
    if not endpoint.addresses:
        return "has no address"
    for address in endpoint.addresses:
        try:
            parsed = ip_address(address)
        except ValueError:
            return f"has the address {address[:60]!r}"
        if parsed.is_unspecified or parsed.is_multicast or (parsed.version == 6 and "%" in address):
            return f"has the address {address[:60]!r}"
    names = set()
    for port in endpoint.ports:
        if not 1 <= port.number <= 65535:
            return f"has the port {port.number}"
        if not _LABEL.fullmatch(port.name):
            return f"has a port named {port.name[:60]!r}"
        names.add(port.name)
    if len(names) != len(endpoint.ports):
        return "has two ports of one name"
    if not 0 <= endpoint.priority <= 65535:
        return f"has the priority {endpoint.priority}"
    if not 0 <= endpoint.weight <= 65535:
        return f"has the weight {endpoint.weight}"
    return ""


def _finding(rule: Rule, reason: str) -> Finding:
    return Finding(rule, reason[:_REASON_CHARACTERS])
