"""Server cookies that all servers with the same secret understand (RFC 7873, RFC 9018).

A client that sends back what was sent to its address has that address. The server keeps
nothing but a secret; what is remembered here only saves computing the same hash again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from struct import Struct

from dns_frontend.server.secret import Secrets
from dns_frontend.wire.option import CLIENT_COOKIE_OCTETS

VERSION = b"\1\0\0\0"
"""Version 1, and three octets that are reserved (RFC 9018, sections 4.1 and 4.2)."""
SERVER_COOKIE_OCTETS = 16
COOKIE_OCTETS = CLIENT_COOKIE_OCTETS + SERVER_COOKIE_OCTETS
PAST_SECONDS = 3600
FUTURE_SECONDS = 300
"""A cookie is good for an hour, and clocks may differ by five minutes (section 4.3)."""
RENEWED_AFTER_SECONDS = 1800
"""A client with an older cookie is given a new one (section 4.3)."""
KEPT_SECONDS = 60.0
"""How long the result of a check is remembered."""
KEPT_MAXIMUM = 65_536
"""Results remembered at a time; a flood cannot make more."""

_TIME = Struct("!I")
_WORDS = Struct("<QQ")
_MASK = 0xFFFF_FFFF_FFFF_FFFF


class Proof(Enum):
    """What a cookie proves of its client's address."""

    NONE = "none"
    """There is no server cookie yet."""
    INVALID = "invalid"
    """It is not ours, not for this client and address, or expired."""
    VALID = "valid"


@dataclass(frozen=True, slots=True)
class Verified:
    """A cookie judged."""

    proof: Proof
    reply: bytes
    """Client and server cookie for the reply: 24 octets."""


class Cookies:
    """Checks and makes cookies. `wall` gives Unix time, `clock` any time that goes on."""

    __slots__ = ("_clock", "_kept", "_kept_until", "_secrets", "_wall")

    def __init__(
        self, secrets: Secrets, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._wall = wall
        self._kept: dict[tuple[str, bytes], Verified] = {}
        self._kept_until = 0.0

    def __repr__(self) -> str:
        return f"Cookies({self._secrets!r}, {len(self._kept)} remembered)"

    def known(self, client: str, cookie: bytes) -> bool:
        """Whether this cookie was found valid a moment ago and is to be sent back as it is."""
        found = self._kept.get((client, cookie))
        return found is not None and found.reply == cookie and self._clock() < self._kept_until

    def remembered(self) -> dict[tuple[str, bytes], Verified]:
        """By client and cookie, what `verify` would repeat now."""
        return self._kept if self._clock() < self._kept_until else {}

    def verify(self, client: str, cookie: bytes) -> Verified:
        """Judge the cookie, of a length allowed, that came from the address `client`."""
        now = self._clock()
        if now >= self._kept_until or len(self._kept) >= KEPT_MAXIMUM:
            self._kept.clear()
            self._kept_until = now + KEPT_SECONDS
        found = self._kept.get((client, cookie))
        if found is None:
            found = self._kept[client, cookie] = self._judge(client, cookie)
        return found

    def _judge(self, client: str, cookie: bytes) -> Verified:
        address = _packed(client)
        now = int(self._wall())
        mine, server = cookie[:CLIENT_COOKIE_OCTETS], cookie[CLIENT_COOKIE_OCTETS:]
        secrets = self._secrets.current()
        proof = Proof.INVALID if server else Proof.NONE
        # what is reserved is hashed as it came, and means nothing (RFC 9018, section 4.2)
        if len(server) == SERVER_COOKIE_OCTETS and server[0] == VERSION[0]:
            (stamp,) = _TIME.unpack_from(server, 4)
            # serial arithmetic (RFC 1982), so that 2106 comes and goes
            age = (now - stamp + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
            if -FUTURE_SECONDS <= age <= PAST_SECONDS:
                for index, secret in enumerate(secrets):
                    if server[8:] == siphash(secret, mine + server[:8] + address):
                        proof = Proof.VALID
                        if index == 0 and age <= RENEWED_AFTER_SECONDS:
                            return Verified(proof, cookie)
                        break
        return Verified(proof, mine + server_cookie(secrets[0], mine, address, now))


def server_cookie(secret: bytes, client_cookie: bytes, address: bytes, now: int) -> bytes:
    """The server cookie for a client cookie and its packed address (RFC 9018, section 4)."""
    head = VERSION + _TIME.pack(now & 0xFFFF_FFFF)
    return head + siphash(secret, client_cookie + head + address)


def siphash(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4 of Aumasson and Bernstein with a key of 16 octets; 8 octets of result."""
    words: tuple[int, int] = _WORDS.unpack(key)
    low, high = words
    v0, v1 = low ^ 0x736F_6D65_7073_6575, high ^ 0x646F_7261_6E64_6F6D
    v2, v3 = low ^ 0x6C79_6765_6E65_7261, high ^ 0x7465_6462_7974_6573
    size = len(data)
    padded = data + bytes(7 - size % 8) + bytes((size & 0xFF,))
    for at in range(0, len(padded) + 8, 8):
        if at < len(padded):
            word = int.from_bytes(padded[at : at + 8], "little")
            rounds = 2
        else:
            word = 0
            v2 ^= 0xFF
            rounds = 4
        v3 ^= word
        for _ in range(rounds):
            v0 = (v0 + v1) & _MASK
            v1 = ((v1 << 13) & _MASK | v1 >> 51) ^ v0
            v0 = (v0 << 32) & _MASK | v0 >> 32
            v2 = (v2 + v3) & _MASK
            v3 = ((v3 << 16) & _MASK | v3 >> 48) ^ v2
            v0 = (v0 + v3) & _MASK
            v3 = ((v3 << 21) & _MASK | v3 >> 43) ^ v0
            v2 = (v2 + v1) & _MASK
            v1 = ((v1 << 17) & _MASK | v1 >> 47) ^ v2
            v2 = (v2 << 32) & _MASK | v2 >> 32
        v0 ^= word
    return (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")


def _packed(client: str) -> bytes:
    """The address in 4 or 16 octets; an IPv4 client of an IPv6 socket has 4."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return bytes(4)
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return address.packed if mapped is None else mapped.packed
    return address.packed
