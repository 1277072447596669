"""The zone's settings: what holds at all frontends alike, as opposed to what each is told.

They are kept, staged and published as the policy of one name that no instance registers
under. So there is one history, one fence, one plan entry, one way to try a change on
canaries and to take it back, and a frontend too old to know of them sees a service with
nobody in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

from registry.domain.names import NamespaceId, RegionName, ServiceId, ServiceKey, is_label

ZONE_KEY = ServiceKey(NamespaceId("sheetanchor"), ServiceId("zone"))
"""The name that the settings are the policy of. It is nobody else's."""

NEGATIVE_TTL_SECONDS = (1, 5)
DEGRADED_TTL_SECONDS = (5, 30)
"""These two are I30's bounds."""
NAMESERVER_TTL_SECONDS = (5, 3600)
NETWORK_LIMIT = 1000


class ClientNetwork(NamedTuple):
    """A network (CIDR), and the region that its clients are in."""

    cidr: str
    region: RegionName


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """What all frontends go by. None: each by what it was started with. TTLs are in seconds."""

    negative_ttl_seconds: int | None = None
    degraded_ttl_seconds: int | None = None
    nameserver_ttl_seconds: int | None = None
    client_networks: tuple[ClientNetwork, ...] | None = None
    """In order of their CIDRs; the longest prefix wins. Empty: no client is in any."""

    @property
    def says_nothing(self) -> bool:
        """Whether all is left to the frontends."""
        return self == ZoneSettings()


def fault_of(settings: ZoneSettings) -> str:
    """What must not be published of settings, whoever made them; empty when nothing (I9, I30)."""
    for what, seconds, (least, most) in (
        ("negative", settings.negative_ttl_seconds, NEGATIVE_TTL_SECONDS),
        ("degraded", settings.degraded_ttl_seconds, DEGRADED_TTL_SECONDS),
        ("name server", settings.nameserver_ttl_seconds, NAMESERVER_TTL_SECONDS),
    ):
        if seconds is not None and not least <= seconds <= most:
            return f"{what} TTL {seconds} s"
    networks = settings.client_networks or ()
    if len(networks) > NETWORK_LIMIT:
        return f"{len(networks)} client networks, above {NETWORK_LIMIT}"
    seen = set()
    for network in networks:
        try:
            parsed = ip_network(network.cidr)
        except ValueError:
            return f"the client network {network.cidr[:60]!r}"
        if parsed in seen:
            return f"the client network {parsed} twice"
        seen.add(parsed)
        if not is_label(network.region):
            return f"client network {parsed}: its region is not a DNS label"
    return ""
