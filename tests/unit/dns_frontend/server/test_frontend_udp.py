"""The UDP side where it listens at all addresses of the machine."""

from __future__ import annotations

import asyncio
import socket

import dns.message
import pytest
from answer_samples import API_NAME, endpoint, entry, table

from dns_frontend.server.responder import Responder
from dns_frontend.server.udp import UdpServer


async def exchange(listen: str, family: socket.AddressFamily, ask: str) -> bytes:
    """Ask at one of the machine's addresses; a connected socket takes no other's reply."""
    server = UdpServer(Responder(table({"east": [entry(endpoint("a"))], "west": []})))
    server.start(listen, 0)
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect((ask, server.address[1]))
            client.send(dns.message.make_query(API_NAME, "A").to_wire())
            async with asyncio.timeout(30):
                return await loop.sock_recv(client, 4096)
    finally:
        server.stop()
        server.stop()


@pytest.mark.parametrize("ask", ["127.0.0.1", "127.0.0.2", "127.9.8.7"])
async def test_a_reply_leaves_from_the_address_that_was_asked(ask: str) -> None:
    reply = await exchange("0.0.0.0", socket.AF_INET, ask)
    assert len(dns.message.from_wire(reply).answer) == 1


@pytest.mark.parametrize(
    ("family", "ask"), [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2")]
)
async def test_one_socket_serves_both_families(family: socket.AddressFamily, ask: str) -> None:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    reply = await exchange("::", family, ask)
    assert len(dns.message.from_wire(reply).answer) == 1


def test_an_address_that_is_not_ours_is_refused_and_leaves_nothing_open() -> None:
    async def start() -> None:
        server = UdpServer(Responder(table({})))
        with pytest.raises(OSError):
            server.start("192.0.2.77", 0)
        with pytest.raises(RuntimeError):
            _ = server.address
        server.stop()

    asyncio.run(start())
