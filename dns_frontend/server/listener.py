"""UDP and TCP on one address and port."""

from __future__ import annotations

import logging
import sys

from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import UdpLoop
from dns_frontend.server.sharing import Sharing
from dns_frontend.server.tcp import TcpServer
from dns_frontend.server.udp import UdpServer

log = logging.getLogger(__name__)

_FREE_PORT_TRIES = 20
SWITCH_SECONDS = 0.0005
"""How long a thread beside, which writes a base or reads one, may compute before queries have
their turn. Python's own ten times that would be what each of them waits."""


class DnsListenError(OSError):
    """DNS cannot be served at the address and port; the message names them."""


class Listener:
    """Serves one responder over both transports."""

    def __init__(self, responder: Responder) -> None:
        self._udp = UdpServer(responder)
        self._tcp = TcpServer(responder)

    def __repr__(self) -> str:
        return f"Listener({self._udp!r}, {self._tcp!r})"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port served. Raises RuntimeError when none is."""
        return self._udp.address

    @property
    def udp_loop(self) -> UdpLoop:
        """Which loop answers over UDP."""
        return UdpLoop.BATCH if self._udp.batched else UdpLoop.PYTHON

    async def start(self, host: str, port: int, sharing: Sharing = Sharing.NONE) -> None:
        """Listen at `host` on `port`, 0 being one that is free for both transports.

        Raises DnsListenError when that is not possible; nothing is left open then.
        """
        try:
            await self._start(host, port, sharing)
        except OSError as error:
            raise DnsListenError(error.errno, error.strerror or str(error)) from error

    async def _start(self, host: str, port: int, sharing: Sharing) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        for attempt in range(1, _FREE_PORT_TRIES + 1):
            self._udp.start(host, port, sharing)
            try:
                await self._tcp.start(host, self._udp.address[1], sharing)
            except OSError:
                self._udp.stop()
                if port or attempt == _FREE_PORT_TRIES:
                    raise
            else:
                return

    def answer_waiting(self) -> None:
        """Answer what has come over UDP, between two parts of some longer work. Never raises."""
        try:
            self._udp.answer_waiting()
        except Exception:  # a mistake of ours must not end that work
            log.exception("what waits could not be answered")

    def answer_from(self, responder: Responder) -> None:
        """Answer what comes next from another table; no connection notices."""
        self._udp.answer_from(responder)
        self._tcp.responder = responder

    def stop(self) -> None:
        """Stop listening and close all connections; twice is harmless."""
        self._udp.stop()
        self._tcp.stop()
