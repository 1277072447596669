"""What the plans wish for the whole zone, and what a frontend makes of it.

    said by the plans  this frontend's own  in force
    -----------------  -------------------  ---------------
    nothing            any                  its own
    a value            any                  that value

field by field; an empty table of networks is a value. Of several cells that say something,
the one that a service's policy would be taken from is heard: its own region's first, then in
the order of its regions, and among cells of one region the first by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_network

from dns_frontend.plan.zone import ZoneSettings

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)

NEGATIVE_TTL_SECONDS = (1, 300)
DEGRADED_TTL_SECONDS = (1, 300)
NAMESERVER_TTL_SECONDS = (1, 86_400)
"""No narrower than the registry's, which may learn to allow more: never 0, and nothing that
could not be taken back within the day (I30)."""
NETWORK_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class ZoneWish:
    """What holds at all frontends. None: nothing is said. TTLs are in seconds."""

    negative_ttl_seconds: int | None = None
    degraded_ttl_seconds: int | None = None
    nameserver_ttl_seconds: int | None = None
    networks: tuple[tuple[str, str], ...] | None = None
    """Which region clients are in: (CIDR, region), the longest prefix wins."""


def fault_of(wish: ZoneWish) -> str:
    """What makes a wish one that no answer must come of; empty when nothing does (I9)."""
    for what, seconds, (least, most) in (
        ("negative", wish.negative_ttl_seconds, NEGATIVE_TTL_SECONDS),
        ("degraded", wish.degraded_ttl_seconds, DEGRADED_TTL_SECONDS),
        ("name server", wish.nameserver_ttl_seconds, NAMESERVER_TTL_SECONDS),
    ):
        if seconds is not None and not least <= seconds <= most:
            return f"{what} TTL {seconds} s"
    networks = wish.networks or ()
    if len(networks) > NETWORK_LIMIT:
        return f"{len(networks)} client networks, above {NETWORK_LIMIT}"
    regions: dict[object, str] = {}
    for cidr, region in networks:
        try:
            network = ip_network(cidr)
        except ValueError:
            return f"the client network {cidr[:60]!r}"
        if regions.setdefault(network, region) != region:
            return f"client network {network} in two regions"
        if not _LABEL.fullmatch(region):
            return f"client network {network}: its region is not a DNS label"
    return ""


def in_force(own: ZoneSettings, wish: ZoneWish | None) -> ZoneSettings:
    """What is gone by where `own` is what this frontend was started with."""
    if wish is None:
        return own
    said = {
        "negative_ttl_seconds": wish.negative_ttl_seconds,
        "degraded_ttl_seconds": wish.degraded_ttl_seconds,
        "nameserver_ttl_seconds": wish.nameserver_ttl_seconds,
        "networks": wish.networks,
    }
    return replace(own, **{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]  # each is of its field's type


def told(zone: ZoneSettings) -> dict[str, int]:
    """What is gone by, in short, for people."""
    return {
        "negative_ttl": zone.negative_ttl_seconds,
        "degraded_ttl": zone.degraded_ttl_seconds,
        "nameserver_ttl": zone.nameserver_ttl_seconds,
        "networks": len(zone.networks),
    }
