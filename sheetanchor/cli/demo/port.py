"""Ports for servers that may be killed and must find theirs free when they come back."""

from __future__ import annotations

import contextlib
import random
import socket
import sys

PORTS = (15_000, 32_000)
"""Where they are looked for: below those that the kernel gives to connections (ip(7): from
32768), whoever opens some meanwhile."""

_CLAIMS: list[socket.socket] = []
"""Held until this process ends: what it was given nobody else is, though nothing listens yet."""


def free_port(address: str = "127.0.0.1") -> int:
    """A port of `address` free for both TCP and UDP, and never given to anybody else meanwhile."""
    while True:
        port = random.randrange(*PORTS)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind((address, port))
            udp.bind((address, port))
            if claimed(port):
                return port


def claimed(port: int) -> bool:
    """Whether the port is ours now. Elsewhere than on Linux it is whoever's comes first."""
    if sys.platform != "linux":
        return True
    # unix(7): a name in the abstract namespace has one holder, and goes with its process
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0sheetanchor-port-{port}")
    except OSError:
        claim.close()
        return False
    _CLAIMS.append(claim)
    return True
