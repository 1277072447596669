"""The endpoints of one region, sorted by what may be done with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dns_frontend.plan.entry import Endpoint, Health, ServiceEntry
from dns_frontend.plan.failover import Tier
from dns_frontend.plan.standing import Standing


# tier_of
#
#   the entry   the endpoint  is
#   ----------  ------------  -------------------------------------
#   tombstoned  any           not there: its service was deleted
#   any other   UNKNOWN       unknown: not validated (I27)
#   held        any other     leaving: the last set known
#   any other   DRAINING      leaving
#   any other   HEALTHY       healthy
#   any other   UNHEALTHY     unhealthy
def tier_of(
    region: str,
    standing: Standing | None,
    entries: Iterable[ServiceEntry],
    remembered: Iterable[Endpoint],
    good: frozenset[str],
) -> Tier:
    """The tier of a region whose cells say `entries`; `good` were healthy last."""
    healthy: list[Endpoint] = []
    unhealthy: list[Endpoint] = []
    leaving: list[Endpoint] = []
    unknown: list[Endpoint] = []
    for entry in entries:
        if entry.tombstoned:
            continue
        for endpoint in entry.endpoints:
            if endpoint.health is Health.UNKNOWN:
                unknown.append(endpoint)
            elif entry.held or endpoint.health is Health.DRAINING:
                leaving.append(endpoint)
            elif endpoint.health is Health.HEALTHY:
                healthy.append(endpoint)
            else:
                unhealthy.append(endpoint)
    return Tier(
        region=region,
        standing=standing,
        healthy=tuple(healthy),
        unhealthy=tuple(unhealthy),
        leaving=tuple(leaving),
        remembered=tuple(remembered),
        unknown=tuple(unknown),
        good=good,
    )
