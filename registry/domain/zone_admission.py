"""What a request may say of the zone's settings; the sister of policy_admission.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from registry.domain.complaints import Complaints, shown
from registry.domain.names import RegionName
from registry.domain.policy_admission import admit_region
from registry.domain.zone import (
    DEGRADED_TTL_SECONDS,
    NAMESERVER_TTL_SECONDS,
    NEGATIVE_TTL_SECONDS,
    NETWORK_LIMIT,
    ClientNetwork,
    ZoneSettings,
)


@dataclass(frozen=True, slots=True)
class DraftZone:
    """Settings as they came; None is unset."""

    negative_ttl_seconds: int | None = None
    degraded_ttl_seconds: int | None = None
    nameserver_ttl_seconds: int | None = None
    client_networks: Sequence[tuple[str, str]] | None = None
    """Pairs of CIDR and region."""


def admit_zone(
    draft: DraftZone, regions: Collection[str], prefix: str = "zone.settings."
) -> ZoneSettings:
    """Check settings against every rule of the contract.

    `regions` are all there are, those of other registries included. Raises InvalidField with
    all violations, `prefix` before each field path.
    """
    complaints = Complaints(prefix)
    for field, seconds, limits in (
        ("negative_ttl_seconds", draft.negative_ttl_seconds, NEGATIVE_TTL_SECONDS),
        ("degraded_ttl_seconds", draft.degraded_ttl_seconds, DEGRADED_TTL_SECONDS),
        ("nameserver_ttl_seconds", draft.nameserver_ttl_seconds, NAMESERVER_TTL_SECONDS),
    ):
        if seconds is not None:
            complaints.span(field, seconds, limits, " s")
    networks = None
    if draft.client_networks is not None:
        networks = _networks(draft.client_networks, regions, complaints)
    complaints.check()
    return ZoneSettings(
        draft.negative_ttl_seconds,
        draft.degraded_ttl_seconds,
        draft.nameserver_ttl_seconds,
        networks,
    )


# _networks
#
#   cidr                     region    result
#   -----------------------  --------  --------------------------------------------------
#   no network               any       violation
#   bits behind the prefix   any       violation: a slip, or another network is meant
#   seen before              any       violation, whether the region is the same or not
#   within another one       any       good: the longest prefix wins
#   any                      not known violation: its clients would be nowhere (I39)
def _networks(
    drafts: Sequence[tuple[str, str]], regions: Collection[str], complaints: Complaints
) -> tuple[ClientNetwork, ...]:
    path = "client_networks.networks"
    if len(drafts) > NETWORK_LIMIT:
        complaints.add(path, f"must be at most {NETWORK_LIMIT}, are {len(drafts)}")
        return ()
    found: dict[IPv4Network | IPv6Network, str] = {}
    for at, (cidr, region) in enumerate(drafts):
        admit_region(f"{path}[{at}].region", region, regions, complaints)
        try:
            network = ip_network(cidr)
        except ValueError:
            complaints.add(
                f"{path}[{at}].cidr",
                "must be a network such as 10.1.0.0/16, with no bit set behind the prefix; is "
                + shown(cidr),
            )
            continue
        if network in found:
            complaints.add(f"{path}[{at}].cidr", f"{network} is given twice")
        found[network] = region
    # equal requests give equal settings
    ordered = sorted(found, key=lambda each: (each.version, each.network_address, each.prefixlen))
    return tuple(ClientNetwork(str(each), RegionName(found[each])) for each in ordered)
