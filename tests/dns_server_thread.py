"""A DNS server on real sockets in a thread of its own, and a client that speaks in octets."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, TypeVar

import dns.message
import dns.query

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.commons import Commons
from dns_frontend.server.limits import TcpLimits
from dns_frontend.server.listener import Listener
from dns_frontend.server.rates import Rates
from dns_frontend.server.responder import Responder
from dns_frontend.server.secret import Secrets
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import Batch
from dns_frontend.wire.table import AnswerTable

T = TypeVar("T")
TIMEOUT_SECONDS = 30.0


class Way(Enum):
    """How a query reaches a server."""

    PYTHON = "python"
    """Over UDP, to the loop in Python."""
    BATCH = "batch"
    """Over UDP, to the loop in Cython."""
    TCP = "tcp"


WAYS: set[Way] = set()
"""On which ways any server was asked; who wants to know of a while clears it before."""

ASKED: dict[bytes, None] = {}
"""All messages that were sent to any server over UDP, in order, each once."""


class DnsServerThread:
    """Serves one table at 127.0.0.1 on a free port, or on the one that is given."""

    def __init__(
        self,
        table: AnswerTable,
        *,
        regions: ClientRegions | None = None,
        limits: TcpLimits | None = None,
        settings: ServerSettings | None = None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        port: int = 0,
    ) -> None:
        self.table = table
        self._port = port
        if settings is None:
            settings = ServerSettings(tcp=limits or TcpLimits())
        # of rates that meet in a slot by chance no test is to know
        commons = Commons(
            Secrets(settings.cookie_secrets, clock, wall), Rates(settings.rates, seed=1)
        )
        self.responder = Responder(
            table, regions, settings=settings, wall=wall, clock=clock, commons=commons
        )
        self.counters = self.responder.counters
        self._udp_way = way_of(settings.udp_loop)
        self._listener = Listener(self.responder)
        self._loop = asyncio.new_event_loop()
        self._ahead_seconds = 0.0
        self._loop.time = lambda: time.monotonic() + self._ahead_seconds  # type: ignore[method-assign] # its clock
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> DnsServerThread:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(
            self._listener.start("127.0.0.1", self._port), self._loop
        ).result(TIMEOUT_SECONDS)
        self.address = self._listener.address
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._listener.stop)
        # let the closed connections say goodbye before the loop ends
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), self._loop).result(TIMEOUT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_SECONDS)
        self._loop.close()

    def run(self, call: Callable[[], T]) -> T:
        """Do something in the server's own thread, as the feed would."""

        async def do() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(TIMEOUT_SECONDS)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something in the server's own loop."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def has_stalled(self) -> bool:
        """Whether a connection's replies wait for its client. In the server's own thread."""
        now = self._loop.time()
        return any(each.stalled_for(now) > 0 for each in self._listener._tcp._connections)

    def has_datagram(self) -> bool:
        """Whether a datagram waits to be read. In any thread."""
        waiting = self._listener._udp._socket
        assert waiting is not None
        octets = fcntl.ioctl(waiting.fileno(), termios.FIONREAD, bytes(4))
        return octets != bytes(4)

    def read_all(self) -> None:
        """Wait until the server has taken in what was sent to it before."""
        # the first call wakes the loop, which then sees what has come; the second comes after it
        for _ in range(2):
            self.run(lambda: None)

    def pass_time(self, seconds: float) -> None:
        """Let the server's loop believe that so much time went by; what is due happens."""

        def leap() -> None:
            self._ahead_seconds += seconds

        self.run(leap)

    # --- a client ----------------------------------------------------------------------

    def udp(self, packet: bytes, source: str = "") -> bytes | None:
        """The reply to a datagram; None when there is none.

        Silence is told from slowness by a sound query sent after: the server answers in
        order, so that its reply proves that nothing comes for the first.
        """
        ASKED[packet] = None
        WAYS.add(self._udp_way)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(TIMEOUT_SECONDS)
            if source:
                client.bind((source, 0))
            client.connect(self.address)
            client.send(packet)
            sound = b"\xff\xfe\0\0\0\1\0\0\0\0\0\0\0\0\1\0\1"
            client.send(sound)
            replies = [client.recv(65535)]
            while replies[-1][:2] != sound[:2] or (packet[:2] == sound[:2] and len(replies) < 2):
                replies.append(client.recv(65535))
            return replies[0] if len(replies) > 1 else None

    def tcp(self, packet: bytes) -> bytes | None:
        """The reply to a message over a connection of its own; None: it was closed."""
        with self.connect() as client:
            client.sendall(struct.pack("!H", len(packet)) + packet)
            return receive(client)

    def connect(self) -> socket.socket:
        """A connection."""
        WAYS.add(Way.TCP)
        client = socket.create_connection(self.address, TIMEOUT_SECONDS)
        client.settimeout(TIMEOUT_SECONDS)
        return client

    def ask(
        self, name: str, kind: str, *, tcp: bool = False, **query: object
    ) -> dns.message.Message:
        """The reply to a query made by dnspython, and checked by it."""
        message = dns.message.make_query(name, kind, **query)  # type: ignore[arg-type]  # passed on as they are
        WAYS.add(Way.TCP if tcp else self._udp_way)
        if not tcp:
            ASKED[message.to_wire()] = None
        send = dns.query.tcp if tcp else dns.query.udp
        return send(message, self.address[0], TIMEOUT_SECONDS, self.address[1])


def way_of(loop: UdpLoop) -> Way:
    """The way to a server that is told to use this loop."""
    return Way.PYTHON if loop is UdpLoop.PYTHON or Batch is None else Way.BATCH


def receive(client: socket.socket) -> bytes | None:
    """One message from a connection; None at its end."""
    head = _exactly(client, 2)
    return None if head is None else _exactly(client, struct.unpack("!H", head)[0])


def _exactly(client: socket.socket, octets: int) -> bytes | None:
    got = b""
    while len(got) < octets:
        try:
            part = client.recv(octets - len(got))
        except ConnectionResetError:
            return None
        if not part:
            return None
        got += part
    return got
