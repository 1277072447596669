"""What one client, and all of them, may take of the TCP side; and who has to go.

UDP needs none of this: a datagram is answered in some microseconds and forgotten.
Pure bookkeeping: times are given, connections are any hashable things.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

RESERVED_DESCRIPTORS = 64
"""For everything else that a frontend opens: gRPC, its disk, UDP, the status page. One that follows
one registry has 28 open."""
LEAST_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """Caps of the TCP side (RFC 7766, section 6.2; RFC 9210, section 4)."""

    connections: int = 1024
    """Open at a time; one more closes the one that has been idle longest."""
    connections_per_client: int = 32
    """Open at a time from one address; one more is refused."""
    idle_seconds: float = 10.0
    """Without a whole query for so long, a connection is closed. Octets alone do not count."""
    stall_seconds: float = 5.0
    """A client that does not read its replies for so long is cut off."""
    batch: int = 32
    """Pipelined queries answered before others get their turn."""
    backlog: int = 1024
    """Waiting to be taken in: so many may come at a stroke, beside those that are open."""

    def share(self, processes: int) -> TcpLimits:
        """What each of so many processes may have open, so that together it is no more."""
        return replace(
            self,
            connections=max(1, self.connections // processes),
            connections_per_client=max(1, self.connections_per_client // processes),
        )

    # within
    #
    #   a quarter of what is left goes to those that come at a stroke, the rest to those that
    #   stay open; neither to less than is needed to answer over TCP at all, nor to more than
    #   was asked for
    def within(self, descriptors: int) -> TcpLimits:
        """What a process that may have so many files open can take.

        Connections must not take the last of them: gRPC ends the process when it gets none, and a
        plan that cannot be written is lost with a restart.
        """
        left = descriptors - RESERVED_DESCRIPTORS
        if left >= self.connections + self.backlog:
            return self
        backlog = min(self.backlog, max(LEAST_CONNECTIONS // 2, left // 4))
        connections = min(self.connections, max(LEAST_CONNECTIONS, left - backlog))
        alone = min(self.connections_per_client, max(1, connections // 2))
        return replace(self, connections=connections, connections_per_client=alone, backlog=backlog)


C = TypeVar("C", bound=Hashable)


class Connections(Generic[C]):
    """The open connections, the longest idle first."""

    __slots__ = ("_clients", "_idle_since", "_limits")

    def __init__(self, limits: TcpLimits) -> None:
        self._limits = limits
        self._idle_since: OrderedDict[C, tuple[str, float]] = OrderedDict()
        self._clients: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._idle_since)

    def __iter__(self) -> Iterator[C]:
        """Over a copy: connections may close meanwhile."""
        return iter(list(self._idle_since))

    def __repr__(self) -> str:
        return f"Connections({len(self._idle_since)} open, {len(self._clients)} clients)"

    def admits(self, client: str) -> bool:
        """Whether one more connection of this client is within its cap."""
        return self._clients.get(client, 0) < self._limits.connections_per_client

    def surplus(self) -> C | None:
        """The connection to close before one more is added; None while there is room."""
        if len(self._idle_since) < self._limits.connections:
            return None
        return next(iter(self._idle_since))

    def add(self, connection: C, client: str, now: float) -> None:
        """A connection was opened."""
        self._idle_since[connection] = (client, now)
        self._clients[client] = self._clients.get(client, 0) + 1

    def touch(self, connection: C, now: float) -> None:
        """A whole query came over the connection."""
        if connection in self._idle_since:
            self._idle_since[connection] = (self._idle_since[connection][0], now)
            self._idle_since.move_to_end(connection)

    def remove(self, connection: C) -> None:
        """A connection was closed; twice is harmless."""
        known = self._idle_since.pop(connection, None)
        if known is not None:
            client = known[0]
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def idle(self, now: float) -> list[C]:
        """The connections whose idle time is over at `now`, longest first."""
        found: list[C] = []
        for connection, (_, since) in self._idle_since.items():
            if now - since < self._limits.idle_seconds:
                break
            found.append(connection)
        return found
