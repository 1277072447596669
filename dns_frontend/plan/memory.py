"""What is remembered of a cell: endpoints that alone offer what none offers now (I7). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dns_frontend.plan.entry import Endpoint
from dns_frontend.plan.facet import facets, offering

REMEMBERED_MAXIMUM = 4096
"""Endpoints remembered a service and cell: twice the greatest set, so that nothing grows."""


def remember(
    past: Sequence[Endpoint], former: Sequence[Endpoint], now: Sequence[Endpoint]
) -> tuple[Endpoint, ...]:
    """What to remember, after `former` became `now` and `past` was remembered before.

    The newest that offered it; older ones only where no newer one did, and while there is room.
    """
    lost = facets(former) | facets(past)
    lost -= facets(now)
    # An instance may have offered by two versions of itself what neither offers alone.
    kept: dict[tuple[object, ...], Endpoint] = {}
    for source in (former, past):
        for facet in sorted(lost):
            for endpoint in offering(tuple(source), facet):
                if len(kept) < REMEMBERED_MAXIMUM:
                    name = endpoint.incarnation or endpoint.instance
                    kept.setdefault((name, endpoint.addresses, endpoint.ports), endpoint)
        lost -= facets(source)
    return tuple(sorted(kept.values(), key=_order))


def _order(endpoint: Endpoint) -> tuple[object, ...]:
    """Equal knowledge has one order, whatever came first."""
    ports = tuple((port.name, port.number, port.protocol.value) for port in endpoint.ports)
    return endpoint.instance, endpoint.incarnation, endpoint.addresses, ports
