"""The TCP side: pipelined queries, each answered at once and in order (RFC 7766).

A reply costs microseconds, so there is no queue of work: what bounds a connection is
that it is not read while its client does not read, and that it yields to others
after a batch. No connection can hold another one up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from typing import cast

from dns_frontend.server.limits import RESERVED_DESCRIPTORS, Connections, TcpLimits
from dns_frontend.server.responder import Responder
from dns_frontend.server.sharing import Sharing

log = logging.getLogger(__name__)

HEADER_OCTETS = 12
WRITE_BUFFER_OCTETS = 256 * 1024
"""Replies waiting for a client that reads slowly, before it is read from no more."""
SWEEP_SECONDS = 1.0


class TcpServer:
    """Accepts connections and keeps them within their limits."""

    def __init__(self, responder: Responder) -> None:
        self.limits = _granted(responder.settings.tcp)
        self.responder = responder
        self._connections: Connections[_Conversation] = Connections(self.limits)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"TcpServer({self._connections!r})"

    async def start(self, host: str, port: int, sharing: Sharing = Sharing.NONE) -> None:
        """Bind and listen, in the running loop. Raises OSError when that is not possible."""
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sharing.bind(listener, host, port)
            self._server = await self._loop.create_server(
                lambda: _Conversation(self), sock=listener, backlog=self.limits.backlog
            )
        except OSError as error:
            listener.close()
            text = f"DNS cannot be served over TCP at {host} port {port}"
            raise OSError(error.errno, f"{text}: {error.strerror or error}") from error
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """Stop listening and close all connections; twice is harmless."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        self._server = None
        for conversation in self._connections:
            conversation.end()

    # --- for conversations -------------------------------------------------------------

    def admit(self, conversation: _Conversation, client: str) -> bool:
        """Take a new connection in, if need be in the place of the longest idle one."""
        counters = self.responder.counters
        if self._server is None or not self._connections.admits(client):
            counters.tcp_refused += 1
            return False
        surplus = self._connections.surplus()
        if surplus is not None:
            counters.tcp_evicted += 1
            self.forget(surplus)
            surplus.abort()
        self._connections.add(conversation, client, self._now())
        counters.tcp_opened += 1
        counters.tcp_open = len(self._connections)
        return True

    def forget(self, conversation: _Conversation) -> None:
        """A connection is closed or about to be."""
        self._connections.remove(conversation)
        self.responder.counters.tcp_open = len(self._connections)

    def touch(self, conversation: _Conversation) -> None:
        """A whole query came."""
        self._connections.touch(conversation, self._now())

    def _now(self) -> float:
        return self._loop.time() if self._loop is not None else 0.0

    def _sweep(self) -> None:
        now = self._now()
        counters = self.responder.counters
        for conversation in self._connections.idle(now):
            if not conversation.ended:
                counters.tcp_idle += 1
                conversation.end()
        for conversation in self._connections:
            if conversation.stalled_for(now) >= self.limits.stall_seconds:
                counters.tcp_slow += 1
                self.forget(conversation)
                conversation.abort()
        if self._server is not None and self._loop is not None:
            self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)


class _Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._client = ""
        self._buffer = bytearray()
        self._stalled_since: float | None = None
        self._waiting = False
        """Whether more of the buffer is to be answered in a later turn."""
        self._paused = False
        self._half_closed = False
        self.ended = False
        """Whether no more is answered; what was answered may still wait to be sent."""

    # --- what asyncio tells ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else ""
        if not self._server.admit(self, self._client):
            self.abort()
            return
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_OCTETS)
        stream = transport.get_extra_info("socket")
        if stream is not None:
            # a reply is one write, and is not to wait for the next one (RFC 7766, section 8)
            with contextlib.suppress(OSError):
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self.ended:
            return
        self._buffer += data
        if not self._waiting and self._stalled_since is None:
            self._answer()

    def eof_received(self) -> bool:
        """The client sends no more; what it has sent is still answered."""
        self._half_closed = True
        if self._waiting or self._stalled_since is not None:
            return True
        self.end()
        return False

    def pause_writing(self) -> None:
        self._stalled_since = asyncio.get_running_loop().time()
        self._pause_reading()

    def resume_writing(self) -> None:
        self._stalled_since = None
        if not self._waiting and not self.ended:
            self._answer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._buffer.clear()
        self._server.forget(self)

    # --- what the server does ----------------------------------------------------------

    def stalled_for(self, now: float) -> float:
        """For how many seconds the client has left its replies unread."""
        return 0.0 if self._stalled_since is None else now - self._stalled_since

    def end(self) -> None:
        """Close after what is written is sent; a client that does not take it is cut off."""
        self.ended = True
        if self._transport is not None:
            if self._transport.get_write_buffer_size() and self._stalled_since is None:
                self._stalled_since = asyncio.get_running_loop().time()
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self.ended = True
        if self._transport is not None:
            self._transport.abort()

    # --- answering ---------------------------------------------------------------------

    def _answer(self) -> None:
        """Answer the whole messages in the buffer, at most a batch of them."""
        self._waiting = False
        transport = self._transport
        if self.ended or transport is None:
            return
        buffer = self._buffer
        size = len(buffer)
        position = 0
        replies: list[bytes] = []
        broken = False
        for _ in range(self._server.limits.batch):
            if position + 2 > size:
                break
            length = buffer[position] << 8 | buffer[position + 1]
            if length < HEADER_OCTETS:
                broken = True
                break
            end = position + 2 + length
            if end > size:
                break
            packet = bytes(buffer[position + 2 : end])
            position = end
            reply = self._server.responder.respond(packet, self._client, stream=True)
            if reply is None:
                # no query at all: whoever is there does not speak as a client
                broken = True
                break
            replies.append(len(reply).to_bytes(2, "big") + reply)
        else:
            self._waiting = _has_message(buffer, position)
        if position:
            del buffer[:position]
            self._server.touch(self)
        if replies:
            transport.write(b"".join(replies))
        if broken:
            self.end()
        elif self._waiting:
            # others first; nothing more is read before this is answered
            self._pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)
        elif self._stalled_since is None:
            if self._half_closed:
                self.end()
            else:
                self._resume_reading()

    def _go_on(self) -> None:
        if self._stalled_since is None:
            self._answer()
        else:
            self._waiting = False

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and self._paused:
            self._paused = False
            self._transport.resume_reading()


def _granted(wanted: TcpLimits) -> TcpLimits:
    """The limits that this process's limit of open files leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = wanted if soft == resource.RLIM_INFINITY else wanted.within(soft)
    if found != wanted:
        log.warning(
            "the limit of open files is low, so fewer TCP connections are taken",
            extra={
                "open_files": soft,
                "connections": found.connections,
                "backlog": found.backlog,
                "wanted_connections": wanted.connections,
                "enough_open_files": (RESERVED_DESCRIPTORS + wanted.connections + wanted.backlog),
            },
        )
    return found


def _has_message(buffer: bytearray, position: int) -> bool:
    """Whether a whole message, or one that is none, begins at `position`."""
    if position + 2 > len(buffer):
        return False
    length = buffer[position] << 8 | buffer[position + 1]
    return length < HEADER_OCTETS or position + 2 + length <= len(buffer)
