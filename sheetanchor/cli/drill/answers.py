"""A DNS client that asks every 10 ms as long as the drill runs, and remembers every change."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

INTERVAL_SECONDS = 0.01
TIMEOUT_SECONDS = 5.0
"""On the loopback nothing is lost; a resolver waits as long by default (resolv.conf(5))."""


@dataclass(slots=True)
class Answers:
    """Asks for one name at one frontend, in a thread of its own."""

    name: str
    port: int
    began: float = field(default_factory=time.monotonic)
    asked: int = 0
    changes: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the beginning, and what was answered from then on."""
    faults: list[tuple[float, str]] = field(default_factory=list)
    """Answers that were empty, negative, or older than one before."""
    newest: int = 0
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def now(self) -> str:
        """The last answer."""
        return self.changes[-1][1] if self.changes else ""

    def _run(self) -> None:
        while not self._ending.wait(INTERVAL_SECONDS):
            answer, number = self._ask()
            self.asked += 1
            at = time.monotonic() - self.began
            if answer != self.now():
                self.changes.append((at, answer))
                if number is None:
                    self.faults.append((at, answer))
                elif number < self.newest:
                    self.faults.append((at, f"{answer}, older than {self.newest}"))
            self.newest = max(self.newest, number or 0)

    def _ask(self) -> tuple[str, int | None]:
        """The answer, and the number of the plan that it tells of; None when it has none."""
        query = dns.message.make_query(self.name, dns.rdatatype.A)
        try:
            reply = dns.query.udp(query, "127.0.0.1", TIMEOUT_SECONDS, self.port)
        except (dns.exception.DNSException, OSError) as error:
            return f"no answer: {type(error).__name__}", None
        addresses = sorted(
            record.address
            for records in reply.answer
            if records.rdtype == dns.rdatatype.A
            for record in records
        )
        if not addresses:
            code = reply.rcode()
            return "NODATA" if code == dns.rcode.NOERROR else dns.rcode.to_text(code), None
        return " ".join(addresses), int(addresses[0].rpartition(".")[2])
