"""Which endpoints of a stale plan answer, where this frontend itself has looked (I7). Pure.

A plan that nobody confirms says less each minute about who lives. What the frontend sees
by its own probes then decides whom to prefer, and never whether there is an answer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dns_frontend.plan.entry import Endpoint
from dns_frontend.plan.failover import Choice


# prefer_living
#
#   region     of its endpoints, to this frontend  answered with
#   ---------  ----------------------------------  ------------------------------------
#   confirmed  any                                 as planned: its registry knows better
#   stale      none is lost                        as planned
#   stale      some are lost                       the others
#   stale      all are lost                        as planned: we may be the blind one
#
# Region by region, so that no share of the load moves by this.
def prefer_living(choice: Choice, stale: Collection[str], lost: Collection[str]) -> Choice:
    """The choice without endpoints that are `lost`, by incarnation, as far as others are left."""
    if not stale or not lost:
        return choice
    return replace(
        choice,
        endpoints=_living(choice.region, choice.endpoints, stale, lost),
        beside=tuple(
            (region, _living(region, endpoints, stale, lost)) for region, endpoints in choice.beside
        ),
    )


def _living(
    region: str, endpoints: tuple[Endpoint, ...], stale: Collection[str], lost: Collection[str]
) -> tuple[Endpoint, ...]:
    if region not in stale:
        return endpoints
    return tuple(e for e in endpoints if e.incarnation not in lost) or endpoints
