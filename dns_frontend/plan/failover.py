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
    # STANDS_IN     | stand in      | HEALTHY            | NORMAL at home, else FAILOVER
    # SOME_HEALTHY  | -             | HEALTHY            | NORMAL at home, else FAILOVER
    # UNHEALTHY     | -             | UNHEALTHY          | FAIL_OPEN (I13)
    # LEAVING       | -             | DRAINING, held     | FAIL_OPEN
    # REMEMBERED    | -             | remembered         | FAIL_OPEN (I7)
    # NOTHING_KNOWN | -             | none               | NORMAL
    for tier in tiers:
        if tier.standing is not None and not tier.standing.out:
            endpoints = offering(tier.healthy, facet)
            if endpoints:
                return Choice(tier.region, endpoints, _mode(home, tier), Rule.STANDS_IN)
    for tier in tiers:
        endpoints = offering(tier.healthy, facet)
        if endpoints:
            return Choice(tier.region, endpoints, _mode(home, tier), Rule.SOME_HEALTHY)
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


def _mode(home: str, tier: Tier) -> ServingMode:
    return ServingMode.NORMAL if tier.region == home else ServingMode.FAILOVER


def region_order(
    home: str, wished: Sequence[str], configured: Sequence[str], present: Sequence[str]
) -> tuple[str, ...]:
    """The order in which regions are wanted, each once.

    Home, then the policy's wish, then the configured order, then whatever else has
    endpoints: a region left out of a wish is wanted last, not never (I7).
    """
    return tuple(dict.fromkeys((home, *wished, *configured, *sorted(present))))
