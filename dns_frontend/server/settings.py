"""What the answering side is told: whom to trust, what to tell of itself, what to limit."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from dns_frontend.server.limits import TcpLimits
from dns_frontend.server.rates import RateLimits

UDP_OCTETS = 1232
"""The largest reply over UDP at all: no fragments on any link (RFC 9715)."""
UDP_OCTETS_PLAIN = 512
"""The largest reply over UDP to a client without EDNS (RFC 1035, section 4.2.1)."""
NAME_OCTETS_MAXIMUM = 64
REFUSED_PORTS = frozenset({0, 7, 13, 19, 37})
"""Source ports that no client uses: none, echo, daytime, chargen, time. Whoever forges
one of the latter wants two servers to talk to each other for ever; 0 cannot be sent to."""


class UdpLoop(Enum):
    """Which loop answers datagrams."""

    AUTO = "auto"
    """The one in batches where it is built."""
    PYTHON = "python"
    """The one in Python, which takes many datagrams a system call where the system has such."""
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How queries are answered, beside what is answered."""

    trusted_forwarders: tuple[str, ...] = ()
    """Networks (CIDR) of resolvers whose client subnets are believed (RFC 7871). Others get
    the answer for their own address, and are told that it holds for everybody they serve."""
    server_name: str = ""
    """What NSID tells of this server (RFC 5001), and `id.server` if `identity` is on."""
    identity: bool = False
    """Whether `version.bind` and `id.server` in class CH are answered (RFC 4892)."""
    cookie_secrets: Path | None = None
    """File of the secrets of DNS cookies; without one they are this process's own."""
    octets_without_cookie: int = UDP_OCTETS_PLAIN
    """The largest reply over UDP to an address that is not proven by a cookie, where rates
    are limited: what is forged brings little."""
    rates: RateLimits = field(default_factory=RateLimits)
    udp_loop: UdpLoop = UdpLoop.AUTO
    tcp: TcpLimits = field(default_factory=TcpLimits)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant (I39). Raises ValueError that names the setting."""
        for name, networks in (
            ("trusted_forwarders", self.trusted_forwarders),
            ("rates.exempt", self.rates.exempt),
        ):
            for cidr in networks:
                try:
                    ipaddress.ip_network(cidr)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        if len(self.server_name.encode("utf-8")) > NAME_OCTETS_MAXIMUM:
            raise ValueError(f"server_name: longer than {NAME_OCTETS_MAXIMUM} octets")
        if self.identity and not self.server_name:
            raise ValueError("identity: needs a server name to tell")
        if not UDP_OCTETS_PLAIN <= self.octets_without_cookie <= UDP_OCTETS:
            raise ValueError(
                f"octets_without_cookie: not {UDP_OCTETS_PLAIN} to {UDP_OCTETS}: "
                f"{self.octets_without_cookie}"
            )
        if self.rates.per_second < 0 or self.rates.slip < 0:
            raise ValueError("rates: neither the rate nor slip can be below 0")
