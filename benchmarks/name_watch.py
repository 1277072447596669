"""Asking a DNS server over and over until an answer holds an address, cheaply."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import cast

import dns.message
import dns.rdatatype

POLL_SECONDS = 0.001
RESEND_SECONDS = 0.5


class NameWatch(asyncio.DatagramProtocol):
    """A DNS client over one UDP socket; answers are matched to questions by ID."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._next_id = 0
        self.queries = 0

    @classmethod
    async def open(cls, host: str, port: int) -> NameWatch:
        """Connect to a server."""
        loop = asyncio.get_running_loop()
        _, watch = await loop.create_datagram_endpoint(cls, remote_addr=(host, port))
        return watch

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server. Raises RuntimeError when there is none."""
        if self._transport is None:
            raise RuntimeError("not connected")
        host, port = self._transport.get_extra_info("peername")[:2]
        return host, port

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # uvloop's has the methods, not the base class
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Called by asyncio."""
        future = self._waiting.pop(int.from_bytes(data[:2], "big"), None)
        if future and not future.done():
            future.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Called by asyncio. The question will be sent again."""

    async def ask(self, query: bytes) -> bytes:
        """One question's answer; sent again when it does not come."""
        assert self._transport
        while True:
            self._next_id = (self._next_id + 1) & 0xFFFF
            number = self._next_id
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._waiting[number] = future
            self._transport.sendto(number.to_bytes(2, "big") + query[2:])
            self.queries += 1
            try:
                # wait_for would swallow a cancellation that comes together with the answer
                async with asyncio.timeout(RESEND_SECONDS):
                    return await future
            except TimeoutError:
                self._waiting.pop(number, None)

    async def until(self, name: str, address: str, *, present: bool, seconds: float) -> float:
        """Wait until an A answer for `name` holds `address`, or no more; returns when it did.

        The moment is that of `time.perf_counter`. Raises TimeoutError.
        """
        query = a_query(name)
        octets = ipaddress.ip_address(address).packed
        end = time.perf_counter() + seconds
        while True:
            answer = await self.ask(query)
            now = time.perf_counter()
            # past header and question only records remain: four octets in a row are the address
            if (octets in answer[len(query) :]) is present:
                return now
            if now > end:
                raise TimeoutError(f"{name}: {address} present={present}, not in {seconds:g} s")
            await asyncio.sleep(POLL_SECONDS)


def a_query(name: str) -> bytes:
    """A query of type A, without EDNS; its ID is to be replaced."""
    query = dns.message.make_query(name, dns.rdatatype.A)
    query.flags = 0
    return query.to_wire()
