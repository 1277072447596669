"""The status page: `/livez`, `/readyz` and `/metrics`, over plain HTTP.

Alive, ready and draining are three answers. Alive is that this thread answers at
all. Ready is that every named check passes; each server adds its own, so that a
process with several servers has one page. It runs in its own thread, so that a busy
event loop delays no answer, and a check must do no more than look at a value.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import REGISTRY, make_wsgi_app

_log = logging.getLogger(__name__)

Check = Callable[[], str]
"""Why the server is not ready, in a few words; empty when it is. Called from another thread."""


CONNECTIONS = 16
"""At a time. Each has a thread and an open file, and the process needs those for its work: without
any left gRPC ends it."""
_ROOM_SECONDS = 1.0


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    # a slow or silent client must not keep the process from ending
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}
        super().__init__(*arguments)

    # process_request
    #
    #   open connections   a new one
    #   -----------------  ----------------------------------------------------------------
    #   fewer than may be  is answered
    #   as many            is answered in the place of the oldest, which is cut off: whoever
    #                      has just come asks, and whoever came long ago mostly sits there
    #   as many, and the   is closed
    #   oldest does not go
    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, within bounds."""
        if not self._room.acquire(blocking=False):
            self._cut_off_oldest()
            if not self._room.acquire(timeout=_ROOM_SECONDS):
                self.shutdown_request(request)
                return
        with self._lock:
            self._open[request] = None
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._left(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it; when this returns it is closed."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._left(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or says nothing, is no news; the rest are mistakes of ours."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("a request to the status page failed")

    def _cut_off_oldest(self) -> None:
        with self._lock:
            oldest = next(iter(self._open), None)
            if oldest is not None:
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)

    def _left(self, request: socket.socket) -> None:
        with self._lock:
            del self._open[request]
        self._room.release()

    def server_bind(self) -> None:
        """Bind, without the base class's reverse look-up, which may hang for want of DNS (I22)."""
        TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name = str(host)
        self.server_port = int(port)
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = 10
    """Seconds that a client may take to send its request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (base class's name)
        """Stay silent: a scraper's every visit is no news."""

    def address_string(self) -> str:
        """The client's address, without asking DNS for its name."""
        return str(self.client_address[0])


class StatusListenError(OSError):
    """The status page cannot be served at the address; the message names it."""


class StatusPage:
    """The HTTP face of a process. Thread-safe."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host = host
        self._port = port
        self._checks: dict[str, Check] = {}
        self._draining = False
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._metrics = make_wsgi_app(REGISTRY)

    def __repr__(self) -> str:
        return f"<StatusPage {self.address or 'not started'} checks={sorted(self._checks)}>"

    @property
    def address(self) -> str:
        """`HOST:PORT` that is served; empty before `start`."""
        if self._server is None:
            return ""
        host, port = self._server.server_address[:2]
        text = host if isinstance(host, str) else host.decode()
        return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"

    def start(self) -> None:
        """Serve. Raises StatusListenError when the address cannot be had."""
        # the family is the class's, in the standard library
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        server = type("_Server", (_Server,), {"address_family": family})
        try:
            self._server = server((self._host, self._port), _Handler)
        except OSError as error:
            text = f"the status page cannot be served at {self._host}:{self._port}"
            raise StatusListenError(error.errno, f"{text}: {error.strerror or error}") from error
        self._server.set_app(self._answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="status-page", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving. Harmless when not started."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None:
            server.shutdown()
            server.server_close()
        if thread is not None:
            thread.join(timeout=5)

    def add_check(self, name: str, check: Check) -> None:
        """Make readiness depend on `check`; a second one of the same name replaces the first."""
        self._checks = self._checks | {name: check}

    def remove_check(self, name: str) -> None:
        """Forget a check. Harmless when there is none of that name."""
        self._checks = {k: v for k, v in self._checks.items() if k != name}

    def drain(self) -> None:
        """From now on be alive but not ready: the process is about to end."""
        self._draining = True

    def failures(self) -> dict[str, str]:
        """The checks that fail, with their reasons. A check that raises has failed."""
        found = {"draining": "the process is about to end"} if self._draining else {}
        for name, check in self._checks.items():
            try:
                reason = check()
            except Exception as error:
                _log.exception("a readiness check is broken", extra={"check": name})
                reason = f"the check is broken: {error!r}"
            if reason:
                found[name] = reason
        return found

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _reply(start, "405 Method Not Allowed", {"status": "only GET and HEAD"})
        match environ.get("PATH_INFO"):
            case "/livez":
                return _reply(start, "200 OK", {"status": "alive"})
            case "/readyz":
                failures = self.failures()
                checks = {name: failures.get(name, "") or "ok" for name in self._checks}
                body = {"status": "not ready" if failures else "ready", "checks": checks}
                if self._draining:
                    body["status"] = "draining"
                return _reply(start, "503 Service Unavailable" if failures else "200 OK", body)
            case "/metrics":
                page: Iterable[bytes] = self._metrics(environ, start)
                return page
        return _reply(start, "404 Not Found", {"status": "try /livez, /readyz or /metrics"})


def _reply(start: StartResponse, status: str, body: dict[str, Any]) -> Iterable[bytes]:
    start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode() + b"\n"]
