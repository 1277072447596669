"""Which region's endpoints answer, and in what mode. Pure, and the whole of it.

A tier is the endpoints of one region for one service. The tiers come in the order in
which they are wanted, home first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dns_frontend.plan.entry import Endpoint
from dns_frontend.plan.facet import Facet, offering
from dns_frontend.plan.standing import Standing


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

    STANDS_IN = "stands_in"
    SOME_HEALTHY = "some_healthy"
    UNHEALTHY = "unhealthy"
    LEAVING = "leaving"
    REMEMBERED = "remembered"
    NOTHING_KNOWN = "nothing_known"


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
    """What answers: never a mixture of regions, never a mixture of rules."""

    region: str
    endpoints: tuple[Endpoint, ...]
    mode: ServingMode
    rule: Rule

    @property
    def usual(self) -> bool:
        """Whether this is the home region in good standing; if not, keep the answer briefly."""
        return self.mode is ServingMode.NORMAL and self.rule is Rule.STANDS_IN


def choose(home: str, tiers: Sequence[Tier], facet: Facet) -> Choice:
    """The endpoints that answer for `facet` to clients of `home`.

    In each row the first tier, in order, that offers the facet is taken; the first row
    that finds one decides.
    """
    # row           | tier must     | endpoints taken    | mode
    # STANDS_IN     | stand in      | HEALTHY, and those | FAILOVER if not at home, else
    #               |               | held beside them   | PROTECTED if any is held, else NORMAL
    # SOME_HEALTHY  | -             | the same           | the same
    # UNHEALTHY     | -             | UNHEALTHY          | FAIL_OPEN (I13)
    # LEAVING       | -             | DRAINING, held     | FAIL_OPEN
    # REMEMBERED    | -             | remembered         | FAIL_OPEN (I7)
    # NOTHING_KNOWN | -             | none               | NORMAL
    for tier in tiers:
        if tier.standing is not None and not tier.standing.out:
            endpoints = offering(tier.healthy, facet)
            if endpoints:
                return _standing(home, tier, facet, endpoints, Rule.STANDS_IN)
    for tier in tiers:
        endpoints = offering(tier.healthy, facet)
        if endpoints:
            return _standing(home, tier, facet, endpoints, Rule.SOME_HEALTHY)
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


def _standing(
    home: str, tier: Tier, facet: Facet, healthy: tuple[Endpoint, ...], rule: Rule
) -> Choice:
    held = offering(tier.protected, facet)
    mode = ServingMode.PROTECTED if held else ServingMode.NORMAL
    if tier.region != home:
        mode = ServingMode.FAILOVER
    return Choice(tier.region, healthy + held, mode, rule)


def region_order(
    home: str, wished: Sequence[str], configured: Sequence[str], present: Sequence[str]
) -> tuple[str, ...]:
    """The order in which regions are wanted, each once.

    Home, then the policy's wish, then the configured order, then whatever else has
    endpoints: a region left out of a wish is wanted last, not never (I7).
    """
    return tuple(dict.fromkeys((home, *wished, *configured, *sorted(present))))
