"""Which address a datagram was sent to, and how its reply leaves from there (ip(7), ipv6(7))."""

from __future__ import annotations

import socket
from struct import Struct

# Linux: <bits/in.h>; Python's socket module names only the second
IP_PKTINFO = 8
IPV6_RECVPKTINFO = 49
IPV6_PKTINFO = 50
_IN_PKTINFO = Struct("=I4s4s")
"""Interface index, local address, destination of the header."""

Ancillary = tuple[int, int, bytes]
"""Level, type and data."""


def ask_for(listener: socket.socket) -> None:
    """Have the kernel tell it of each datagram. Raises OSError."""
    listener.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)


def source(ancillary: list[Ancillary]) -> list[Ancillary]:
    """What makes a reply leave from the address that its query was sent to.

    The kernel would choose by its routes, and the client drop what it did not ask.
    """
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IPV6 and kind == IPV6_PKTINFO:
            return [(level, kind, data)]
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO and len(data) >= _IN_PKTINFO.size:
            _, local, _ = _IN_PKTINFO.unpack_from(data)
            return [(level, kind, _IN_PKTINFO.pack(0, local, b"\0\0\0\0"))]
    return []
