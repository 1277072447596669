"""Which region's endpoints answer, and in what mode. Pure, and the whole of it.

A tier is the endpoints of one region for one service. The tiers come in the order in
which they are wanted, home first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple, assert_never

from dns_frontend.plan.capacity import Bearing, Share, limits, shares, spread
from dns_frontend.plan.entry import AllDown, Endpoint, Health, Policy
from dns_frontend.plan.facet import ANY, Facet, offering
from dns_frontend.plan.ramp import Goal, order
from dns_frontend.plan.standing import Standing

_DEFAULT_POLICY = Policy()


class ServingMode(Enum):
    """How a name is being served. Health is always the truth; this is what is done about it."""

    NORMAL = "normal"
    FAILOVER = "failover"
    PROTECTED = "protected"
    """Endpoints are answered with whose removal is held (I8)."""
    FAIL_OPEN = "fail_open"
    STALE = "stale"
    """From a plan that was not confirmed for longer than allowed."""


class Rule(Enum):
    """The row of the table in `choose` that decided."""

    SPILL = "spill"
    STANDS_IN = "stands_in"
    SOME_HEALTHY = "some_healthy"
    UNHEALTHY = "unhealthy"
    LEAVING = "leaving"
    REMEMBERED = "remembered"
    NOTHING_KNOWN = "nothing_known"
    EVERYWHERE = "everywhere"
    LAST_GOOD = "last_good"
    STATIC = "static"
    SERVFAIL = "servfail"
    NODATA = "nodata"


@dataclass(frozen=True, slots=True)
class Tier:
    """The endpoints of one region for one service, sorted by what may be done with them."""

    region: str
    standing: Standing | None = None
    healthy: tuple[Endpoint, ...] = ()
    unhealthy: tuple[Endpoint, ...] = ()
    leaving: tuple[Endpoint, ...] = ()
    """DRAINING ones, and the last set known of a cell that has none left ("held")."""
    remembered: tuple[Endpoint, ...] = ()
    """No longer in the plan; the last ones that offered a facet which none offers now (I7)."""
    unknown: tuple[Endpoint, ...] = ()
    """Not validated yet: neither served nor counted (I27)."""
    good: frozenset[str] = frozenset()
    """Incarnations that were healthy when the region last had healthy ones."""

    @property
    def diverted(self) -> bool:
        """Whether an operator sends the region's clients elsewhere."""
        return self.standing is not None and self.standing.diverted_until is not None

    @property
    def protected(self) -> tuple[Endpoint, ...]:
        """Those unhealthy ones that their registry wants answered with all the same (I8).

        They answer beside healthy ones, and count as what they are when regions are judged: to
        move to another region is no removal.
        """
        return tuple(endpoint for endpoint in self.unhealthy if endpoint.hold)

    @property
    def known(self) -> tuple[Endpoint, ...]:
        """All endpoints that may ever be served."""
        return self.healthy + self.unhealthy + self.leaving + self.remembered


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers: never a mixture of rules, and of regions only where the policy wants one."""

    region: str
    endpoints: tuple[Endpoint, ...]
    mode: ServingMode
    rule: Rule
    beside: tuple[tuple[str, tuple[Endpoint, ...]], ...] = ()
    """Other regions' endpoints that answer as well, with weights that make the shares."""

    @property
    def everything(self) -> tuple[Endpoint, ...]:
        """The endpoints of all regions that answer."""
        return self.endpoints + tuple(e for _, endpoints in self.beside for e in endpoints)

    @property
    def usual(self) -> bool:
        """Whether this is the home region in good standing; if not, keep the answer briefly."""
        return self.mode is ServingMode.NORMAL and self.rule is Rule.STANDS_IN


