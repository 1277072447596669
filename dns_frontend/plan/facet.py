"""What an endpoint can answer for: the unit in which a name may never fall empty.

An answer for a type, or for a named port, can be made from those endpoints only that
have an address of that family, or that port. "Never empty" (I7) therefore holds for
each facet by itself: endpoints without IPv6 do not make up for the last one with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

from dns_frontend.plan.entry import Endpoint

Facet = NewType("Facet", str)

ANY = Facet("any")
"""Every endpoint has it; TXT is answered from it."""
V4 = Facet("v4")
V6 = Facet("v6")
PORTS = Facet("ports")
"""Has at least one port; SRV at the service's name is answered from it."""


def port_facet(protocol: str, name: str) -> Facet:
    """The facet of having the port called `name` with `protocol` (`tcp`, `udp`)."""
    return Facet(f"{protocol}/{name}")


def facets(endpoints: Iterable[Endpoint]) -> set[Facet]:
    """All facets that at least one of these endpoints offers."""
    found: set[Facet] = set()
    for endpoint in endpoints:
        found.add(ANY)
        for address in endpoint.addresses:
            found.add(V6 if ":" in address else V4)
        for port in endpoint.ports:
            found.add(PORTS)
            found.add(port_facet(port.protocol.value, port.name))
    return found


def offering(endpoints: tuple[Endpoint, ...], facet: Facet) -> tuple[Endpoint, ...]:
    """Those of the endpoints that offer `facet`, in the order given."""
    if facet == ANY:
        return endpoints
    if facet == V4:
        return tuple(e for e in endpoints if any(":" not in a for a in e.addresses))
    if facet == V6:
        return tuple(e for e in endpoints if any(":" in a for a in e.addresses))
    if facet == PORTS:
        return tuple(e for e in endpoints if e.ports)
    protocol, _, name = facet.partition("/")
    return tuple(
        e
        for e in endpoints
        if any(p.name == name and p.protocol.value == protocol for p in e.ports)
    )
