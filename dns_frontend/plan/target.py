"""The targets of SRV, SVCB and HTTPS: instances by name, in the order of regions.

The region that answers comes first, with the priorities that its instances registered.
The other regions that stand in follow with priorities behind it, so that a client that
minds priorities fails over by itself, before any answer changes. Names pinned to a
region have that region alone: they are for clients that do not mind priorities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dns_frontend.plan.entry import Endpoint, Port, Protocol
from dns_frontend.plan.facet import Facet, offering
from dns_frontend.plan.failover import Choice, ServingMode, Tier
from dns_frontend.plan.zone import Kind, Place, service_labels

HTTPS_PORT = "https"
"""The name of the port that HTTPS records are made from."""
ALPN_KEY = "alpn"
"""The metadata that names the protocols of an endpoint's ports, separated by commas."""
PRIORITY_MAXIMUM = 65535
FURTHER_TARGETS_OCTETS = 900
"""Regions behind the first are told of while all targets together are not longer than this,
so that they never turn an answer that fits a datagram into one that does not."""
_FIXED_OCTETS = 18
"""Of a record with a target, all but the target's name."""


class Target(NamedTuple):
    """The data of an SRV record (RFC 2782); the target is relative to the zone."""

    priority: int
    weight: int
    port: int
    target: tuple[str, ...]


class Binding(NamedTuple):
    """The data of an SVCB or HTTPS record in ServiceMode (RFC 9460, section 2.4.3).

    There are no address hints: the addresses of the target stand beside it or are one
    question away, and a hint could say something older than they do.
    """

    priority: int
    """At least 1: 0 would be an alias."""
    target: tuple[str, ...]
    port: int
    alpn: tuple[str, ...] = ()


class Rank(NamedTuple):
    """The endpoints of one region that are told of, and what is added to their priorities."""

    region: str
    endpoints: tuple[Endpoint, ...]
    priority_step: int
    is_further: bool = False
    """Whether it is told of in case of need only, and when there is room."""


@dataclass(frozen=True, slots=True)
class Found:
    """An instance as a target: its name, and whose addresses that name has."""

    name: tuple[str, ...]
    region: str
    endpoint: Endpoint
    endpoints: tuple[Endpoint, ...]
    priority: int


def ranks(choice: Choice, tiers: Sequence[Tier], facet: Facet, *, pinned: bool) -> Iterator[Rank]:
    """The regions to tell of: the chosen one, then those that stand in, as they are wanted."""
    yield Rank(choice.region, choice.endpoints, 0)
    for region, endpoints in choice.beside:
        yield Rank(region, endpoints, 0)
    if pinned or choice.mode is ServingMode.FAIL_OPEN:
        return
    last = max(endpoint.priority for endpoint in choice.everything)
    for tier in tiers:
        endpoints = offering(tier.healthy, facet)
        stands_in = tier.standing is not None and not tier.standing.out
        answers = tier.region in (choice.region, *(region for region, _ in choice.beside))
        if answers or not stands_in or not endpoints:
            continue
        least = min(endpoint.priority for endpoint in endpoints)
        span = max(endpoint.priority for endpoint in endpoints) - least
        if last + 1 + span >= PRIORITY_MAXIMUM:
            # no number is left behind the first region: within it, this one would not be behind
            return
        yield Rank(tier.region, endpoints, last + 1 - least, is_further=True)
        last += 1 + span


def names(
    place: Place, ranked: Iterator[Rank], homes: dict[str, Home], *, pinned: bool, zone_octets: int
) -> list[Found]:
    """The instances of all ranks as targets, while there is room for whole ranks.

    A name longer than a name may be is left out: it harms no other (I11).
    """
    found: list[Found] = []
    octets = 0
    for rank in ranked:
        more: list[Found] = []
        for endpoint in rank.endpoints:
            home = homes[endpoint.instance]
            # an instance of the same id may stand in a region that this name prefers
            pin = rank.region if pinned or home.region != rank.region else ""
            name = (endpoint.instance, *service_labels(place.namespace, place.service, pin))
            size = sum(len(label) + 1 for label in name) + zone_octets
            # RFC 1035, section 2.3.4
            if size > 255:
                continue
            endpoints = home.endpoints if home.region == rank.region else (endpoint,)
            priority = min(endpoint.priority + rank.priority_step, PRIORITY_MAXIMUM)
            more.append(Found(name, rank.region, endpoint, endpoints, priority))
            octets += (size + _FIXED_OCTETS) * max(1, len(endpoint.ports))
        if rank.is_further and octets > FURTHER_TARGETS_OCTETS:
            break
        found += more
    return found


def srv(found: Found, place: Place) -> list[Target]:
    """The SRV records of one instance."""
    weight = found.endpoint.weight
    return [
        Target(found.priority, weight, port.number, found.name)
        for port in found.endpoint.ports
        if _is_at(port, place)
    ]


def bindings(found: Found, place: Place, *, https: bool) -> list[Binding]:
    """The SVCB records of one instance, or its HTTPS records."""
    priority = min(found.priority + 1, PRIORITY_MAXIMUM)
    words = (word.strip() for word in found.endpoint.metadata.get(ALPN_KEY, "").split(","))
    # RFC 9460, section 7.1.1: 1 to 255 octets each; what is none is left out
    alpn = tuple(dict.fromkeys(w for w in words if 0 < len(w.encode("utf-8", "replace")) <= 255))
    return [
        Binding(priority, found.name, port.number, alpn)
        for port in found.endpoint.ports
        if (_is_https(port) if https else _is_at(port, place))
    ]


def _is_https(port: Port) -> bool:
    return port.name == HTTPS_PORT and port.protocol is Protocol.TCP


def _is_at(port: Port, place: Place) -> bool:
    """Whether the records at the place are about the port."""
    if place.kind is not Kind.PORT:
        return True
    return port.name == place.leaf and port.protocol.value == place.protocol


class Home(NamedTuple):
    """Where the name of an instance leads: a region's endpoints of that id."""

    region: str
    endpoints: tuple[Endpoint, ...]


def homes(tiers: Sequence[Tier], first: str) -> dict[str, Home]:
    """Where each instance's name leads, the region that answers being asked first."""
    found: dict[str, Home] = {}
    for tier in sorted(tiers, key=lambda tier: tier.region != first):
        for endpoints in (tier.healthy, tier.unhealthy, tier.leaving, tier.remembered):
            for endpoint in endpoints:
                home = found.get(endpoint.instance)
                if home is None:
                    found[endpoint.instance] = Home(tier.region, (endpoint,))
                elif home.region == tier.region and endpoint not in home.endpoints:
                    found[endpoint.instance] = Home(tier.region, (*home.endpoints, endpoint))
    return found
