"""Which region a client is in: a table of networks, the longest prefix wins."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple


class Tailoring(NamedTuple):
    """Which region an answer is made for, and for which of the asker's networks it holds."""

    region: str | None
    scope: int
    """Leading bits of the address: all addresses that share them get the same region."""


class ClientRegions:
    """Maps client addresses to regions.

    At most 33 + 129 look-ups an address, however many networks there are. `tailoring` looks
    at all networks: its results are to be kept.
    """

    __slots__ = ("_networks", "_size", "_v4", "_v6")

    def __init__(self, networks: Iterable[tuple[str, str]]) -> None:
        """`networks` are (CIDR, region) pairs. Raises ValueError for a bad CIDR or a
        network that is given two regions."""
        self._v4: dict[int, dict[int, str]] = {}
        self._v6: dict[int, dict[int, str]] = {}
        self._networks: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
        self._size = 0
        for cidr, region in networks:
            network = ipaddress.ip_network(cidr)
            lengths = self._v4 if network.version == 4 else self._v6
            shift = network.max_prefixlen - network.prefixlen
            regions = lengths.setdefault(shift, {})
            number = int(network.network_address) >> shift
            if regions.setdefault(number, region) != region:
                raise ValueError(f"{cidr} is in {region!r} and in {regions[number]!r}")
            start = int(network.network_address)
            self._networks[network.version].append((start, network.prefixlen, region))
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

    def region_of_network(self, cidr: str) -> str | None:
        """The region of the clients of a network that are in no smaller one of the table; None
        when they are in none. Raises ValueError for what is no network."""
        network = ipaddress.ip_network(cidr)
        number = int(network.network_address)
        least = network.max_prefixlen - network.prefixlen
        for shift, regions in (self._v4 if network.version == 4 else self._v6).items():
            region = regions.get(number >> shift) if shift >= least else None
            if region is not None:
                return region
        return None

    def tailoring(self, version: int, address: int, source: int) -> Tailoring:
        """The region for a client subnet, and its scope (RFC 7871, section 7.2.1).

        `address` is all of its bits, those after the first `source` being zero. The scope
        is as short as it can be without holding a network of another region, and longer
        than `source` where that was too little to tell.
        """
        bits = 32 if version == 4 else 128
        networks = self._networks[version]
        region: str | None = None
        scope = 0
        for start, length, of in networks:
            inside = length <= source and (start ^ address) >> (bits - length) == 0
            if inside and (length > scope or region is None):
                region, scope = of, length
        matched = scope
        for start, length, of in networks:
            if length <= matched or of == region or (start ^ address) >> (bits - matched):
                continue
            shared = bits - (start ^ address).bit_length()
            # a network within what was told: only its whole length tells it from the rest
            scope = max(scope, length if min(shared, length) >= source else shared + 1)
        return Tailoring(region, scope)
