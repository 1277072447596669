"""Reverse names: which instances have an address, and which names exist above it.

    4.3.2.10.in-addr.arpa              an address (RFC 1035, section 3.5)
    4.0/26.2.3.10.in-addr.arpa         one in a network that ends within an octet (RFC 2317)
    ....ip6.arpa                       an address of IPv6, a digit a label (RFC 3596)

Only addresses within the configured networks are kept; without networks nothing is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from dns_frontend.plan.entry import ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.zone import service_labels

Labels = tuple[str, ...]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_V4_OCTETS = 24
"""A shorter prefix is made of whole zones; a longer one is a part of one."""


class ReverseNames:
    """Addresses and their instances. Costs what a service has, when it changes."""

    __slots__ = ("_known", "_names", "_networks", "_targets", "zones")

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises ValueError for what is no network."""
        self._networks: list[tuple[_Network, Labels]] = [
            pair for cidr in networks for pair in _zones(ipaddress.ip_network(cidr))
        ]
        # a network inside another one is a zone of its own
        self._networks.sort(key=lambda pair: -pair[0].prefixlen)
        self.zones: tuple[Labels, ...] = tuple(zone for _, zone in self._networks)
        self._targets: dict[Labels, dict[ServiceKey, tuple[Labels, ...]]] = {}
        self._names: dict[Labels, int] = {}
        """How many addresses there are at or below each name of a zone."""
        self._known: dict[ServiceKey, tuple[Labels, ...]] = {}

    def __repr__(self) -> str:
        return f"ReverseNames({len(self.zones)} zones, {len(self._targets)} addresses)"

    def put(self, ledger: Ledger) -> None:
        """A service changed."""
        if not self.zones:
            return
        key = ledger.key
        for name in self._known.pop(key, ()):
            del self._targets[name][key]
            if not self._targets[name]:
                del self._targets[name]
                self._count(name, -1)
        targets = self._instances(ledger)
        for name, of in targets.items():
            if name not in self._targets:
                self._targets[name] = {}
                self._count(name, 1)
            self._targets[name][key] = of
        if targets:
            self._known[key] = tuple(targets)

    def exists(self, name: Labels) -> bool:
        """Whether there is an address at or below the name."""
        return name in self._names

    def targets(self, name: Labels) -> tuple[Labels, ...]:
        """The names of the instances that have the address, relative to the zone."""
        found = self._targets.get(name, {})
        return tuple(target for key in sorted(found) for target in found[key])

    def _instances(self, ledger: Ledger) -> Mapping[Labels, tuple[Labels, ...]]:
        key = ledger.key
        regions: dict[str, list[str]] = {}
        alive = sorted(ledger.alive_in)
        for region in alive:
            for endpoint in ledger.tier(region).known:
                seen = regions.setdefault(endpoint.instance, [])
                if region not in seen:
                    seen.append(region)
        found: dict[Labels, dict[Labels, None]] = {}
        for region in alive:
            for endpoint in ledger.tier(region).known:
                # the name must lead back to the address, from whatever region it is asked
                pin = region if len(regions[endpoint.instance]) > 1 else ""
                target = (endpoint.instance, *service_labels(key.namespace, key.service, pin))
                for address in endpoint.addresses:
                    name = self._name(address)
                    if name is not None:
                        found.setdefault(name, {})[target] = None
        return {name: tuple(targets) for name, targets in found.items()}

    def _name(self, address: str) -> Labels | None:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        for network, zone in self._networks:
            if parsed.version == network.version and parsed in network:
                labels = parsed.reverse_pointer.split(".")
                return (*labels[: _host_labels(network)], *zone)
        return None

    def _count(self, name: Labels, step: int) -> None:
        zone = next(zone for zone in self.zones if name[-len(zone) :] == zone)
        for cut in range(len(name) - len(zone) + 1):
            above = name[cut:]
            count = self._names.get(above, 0) + step
            if count:
                self._names[above] = count
            else:
                del self._names[above]


def _host_labels(network: _Network) -> int:
    """How many labels of an address come before its zone."""
    if network.version == 6:
        return 32 - network.prefixlen // 4
    return 4 - network.prefixlen // 8 if network.prefixlen <= _V4_OCTETS else 1


def _zones(network: _Network) -> Iterable[tuple[_Network, Labels]]:
    """The zones that a network is: several where it ends within a label."""
    if network.version == 4 and network.prefixlen > _V4_OCTETS:
        first, *rest = network.network_address.reverse_pointer.split(".")
        if network.prefixlen == 32:
            yield network, (first, *rest)
        else:
            # RFC 2317, section 4: the zone that its owner delegates to us
            yield network, (f"{first}/{network.prefixlen}", *rest)
        return
    step = 8 if network.version == 4 else 4
    whole = -(-network.prefixlen // step) * step
    for part in network.subnets(new_prefix=whole):
        labels = part.network_address.reverse_pointer.split(".")
        yield part, tuple(labels[_host_labels(part) :])
