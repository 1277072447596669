"""The UDP loops beside each other, given the same datagrams in the same batches."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from dns_server_thread import WAYS, way_of

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server import mmsg
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import BATCH, Batch, UdpServer
from dns_frontend.wire.table import AnswerTable

HOME, OTHER = "127.0.0.1", "127.0.0.9"
"""Clients: one without a region of its own, whose client subnets are believed; one in west."""


class _Side:
    """One loop with sockets of clients; driven by hand, so that nothing has to be waited for."""

    def __init__(
        self,
        loop: UdpLoop,
        table: AnswerTable,
        secrets: Path,
        host: str,
        *,
        plain: bool = False,
    ) -> None:
        """`plain`: as where the system takes one datagram a call."""
        settings = ServerSettings(
            udp_loop=loop,
            cookie_secrets=secrets,
            server_name="dns-1",
            identity=True,
            trusted_forwarders=(HOME,),
        )
        regions = ClientRegions([(f"{OTHER}/32", "west"), ("10.0.0.0/8", "west")])
        self.responder = Responder(
            table, regions, settings=settings, clock=lambda: 5.0, wall=lambda: 1_770_000_000.0
        )
        self.server = UdpServer(self.responder)
        self._way = way_of(loop)
        with pytest.MonkeyPatch.context() as patch:
            if plain:
                patch.setattr(mmsg, "available", lambda _: False)
            self.readable = self.server.open(host, 0)
        self.clients: dict[str, socket.socket] = {}
        for client in (HOME, OTHER):
            self.clients[client] = made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.bind((client, 0))
            made.connect((HOME, self.server.address[1]))

    def __repr__(self) -> str:
        return f"{self.readable!r}, {self.responder.counters!r}"

    def exchange(self, packets: Sequence[bytes], client: str) -> list[bytes]:
        """The replies, in the order in which they came."""
        asking = self.clients[client]
        WAYS.add(self._way)
        for packet in packets:
            asking.send(packet)
        # on the loopback what was sent has arrived
        for _ in range(len(packets) // min(BATCH, mmsg.SLOTS) + 1):
            self.readable()
        replies = []
        with contextlib.suppress(BlockingIOError):
            while True:
                replies.append(asking.recv(65535))
        return replies

    def close(self) -> None:
        self.server.stop()
        for each in self.clients.values():
            each.close()


class LoopPair:
    """The loops in Python, by many and one by one, and the one in Cython, where it is built;
    each with a table of its own."""

    def __init__(self, table: Callable[[], AnswerTable], directory: Path, host: str = HOME) -> None:
        secrets = directory / "cookie-secrets"
        secrets.write_text("00112233445566778899aabbccddeeff\n")
        self.plain = _Side(UdpLoop.PYTHON, table(), secrets, host, plain=True)
        self.python = _Side(UdpLoop.PYTHON, table(), secrets, host)
        self.sides = [self.plain, self.python]
        if Batch is not None:
            self.sides.append(_Side(UdpLoop.BATCH, table(), secrets, host))

    def __enter__(self) -> LoopPair:
        return self

    def __exit__(self, *_: object) -> None:
        for side in self.sides:
            side.close()

    def differ(self, packets: Sequence[bytes], client: str = HOME) -> str:
        """Where the replies to a batch, or what was counted, differ; empty: they do not."""
        return self.exchange(packets, client)[1]

    def exchange(self, packets: Sequence[bytes], client: str) -> tuple[list[bytes], str]:
        """The replies to a batch, and `differ`."""
        first, *others = [side.exchange(packets, client) for side in self.sides]
        counted, *counts = [str(side.responder.counters) for side in self.sides]
        for side, replies, count in zip(self.sides[1:], others, counts, strict=True):
            if replies != first:
                shown = [packet.hex() for packet in packets]
                expected = f"{self.plain.server}: {_hex(first)}"
                return first, f"{client} sent {shown}\n{expected}\n{side.server}: {_hex(replies)}"
            if count != counted:
                return first, f"counted otherwise\n{counted}\n{side.server}: {count}"
        return first, ""

    def cookie(self, client: str) -> bytes:
        """A cookie that both accept from the client: 24 octets."""
        return self.python.responder.cookies.verify(client, b"12345678").reply


def _hex(replies: Sequence[bytes]) -> list[str]:
    return [reply.hex() for reply in replies]
