"""EDNS options: what requests may hold, and how replies hold them.

Only the shape is judged here. What is unknown is left out, as it must be ignored
(RFC 6891, section 6.1.2); of what is there twice the first is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct, pack
from typing import NamedTuple

from dns_frontend.wire.request import OPTION_COOKIE

NSID = 3
CLIENT_SUBNET = 8
COOKIE = OPTION_COOKIE
KEEPALIVE = 11
EXTENDED_ERROR = 15

CLIENT_COOKIE_OCTETS = 8
COOKIE_OCTETS_MINIMUM = 16
COOKIE_OCTETS_MAXIMUM = 40
"""A client cookie with a server cookie of 8 to 32 octets (RFC 7873, section 4)."""
TEXT_OCTETS = 64
"""The longest text beside an extended error. With every other option, the longest name and
no records a reply has less than 512 octets, so that it fits everywhere."""

_SUBNET = Struct("!HBB")
_FAMILIES = {1: 32, 2: 128}
"""Address bits by family: IPv4 and IPv6 (RFC 7871, section 6)."""


class Subnet(NamedTuple):
    """A client subnet (RFC 7871, section 6)."""

    family: int
    source: int
    """How many leading bits of the address are told."""
    octets: bytes
    """The address, cut to the fewest octets that hold these bits."""

    @property
    def version(self) -> int:
        """The version of IP: 4 or 6; 0 for the subnet of no family."""
        return {1: 4, 2: 6}.get(self.family, 0)

    @property
    def address(self) -> int:
        """The address with all its bits; those not told are zero."""
        size = _FAMILIES.get(self.family, 0) // 8
        return int.from_bytes(self.octets.ljust(size, b"\0"), "big")


class Wishes(NamedTuple):
    """What the options of one request ask for."""

    cookie: bytes = b""
    """Client cookie, and the server cookie if there is one."""
    subnet: Subnet | None = None
    nsid: bool = False
    keepalive: bool = False


NONE = Wishes()


def read(options: Iterable[tuple[int, bytes]], *, stream: bool) -> Wishes | None:
    """The wishes of a request; None when an option is malformed, which is FORMERR.

    `stream` is for TCP: over UDP a keepalive is ignored, whatever it holds (RFC 7828,
    section 3.3.1).
    """
    cookie = b""
    subnet: Subnet | None = None
    nsid = keepalive = False
    for code, data in options:
        if code == COOKIE:
            if cookie:
                continue
            size = len(data)
            if size != CLIENT_COOKIE_OCTETS and not (
                COOKIE_OCTETS_MINIMUM <= size <= COOKIE_OCTETS_MAXIMUM
            ):
                return None
            cookie = data
        elif code == CLIENT_SUBNET:
            if subnet is not None:
                continue
            subnet = read_subnet(data)
            if subnet is None:
                return None
        elif code == NSID:
            # RFC 5001, section 2.1 wants it empty; whoever fills it still wants an answer
            nsid = True
        elif code == KEEPALIVE and stream:
            # RFC 7828, section 3.2.1: a client tells no timeout
            if data:
                return None
            keepalive = True
    return Wishes(cookie, subnet, nsid, keepalive)


def read_subnet(data: bytes) -> Subnet | None:
    """The client subnet of a query; None when it is malformed (RFC 7871, section 7.2.1)."""
    if len(data) < _SUBNET.size:
        return None
    family, source, scope = _SUBNET.unpack_from(data)
    octets = data[_SUBNET.size :]
    # the scope is ours to tell; a family unknown to us can tell nothing but nothing
    if scope or source > _FAMILIES.get(family, 0) or (family not in _FAMILIES and family):
        return None
    if len(octets) != (source + 7) // 8:
        return None
    if octets and octets[-1] & (0xFF >> ((source - 1) % 8 + 1)):
        return None
    return Subnet(family, source, octets)


def subnet_option(subnet: Subnet, scope: int) -> bytes:
    """The option of a reply: family, source and address as they came (section 7.2.1)."""
    return option(CLIENT_SUBNET, _SUBNET.pack(subnet.family, subnet.source, scope) + subnet.octets)


def option(code: int, data: bytes) -> bytes:
    """One option (RFC 6891, section 6.1.2)."""
    return pack("!HH", code, len(data)) + data


def keepalive_option(idle_seconds: float) -> bytes:
    """How long an idle connection stays open, in units of 100 ms (RFC 7828, section 3.1)."""
    return option(KEEPALIVE, pack("!H", min(max(int(idle_seconds * 10), 0), 0xFFFF)))


def extended_error(code: int, text: str = "") -> bytes:
    """An extended error (RFC 8914, section 2), its text cut between characters."""
    octets = text.encode("utf-8")[:TEXT_OCTETS].decode("utf-8", "ignore").encode("utf-8")
    return option(EXTENDED_ERROR, pack("!H", code) + octets)
