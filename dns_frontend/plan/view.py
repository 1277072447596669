"""Which region a client is in: a table of networks, the longest prefix wins."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class ClientRegions:
    """Maps client addresses to regions.

    At most 33 + 129 look-ups an address, however many networks there are.
    """

    __slots__ = ("_size", "_v4", "_v6")

    def __init__(self, networks: Iterable[tuple[str, str]]) -> None:
        """`networks` are (CIDR, region) pairs. Raises ValueError for a bad CIDR or a
        network that is given two regions."""
        self._v4: dict[int, dict[int, str]] = {}
        self._v6: dict[int, dict[int, str]] = {}
        self._size = 0
        for cidr, region in networks:
            network = ipaddress.ip_network(cidr)
            lengths = self._v4 if network.version == 4 else self._v6
            shift = network.max_prefixlen - network.prefixlen
            regions = lengths.setdefault(shift, {})
            number = int(network.network_address) >> shift
            if regions.setdefault(number, region) != region:
                raise ValueError(f"{cidr} is in {region!r} and in {regions[number]!r}")
            self._size += 1
        # shifted least first is longest prefix first
        self._v4 = dict(sorted(self._v4.items()))
        self._v6 = dict(sorted(self._v6.items()))

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"ClientRegions({self._size} networks)"

    def region_of(self, address: str) -> str | None:
        """The region of a client address; None for one in no network, or for garbage."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        if parsed.version == 6 and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        number = int(parsed)
        for shift, regions in (self._v4 if parsed.version == 4 else self._v6).items():
            region = regions.get(number >> shift)
            if region is not None:
                return region
        return None
