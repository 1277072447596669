"""How much one network may take over UDP, where anybody can write any sender.

Each client counts for several networks around it, the wider ones being allowed more:
so neither one address nor many of one network can use this server against others. The
state is one table of fixed size, whatever comes; networks that meet in one slot share it.

Pure bookkeeping: times and randomness are given.
"""

from __future__ import annotations

import ipaddress
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

PREFIXES_V4 = ((32, 1), (24, 8), (20, 64), (16, 256))
PREFIXES_V6 = ((128, 1), (64, 2), (56, 8), (48, 64), (32, 256))
"""Prefix length, and how many times the rate of one address such a network may have."""
SLOTS = 1 << 18
"""Networks told apart: 2 MiB."""
BURST_SECONDS = 1.0
"""What was not used may be used at once, up to so much."""

PRIVATE = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Networks of which no sender is forged from outside (RFC 6890), with those of carriers."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What is limited (like the response rate limiting of other servers)."""

    per_second: int = 200
    """Replies to one address; 0: no limits at all."""
    slip: int = 2
    """Of what is over the limit, every such one is replied to with TC, so that a real client
    comes back over TCP; 0: none is, 1: all are."""
    exempt: tuple[str, ...] = PRIVATE
    """Networks (CIDR) without limits."""


class Bucket(NamedTuple):
    """A place in the table, and how long one reply fills it there, in seconds."""

    slot: int
    interval: float


Buckets = tuple[Bucket, ...]


class Times(Protocol):
    """SLOTS times, by slot."""

    def __getitem__(self, slot: int, /) -> float: ...
    def __setitem__(self, slot: int, time: float, /) -> None: ...


class Rates:
    """The table. A bucket holds the time at which it is empty again (GCRA)."""

    __slots__ = ("_exempt", "_limits", "_over", "_seed", "_until")

    def __init__(self, limits: RateLimits, seed: int, until: Times | None = None) -> None:
        """`seed` keeps others from choosing who meets in a slot. With `until`, of SLOTS zeros,
        the rates are those of all processes that share it, and the seed. Raises ValueError for
        bad networks."""
        self._limits = limits
        self._seed = seed
        self._exempt = tuple(ipaddress.ip_network(each) for each in limits.exempt)
        # of what two processes write at the same moment one is lost, which favours a client
        self._until: Times = (
            until
            if until is not None
            else array("d", bytes(8 * SLOTS) if limits.per_second else b"")
        )
        self._over = 0

    def __repr__(self) -> str:
        return f"Rates({self._limits}, {self._over} over)"

    def buckets(self, client: str) -> Buckets | None:
        """The buckets of an address; None when it is not limited."""
        per_second = self._limits.per_second
        if not per_second:
            return None
        try:
            address = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return None
        if address.version == 6 and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._exempt):
            return None
        prefixes: Iterable[tuple[int, int]]
        prefixes = PREFIXES_V4 if address.version == 4 else PREFIXES_V6
        bits = address.max_prefixlen
        return tuple(
            Bucket(
                hash((self._seed, bits, length, int(address) >> (bits - length))) % SLOTS,
                1.0 / (per_second * multiple),
            )
            for length, multiple in prefixes
        )

    def admits(self, buckets: Buckets, now: float) -> bool:
        """Whether one more reply is within the rates; it is counted only if it is."""
        until = self._until
        for slot, interval in buckets:
            if until[slot] - now > BURST_SECONDS - interval:
                self._over += 1
                return False
        for slot, interval in buckets:
            empty = until[slot]
            until[slot] = (empty if empty > now else now) + interval
        return True

    def slips(self) -> bool:
        """Whether the one that `admits` just refused is to be told so."""
        slip = self._limits.slip
        return bool(slip) and self._over % slip == 0