def choose(
    home: str,
    tiers: Sequence[Tier],
    facet: Facet,
    policy: Policy = _DEFAULT_POLICY,
    ramped: Sequence[Share] = (),
) -> Choice:
    """The endpoints that answer for `facet` to clients of `home`.

    In each row the first tier, in order, that offers the facet is taken; the first row
    that finds one decides. `ramped` is where the load is on its way to other regions, if it
    is not to be there at once; see `ramp`.
    """
    # row           | tier must     | endpoints taken    | mode
    # SPILL         | see `_spilled`; only with a policy that says how much a region bears
    # STANDS_IN     | stand in      | HEALTHY, and those | FAILOVER if not at home, else
    #               |               | held beside them   | PROTECTED if any is held, else NORMAL
    # SOME_HEALTHY  | -             | the same           | the same
    # see `_all_down`; only with a policy that wants it
    # UNHEALTHY     | -             | UNHEALTHY          | FAIL_OPEN (I13)
    # LEAVING       | -             | DRAINING, held     | FAIL_OPEN
    # REMEMBERED    | -             | remembered         | FAIL_OPEN (I7)
    # NOTHING_KNOWN | -             | none               | NORMAL
    if policy.overprovisioning:
        choice = _spilled(home, tiers, facet, policy.overprovisioning, ramped)
        if choice is not None:
            return choice
    for tier in tiers:
        if tier.standing is not None and not tier.standing.out:
            endpoints = offering(tier.healthy, facet)
            if endpoints:
                return _standing(home, tier, facet, endpoints, Rule.STANDS_IN)
    for tier in tiers:
        endpoints = offering(tier.healthy, facet)
        if endpoints:
            return _standing(home, tier, facet, endpoints, Rule.SOME_HEALTHY)
    if policy.all_down is not AllDown.FAIL_OPEN_HOME:
        choice = _all_down(home, tiers, facet, policy)
        if choice is not None:
            return choice
    for tier in tiers:
        endpoints = offering(tier.unhealthy, facet)
        if endpoints:
            return Choice(tier.region, endpoints, ServingMode.FAIL_OPEN, Rule.UNHEALTHY)
    for tier in tiers:
        endpoints = offering(tier.leaving, facet)
        if endpoints:
            return Choice(tier.region, endpoints, ServingMode.FAIL_OPEN, Rule.LEAVING)
    for tier in tiers:
        endpoints = offering(tier.remembered, facet)
        if endpoints:
            return Choice(tier.region, endpoints, ServingMode.FAIL_OPEN, Rule.REMEMBERED)
    return Choice(home, (), ServingMode.NORMAL, Rule.NOTHING_KNOWN)


# _spilled
#
#   home has               others have to spare  answered with
#   ---------------------  --------------------  ---------------------------------------------
#   nothing that counts    any                   as if there were no shares: None
#   enough                 any                   home, NORMAL or PROTECTED
#   not enough             some                  home and others by their shares, FAILOVER
#   none healthy           for all of it         others by their shares, FAILOVER
#   not enough, some well  none                  home, as SOME_HEALTHY: it is served (I28)
#   none healthy           none                  home, as UNHEALTHY: others are not filled past
#                                                what they bear (I28)
#
# The part of a home that has no healthy one is borne by its unhealthy ones. A facet that all
# endpoints offer goes by the ramp; one that only some offer is judged by itself.
def _spilled(
    home: str,
    tiers: Sequence[Tier],
    facet: Facet,
    overprovisioning: float,
    ramped: Sequence[Share],
) -> Choice | None:
    bearings = _bearings(home, tiers, facet)
    if bearings is None:
        return None
    offered = {tier.region: _offered(tier, facet) for tier in tiers}
    first, parts = tiers[0], shares(bearings[0], bearings[1:], overprovisioning)
    if ramped and bearings == _bearings(home, tiers, ANY):
        parts = order(ramped, [tier.region for tier in tiers])
    if len(parts) == 1 and parts[0].region == home:
        if offered[home].healthy:
            rule = Rule.SOME_HEALTHY
            if first.standing is not None and not first.standing.out:
                rule = Rule.STANDS_IN
            return _standing(home, first, facet, offered[home].healthy, rule)
        return Choice(home, offered[home].unhealthy, ServingMode.FAIL_OPEN, Rule.UNHEALTHY)
    least = min(e.priority for part in parts for e in offered[part.region].answering)
    weighed = [
        (part.region, _weighed(offered[part.region].answering, part.part, least)) for part in parts
    ]
    (region, endpoints), *beside = weighed
    return Choice(region, endpoints, ServingMode.FAILOVER, Rule.SPILL, tuple(beside))


def goal(home: str, tiers: Sequence[Tier], overprovisioning: float) -> Goal | None:
    """Where home's load ought to be; None where that cannot be told."""
    bearings = _bearings(home, tiers, ANY)
    if bearings is None:
        return None
    first, *others = bearings
    return Goal(shares(first, others, overprovisioning), limits(first, others, overprovisioning))


def _bearings(home: str, tiers: Sequence[Tier], facet: Facet) -> list[Bearing] | None:
    first = tiers[0] if tiers and tiers[0].region == home else None
    if first is None or not _offered(first, facet).counted:
        return None
    bearings = [_offered(tier, facet).bearing(tier) for tier in tiers]
    if first.diverted:
        # all of it is to go, as far as others have to spare
        bearings[0] = replace(bearings[0], healthy=0)
    return bearings


