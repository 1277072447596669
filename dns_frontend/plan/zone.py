"""The zone's layout: which name means what. No content, only shape.

    SERVICE.NAMESPACE.svc.ZONE                    a service
    _PORT._tcp.SERVICE.NAMESPACE.svc.ZONE         one of its ports (also `_udp`)
    INSTANCE.SERVICE.NAMESPACE.svc.ZONE           one of its instances
    _why.SERVICE.NAMESPACE.svc.ZONE               why it is answered as it is
    ....svc.REGION.region.ZONE                    all of these, of one region alone
    ZONE, ns1.ZONE                                the zone itself

The names in between are empty non-terminals: they exist and hold nothing (RFC 4592,
section 2.2.2; RFC 8020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

NAMESERVER_LABEL = "ns1"
HOSTMASTER_LABEL = "hostmaster"


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """What the zone says of itself, and how long answers may be kept.

    TTLs are in seconds. A degraded answer is one that is not the home region's
    usual one; a negative one is NXDOMAIN or NODATA (I30).
    """

    origin: str = "anchor.internal."
    nameserver_addresses: tuple[str, ...] = ("127.0.0.1",)
    nameserver_ttl_seconds: int = 60
    degraded_ttl_seconds: int = 5
    negative_ttl_seconds: int = 5
    reverse_networks: tuple[str, ...] = ()
    """Networks (CIDR) of which this is authoritative for the reverse zones as well."""
    networks: tuple[tuple[str, str], ...] = ()
    """Which region clients are in: (CIDR, region), the longest prefix wins."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The origin's labels in lower case, without the root.

        Raises ValueError for an origin that is no domain name below the root.
        """
        labels = tuple(self.origin.lower().removesuffix(".").split("."))
        if not all(0 < len(label) <= 63 and label.isascii() for label in labels):
            raise ValueError(f"zone: {self.origin!r} is not a domain name below the root")
        if sum(len(label) + 1 for label in labels) > 128:
            raise ValueError(f"zone: {self.origin!r} leaves no room for names below it")
        return labels


class Kind(Enum):
    """What a name means."""

    APEX = "apex"
    NAMESERVER = "nameserver"
    BRANCH = "branch"
    """An empty non-terminal that always exists."""
    REGION = "region"
    """An empty non-terminal that exists with its region."""
    NAMESPACE = "namespace"
    """An empty non-terminal that exists while a service is below it."""
    SERVICE = "service"
    PROTOCOL = "protocol"
    """An empty non-terminal that exists while a port is below it."""
    PORT = "port"
    INSTANCE = "instance"
    WHY = "why"
    NOWHERE = "nowhere"


class Place(NamedTuple):
    """A name's meaning. Parts that do not apply are empty."""

    kind: Kind
    region: str = ""
    """The region that the name is pinned to; empty for the names that may fail over."""
    namespace: str = ""
    service: str = ""
    leaf: str = ""
    """The instance, or the port's name without its underscore."""
    protocol: str = ""
    """`tcp` or `udp`."""


def locate(labels: Sequence[str]) -> Place:
    """What the name with these lower-case labels, relative to the zone, means."""
    match labels[::-1]:
        case ["svc", *below]:
            return _below_svc("", below)
        case ["region", region, "svc", *below]:
            return _below_svc(region, below)
        case []:
            return Place(Kind.APEX)
        case ["ns1"]:
            return Place(Kind.NAMESERVER)
        case ["region"]:
            return Place(Kind.BRANCH)
        case ["region", region]:
            return Place(Kind.REGION, region)
        case _:
            return Place(Kind.NOWHERE)


def _below_svc(region: str, below: Sequence[str]) -> Place:
    match below:
        case [namespace, service]:
            return Place(Kind.SERVICE, region, namespace, service)
        case [namespace, service, "_why"]:
            return Place(Kind.WHY, region, namespace, service)
        case [namespace, service, ("_tcp" | "_udp") as protocol]:
            return Place(Kind.PROTOCOL, region, namespace, service, "", protocol[1:])
        case [namespace, service, ("_tcp" | "_udp") as protocol, port] if port[0] == "_":
            return Place(Kind.PORT, region, namespace, service, port[1:], protocol[1:])
        case [namespace, service, instance]:
            return Place(Kind.INSTANCE, region, namespace, service, instance)
        case [namespace]:
            return Place(Kind.NAMESPACE, region, namespace)
        case []:
            return Place(Kind.REGION, region) if region else Place(Kind.BRANCH)
        case _:
            return Place(Kind.NOWHERE)


def service_labels(namespace: str, service: str, region: str = "") -> tuple[str, ...]:
    """The labels of a service's name relative to the zone; with a region, the pinned name."""
    if region:
        return (service, namespace, "svc", region, "region")
    return (service, namespace, "svc")
