"""Ports for servers that may be killed and must find theirs free when they come back."""

from __future__ import annotations

import contextlib
import random
import socket

PORTS = (15_000, 32_000)
"""Where they are looked for: below those that the kernel gives to connections (ip(7): from
32768), whoever opens some meanwhile."""


def free_port(address: str = "127.0.0.1") -> int:
    """A port of `address` free for both TCP and UDP, at this moment."""
    while True:
        port = random.randrange(*PORTS)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind((address, port))
            udp.bind((address, port))
            return port
