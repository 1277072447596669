"""The UDP side: one non-blocking socket, read in batches, no task a packet.

There are three loops. The one in `_batch`, in Cython, and the one in `bulk`, in Python, take
many datagrams a system call, and give what is unusual to the responder; the one here asks
nothing of the system but sockets, and gives everything to it.

A datagram calls the loop; the one in Cython is called by a clock while many come (ADR 14).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from dns_frontend.server import mmsg, packet_info
from dns_frontend.server.bulk import Bulk
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import REFUSED_PORTS, UdpLoop
from dns_frontend.server.sharing import Sharing

try:
    from dns_frontend.server._batch import Batch, Waker
except ImportError:  # it is built where a compiler is there, and never needed
    Batch = Waker = None  # type: ignore[assignment, misc]  # absent, as the line above says

__all__ = ["Batch", "UdpServer"]

BATCH = 64
"""Datagrams answered before others of the event loop get their turn."""
DATAGRAM_OCTETS = 4096
"""What of a datagram is read; no query is longer, and the rest is not missed."""
RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024
"""Room for bursts while the loop is busy; the kernel may grant less."""

WILDCARDS = ("", "0.0.0.0", "::")
# Linux: <bits/in.h>
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_PROBE = 3
_ANCILLARY_OCTETS = 256


class UdpServer:
    """Receives datagrams and sends each one's reply at once."""

    def __init__(self, responder: Responder) -> None:
        """Raises ValueError when the loop that is wanted is not built."""
        self._responder = responder
        wanted = responder.settings.udp_loop
        if wanted is UdpLoop.BATCH and Batch is None:
            raise ValueError("udp_loop: the loop in batches was not built; a C compiler builds it")
        self._batched = Batch is not None and wanted is not UdpLoop.PYTHON
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answer: Callable[[], object] | None = None
        self._waker: Waker | None = None
        self._wildcard = False
        self._is_bulk = False

    def __repr__(self) -> str:
        return f"UdpServer({self._socket!r}, {'batch' if self._batched else 'python'} loop)"

    @property
    def batched(self) -> bool:
        """Whether the loop in Cython answers."""
        return self._batched

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens. Raises RuntimeError when it does not."""
        if self._socket is None:
            raise RuntimeError("the UDP server is not started")
        name = self._socket.getsockname()
        return name[0], name[1]

    def start(self, host: str, port: int, sharing: Sharing = Sharing.NONE) -> None:
        """Bind and listen, in the running loop. Raises OSError when that is not possible."""
        readable = self.open(host, port, sharing)
        assert self._socket is not None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor(self._socket), readable)
        self._answer = readable

    def answer_waiting(self) -> None:
        """Answer a batch at most of what has come, without waiting for the loop to say so."""
        if self._answer is not None:
            self._answer()

    def answer_from(self, responder: Responder) -> None:
        """Answer what comes next from another table."""
        self._responder = responder
        if self._socket is not None and self._loop is not None:
            # the one assignment: it replaces what was called for this socket
            self._answer = self._readable_of(self._socket)
            self._loop.add_reader(self._descriptor(self._socket), self._answer)

    def open(self, host: str, port: int, sharing: Sharing = Sharing.NONE) -> Callable[[], object]:
        """Bind; returns what answers the datagrams that have come, a batch at most.

        That is the one interface of all loops: whatever a client or the network does, they
        count it and go on. Raises OSError as `start`.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
        try:
            listener.setblocking(False)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
            # No fragments, which others could exchange (RFC 9715, section 3.1), whatever
            # messages from anywhere say of the path: replies are short enough for all.
            listener.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)
            self._wildcard = host in WILDCARDS
            if self._wildcard:
                packet_info.ask_for(listener)
            self._is_bulk = not self._batched and mmsg.available(listener)
            sharing.bind(listener, host, port)
            if self._batched:
                self._waker = Waker(listener.fileno())
        except OSError as error:
            listener.close()
            text = f"DNS cannot be served over UDP at {host} port {port}"
            raise OSError(error.errno, f"{text}: {error.strerror or error}") from error
        self._socket = listener
        return self._readable_of(listener)

    def _readable_of(self, listener: socket.socket) -> Callable[[], object]:
        if self._batched:
            assert Batch is not None
            # the waker is the socket's, whoever answers: it knows how many come
            return Batch(self._responder, listener.fileno(), self._wildcard, self._waker).run
        if self._is_bulk:
            return Bulk(self._responder, listener, wildcard=self._wildcard).run
        return self._readable_wildcard if self._wildcard else self._readable

    def _descriptor(self, listener: socket.socket) -> int:
        """What can be read when there is something to do."""
        return listener.fileno() if self._waker is None else self._waker.fileno()

    def stop(self) -> None:
        """Stop listening; twice is harmless."""
        if self._socket is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._descriptor(self._socket))
            if self._waker is not None:
                self._waker.close()
            self._socket.close()
        self._socket = self._waker = None
        self._answer = None

    def _readable(self) -> None:
        """Answer what has arrived. Nothing that a client or the network does ends this."""
        listener = self._socket
        if listener is None:
            return
        respond = self._responder.respond
        counters = self._responder.counters
        receive = listener.recvfrom
        send = listener.sendto
        for _ in range(BATCH):
            client: Any
            try:
                packet, client = receive(DATAGRAM_OCTETS)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # an ICMP error for something sent before shows up here (ECONNREFUSED)
                counters.receive_errors += 1
                continue
            if client[1] in REFUSED_PORTS:
                counters.dropped_port += 1
                continue
            reply = respond(packet, client[0])
            if reply is None:
                continue
            try:
                send(reply, client)
            except OSError:
                # full, unreachable, forbidden: the client asks again, the others go on
                counters.send_errors += 1

    def _readable_wildcard(self) -> None:
        """The same where we listen at all addresses: each reply leaves from the one asked.

        The kernel would choose by its routes, and the client drop what it did not ask.
        """
        listener = self._socket
        if listener is None:
            return
        counters = self._responder.counters
        for _ in range(BATCH):
            try:
                packet, ancillary, _, client = listener.recvmsg(DATAGRAM_OCTETS, _ANCILLARY_OCTETS)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                counters.receive_errors += 1
                continue
            if client[1] in REFUSED_PORTS:
                counters.dropped_port += 1
                continue
            reply = self._responder.respond(packet, client[0])
            if reply is None:
                continue
            try:
                listener.sendmsg([reply], packet_info.source(ancillary), 0, client)
            except OSError:
                counters.send_errors += 1