class _Offered(NamedTuple):
    """The endpoints of a tier that offer a facet."""

    healthy: tuple[Endpoint, ...]
    unhealthy: tuple[Endpoint, ...]

    @property
    def counted(self) -> tuple[Endpoint, ...]:
        return self.healthy + self.unhealthy

    @property
    def answering(self) -> tuple[Endpoint, ...]:
        if not self.healthy:
            return self.unhealthy
        return self.healthy + tuple(e for e in self.unhealthy if e.hold)

    def bearing(self, tier: Tier) -> Bearing:
        return Bearing(
            tier.region,
            sum(e.weight for e in self.healthy),
            sum(e.weight for e in self.counted),
            stands_in=tier.standing is not None and not tier.standing.out,
        )


def _offered(tier: Tier, facet: Facet) -> _Offered:
    return _Offered(offering(tier.healthy, facet), offering(tier.unhealthy, facet))


def _weighed(endpoints: tuple[Endpoint, ...], part: float, priority: int) -> tuple[Endpoint, ...]:
    # of one priority, or else clients would take the whole of one region first (RFC 2782)
    weights = spread([endpoint.weight for endpoint in endpoints], part)
    return tuple(
        replace(endpoint, weight=weight, priority=priority)
        for endpoint, weight in zip(endpoints, weights, strict=True)
    )


# _all_down: no endpoint of any region that offers the facet is healthy
#
#   policy           tiers have                     answered with, always FAIL_OPEN
#   ---------------  -----------------------------  ------------------------------------------
#   any              none that offers it            None: as if nothing were wished
#   FAIL_OPEN_ALL    unhealthy or leaving ones      those of all regions, the first one's first
#   LAST_KNOWN_GOOD  some that were healthy last    those, of the first region that has any
#   LAST_KNOWN_GOOD  none of these                  None
#   STATIC           any; and addresses offer it    the addresses
#   STATIC           any; else                      None
#   SERVFAIL         any                            nothing, SERVFAIL
#   NODATA           any                            nothing, NODATA: the one policy but
#                                                   `scale_to_zero` that may empty a name (I7)
def _all_down(home: str, tiers: Sequence[Tier], facet: Facet, policy: Policy) -> Choice | None:
    if not any(offering(tier.known, facet) for tier in tiers):
        return None
    match policy.all_down:
        case AllDown.FAIL_OPEN_HOME:
            return None
        case AllDown.FAIL_OPEN_ALL:
            found = [
                (tier.region, endpoints)
                for tier in tiers
                if (endpoints := offering(tier.unhealthy + tier.leaving, facet))
            ]
            if not found:
                return None
            (region, endpoints), *beside = found
            return Choice(region, endpoints, ServingMode.FAIL_OPEN, Rule.EVERYWHERE, tuple(beside))
        case AllDown.LAST_KNOWN_GOOD:
            for tier in tiers:
                good = tuple(e for e in tier.unhealthy if e.incarnation in tier.good)
                endpoints = offering(good, facet)
                if endpoints:
                    return Choice(tier.region, endpoints, ServingMode.FAIL_OPEN, Rule.LAST_GOOD)
            return None
        case AllDown.STATIC:
            endpoints = offering((_static(policy),), facet)
            if not endpoints:
                return None
            return Choice(home, endpoints, ServingMode.FAIL_OPEN, Rule.STATIC)
        case AllDown.SERVFAIL:
            return Choice(home, (), ServingMode.FAIL_OPEN, Rule.SERVFAIL)
        case AllDown.NODATA:
            return Choice(home, (), ServingMode.FAIL_OPEN, Rule.NODATA)
        case _:
            assert_never(policy.all_down)


def _static(policy: Policy) -> Endpoint:
    return Endpoint(
        instance="static",
        incarnation="",
        addresses=policy.static_addresses,
        ports=(),
        priority=0,
        weight=1,
        zone="",
        metadata={},
        health=Health.UNKNOWN,
        evidence="none",
    )


def _standing(
    home: str, tier: Tier, facet: Facet, healthy: tuple[Endpoint, ...], rule: Rule
) -> Choice:
    held = offering(tier.protected, facet)
    mode = ServingMode.PROTECTED if held else ServingMode.NORMAL
    if tier.region != home:
        mode = ServingMode.FAILOVER
    return Choice(tier.region, healthy + held, mode, rule)


def region_order(
    home: str,
    policy: Policy,
    configured: Sequence[str],
    present: Sequence[str],
) -> tuple[str, ...]:
    """The order in which regions are wanted, each once.

    Home, then the policy's wish, then those whose distance from home it tells, nearest
    first, then the configured order, then whatever else has endpoints: a region left out
    of a wish is wanted last, not never (I7).
    """
    distances = {
        (end if start == home else start): distance
        for start, end, distance in policy.distances
        if home in (start, end)
    }
    nearest = sorted(distances, key=lambda region: (distances[region], region))
    return tuple(
        dict.fromkeys((home, *policy.region_order, *nearest, *configured, *sorted(present)))
    )
