"""All that the other tests here asked over UDP, once more, of all loops side by side."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from answer_samples import API_NAME, example
from dns_messages import message
from dns_server_thread import ASKED
from loop_pair import HOME, OTHER, LoopPair
from test_hostile_input import corpus

from dns_frontend.server import mmsg
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import UdpServer

FENCE = b"\xff\xfe\0\0\0\1\0\0\0\0\0\0\0\0\1\0\1"
"""A sound query whose reply comes after all that were asked before."""


def told(
    server: UdpServer, readable: Callable[[], object], own: str, asked: list[bytes]
) -> list[bytes]:
    """The replies of a server driven by hand to a client at its own address."""
    family = socket.AF_INET6 if ":" in own else socket.AF_INET
    replies: list[bytes] = []
    deadline = time.monotonic() + 60.0
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((own, server.address[1]))
        for at in range(0, len(asked), 16):
            for packet in (*asked[at : at + 16], FENCE):
                client.send(packet)
            reply = b""
            while reply[:2] != FENCE[:2]:
                assert time.monotonic() < deadline
                readable()
                with contextlib.suppress(BlockingIOError):
                    while True:
                        reply = client.recv(4096)
                        replies.append(reply)
    return replies


@pytest.mark.last
def test_over_ipv6_what_was_asked_has_the_same_replies(
    loop: UdpLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for what is each client's own: cookies, and its part of a crowd. By itself, and where
    one socket serves both families; many datagrams a call, and one. Every third will do."""
    asked = [
        packet
        for packet in ASKED
        if b"\0\x0a\0" not in packet and b"\4many" not in packet and packet[:2] != FENCE[:2]
    ][::3]
    expected: list[bytes] = []
    for many, host, own in (
        (True, "127.0.0.1", "127.0.0.1"),
        (True, "::1", "::1"),
        (True, "::", "127.0.0.1"),
        (False, "::1", "::1"),
    ):
        if not many:
            monkeypatch.setattr(mmsg, "available", lambda _: False)
        server = UdpServer(Responder(example(), settings=ServerSettings(udp_loop=loop)))
        try:
            readable = server.open(host, 0)
        except OSError:
            pytest.skip("no IPv6 here")
        replies = told(server, readable, own, asked)
        server.stop()
        expected = expected or replies
        assert replies == expected
    assert len(expected) > len(asked) / 2


@pytest.mark.last
def test_all_loops_give_the_same_octets_for_all_that_was_asked(tmp_path: Path) -> None:
    """And for the rubbish, and once more when all is compiled."""
    packets = [message(API_NAME, 1), *ASKED, *corpus(1), *corpus(2)]
    with LoopPair(example, tmp_path) as pair:
        for client in (HOME, OTHER, HOME):
            for at in range(0, len(packets), 16):
                assert pair.differ(packets[at : at + 16], client) == ""
