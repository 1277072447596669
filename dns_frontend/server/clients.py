"""What is known of each client address: found once, then at hand for every query."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from zlib import crc32

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.rates import Buckets, Rates
from dns_frontend.server.settings import UDP_OCTETS, ServerSettings
from dns_frontend.wire.body import Body
from dns_frontend.wire.option import Subnet
from dns_frontend.wire.table import AnswerTable

CLIENTS_KEPT = 65_536
"""Addresses at hand; a flood of forged ones cannot make more."""
SUBNETS_KEPT = 65_536


class Client:
    """One address."""

    __slots__ = ("address", "answers", "buckets", "lot", "octets", "public", "trusted", "view")

    def __init__(
        self,
        address: str,
        view: str,
        answers: Mapping[bytes, Body],
        buckets: Buckets | None,
        octets: int,
        *,
        trusted: bool,
        public: bool,
    ) -> None:
        self.address = address
        self.lot = crc32(address.encode("ascii", "replace"))
        """Draws the part of a long answer that it is told; the same at every frontend."""
        self.view = view
        """The region it is in."""
        self.answers = answers
        """The compiled answers of that view."""
        self.buckets = buckets
        """Its place in the rates; None for one without limits."""
        self.octets = octets
        """The largest reply over UDP while it shows no cookie."""
        self.trusted = trusted
        """Whether it is believed in what it says of its own clients."""
        self.public = public
        """Whether it stands in the public network, where private addresses mean nothing."""

    def __repr__(self) -> str:
        return f"Client({self.address} in {self.view})"


class Clients:
    """All addresses seen lately. For one event loop."""

    __slots__ = (
        "_forwarders",
        "_known",
        "_rates",
        "_regions",
        "_settings",
        "_subnets",
        "_table",
        "placed",
    )

    def __init__(
        self,
        table: AnswerTable,
        regions: ClientRegions | None,
        settings: ServerSettings,
        rates: Rates,
    ) -> None:
        self._table = table
        self._regions = regions if regions else None
        self._settings = settings
        self._rates = rates
        self._forwarders = tuple(map(ipaddress.ip_network, settings.trusted_forwarders))
        self._known: dict[str, Client] = {}
        self._subnets: dict[Subnet, tuple[str | None, int]] = {}
        self.placed = 0
        """How often clients were given other regions: who keeps some of them looks at it."""

    def __repr__(self) -> str:
        return f"Clients({len(self._known)} addresses, {len(self._subnets)} subnets)"

    def place(self, regions: ClientRegions) -> None:
        """Clients are in these regions from now on, those met before as well."""
        self._regions = regions if regions else None
        # the same dictionaries: others hold on to them
        self._known.clear()
        self._subnets.clear()
        self.placed += 1

    @property
    def get(self) -> Callable[[str], Client | None]:
        """The client of an address met before."""
        return self._known.get

    def of(self, address: str) -> Client:
        """The client of an address, met before or not."""
        return self._known.get(address) or self.meet(address)

    def meet(self, address: str) -> Client:
        """The client of an address not met before."""
        known = self._known
        if len(known) >= CLIENTS_KEPT:
            known.clear()
        region = self._regions.region_of(address) if self._regions is not None else None
        view = region or self._table.home
        buckets = self._rates.buckets(address)
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            trusted = public = False
        else:
            if parsed.version == 6 and parsed.ipv4_mapped is not None:
                parsed = parsed.ipv4_mapped
            trusted = any(parsed in network for network in self._forwarders)
            public = parsed.is_global
        client = known[address] = Client(
            address,
            view,
            self._table.answers(view),
            buckets,
            UDP_OCTETS if buckets is None else self._settings.octets_without_cookie,
            trusted=trusted,
            public=public,
        )
        return client

    def tailoring(self, client: Client, subnet: Subnet) -> tuple[str, int]:
        """The view for what a client says of its own client, and the scope of the answer.

        Scope 0 is: the subnet was not used (RFC 7871, section 7.2.1).
        """
        # subnet     | forwarder | address          | view          | scope
        # any        | unknown   | -                | the client's  | 0
        # 0 bits     | trusted   | -                | the client's  | 0 (section 7.5)
        # some bits  | trusted   | private, but the | the client's  | 0 (section 10)
        #            |           | client is public |               |
        # some bits  | trusted   | in a network     | its region    | the network's
        # some bits  | trusted   | in none          | the client's  | what tells it from networks
        if self._regions is None or not client.trusted or not subnet.source:
            return client.view, 0
        found = self._subnets.get(subnet)
        if found is None:
            if len(self._subnets) >= SUBNETS_KEPT:
                self._subnets.clear()
            region, scope = self._regions.tailoring(subnet.version, subnet.address, subnet.source)
            found = self._subnets[subnet] = (region, scope)
        if client.public and not _address(subnet).is_global:
            return client.view, 0
        return found[0] or client.view, found[1]


def _address(subnet: Subnet) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if subnet.version == 4:
        return ipaddress.IPv4Address(subnet.address)
    return ipaddress.IPv6Address(subnet.address)
