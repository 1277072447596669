"""A client that asks all through a test, and judges each answer by the ones before (I1, I7).

Every 10 ms, in turn: the addresses of a name, which must never be missing, and how the
frontend explains them (`_why`), whose epoch and generation must never fall.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.query
import dns.rcode

INTERVAL_SECONDS = 0.01
TIMEOUT_SECONDS = 10.0
"""Nothing is lost on the loopback; this is how busy a machine may be."""
POSITION = re.compile(r"generation=(\d+) epoch=(\d+)")


@dataclass
class AnswerStream:
    """Asks one frontend of one cell for one name, in a thread of its own."""

    name: str
    port: int
    asked: int = 0
    positions: list[tuple[int, int]] = field(default_factory=list)
    """Each (epoch, generation) that answers were made from, in order."""
    faults: list[str] = field(default_factory=list)
    """Answers that were empty, negative or older than one before, and those that did not come."""
    slowest_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._ending.set()
        self._thread.join()

    @property
    def at(self) -> tuple[int, int]:
        """The epoch and generation that was answered from last; (0, 0) before the first."""
        return self.positions[-1] if self.positions else (0, 0)

    def _run(self) -> None:
        while not self._ending.wait(INTERVAL_SECONDS):
            try:
                fault = self._position() if self.asked % 2 else self._addresses()
            except (dns.exception.DNSException, OSError) as error:
                fault = f"no answer: {type(error).__name__}"
            self.asked += 1
            if fault:
                self.faults.append(f"{time.monotonic() - self._began:.3f} s: {fault}")

    def _addresses(self) -> str:
        reply = self._ask(self.name, "A")
        if reply.answer:
            return ""
        code = reply.rcode()
        return "NODATA" if code == dns.rcode.NOERROR else dns.rcode.to_text(code)

    def _position(self) -> str:
        reply = self._ask(f"_why.{self.name}", "TXT")
        found = POSITION.search(" ".join(str(each) for each in reply.answer))
        if found is None:
            return f"no generation is told: {reply.answer}"
        at = (int(found[2]), int(found[1]))
        if at < self.at:
            return f"epoch and generation {at} after {self.at}"
        if at != self.at:
            self.positions.append(at)
        return ""

    def _ask(self, name: str, kind: str) -> dns.message.Message:
        query = dns.message.make_query(name, kind, use_edns=0, payload=4096)
        begun = time.monotonic()
        reply = dns.query.udp(query, "127.0.0.1", TIMEOUT_SECONDS, self.port)
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - begun)
        return reply
