"""How processes share an address: each has a socket there, and the kernel deals out clients.

A socket that is closed, by whatever end its process comes to, gets no more (SO_REUSEPORT,
socket(7)). Any process of the same user could join; so the first binds before it lets others
in, and two frontends never share an address by mistake.
"""

from __future__ import annotations

import socket
from enum import Enum


class Sharing(Enum):
    """Who else is at the address."""

    NONE = "none"
    FIRST = "first"
    """Nobody was there; others may come."""
    NEXT = "next"
    """The first one is there."""

    def bind(self, listener: socket.socket, host: str, port: int) -> None:
        """Bind a socket. Raises OSError when the address is another's."""
        if self is Sharing.NEXT:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        if self is Sharing.FIRST:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
