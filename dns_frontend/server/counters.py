"""What the query path counts, as plain integers.

Adding to an integer costs some nanoseconds, an instrument a microsecond; so these are
only shown to the meter when somebody reads the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dns_frontend import telemetry
from dns_frontend.wire.body import MODES

RCODES = {
    0: "noerror",
    1: "formerr",
    2: "servfail",
    3: "nxdomain",
    4: "notimp",
    5: "refused",
    9: "notauth",
    16: "badvers",
    23: "badcookie",
}


class Counters:
    """Counts of one frontend since its start."""

    __slots__ = (
        "dropped_port",
        "dropped_rate",
        "dropped_reply",
        "faults",
        "modes",
        "queries_tcp",
        "queries_udp",
        "rcodes",
        "receive_errors",
        "send_errors",
        "slipped",
        "tcp_evicted",
        "tcp_idle",
        "tcp_open",
        "tcp_opened",
        "tcp_refused",
        "tcp_slow",
        "truncated",
    )

    def __init__(self) -> None:
        self.queries_udp = 0
        self.queries_tcp = 0
        self.rcodes = [0] * 24
        """Replies by code, the extended ones (RFC 6891, section 6.1.3) included."""
        self.modes = [0] * (len(MODES) + 1)
        """Positive answers for services, by the number of their mode; the last is all others."""
        self.truncated = 0
        self.dropped_reply = 0
        """Messages that are no queries: too short, or replies themselves."""
        self.dropped_port = 0
        """Datagrams from source ports that no client uses."""
        self.dropped_rate = 0
        """Queries over the rate of their network, left without a reply."""
        self.slipped = 0
        """Queries over the rate of their network, told to come back over TCP."""
        self.faults = 0
        """Queries answered SERVFAIL because of a mistake of ours."""
        self.receive_errors = 0
        self.send_errors = 0
        self.tcp_open = 0
        self.tcp_opened = 0
        self.tcp_refused = 0
        """Connections over the cap of their client."""
        self.tcp_evicted = 0
        """Connections closed, as the longest idle one, to make room for another."""
        self.tcp_idle = 0
        self.tcp_slow = 0
        """Connections closed since their client did not read."""

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__slots__}
        return f"Counters({', '.join(f'{k}={v}' for k, v in shown.items() if v)})"

    def told(self) -> dict[str, int | list[int]]:
        """All of them, of JSON's types."""
        return {name: getattr(self, name) for name in self.__slots__}

    def take(self, told: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Be what another process told, and what was counted before it began."""
        for name in self.__slots__:
            now, then = told[name], before[name]
            if name == "tcp_open":
                self.tcp_open = int(now)
            elif isinstance(then, list):
                setattr(self, name, [a + int(b) for a, b in zip(then, now, strict=True)])
            else:
                setattr(self, name, then + int(now))

    def queries(self) -> telemetry.Readings:
        """Messages received, by transport."""
        yield self.queries_udp, {"transport": "udp"}
        yield self.queries_tcp, {"transport": "tcp"}

    def replies(self) -> telemetry.Readings:
        """Replies, by code."""
        for rcode, name in RCODES.items():
            yield self.rcodes[rcode], {"rcode": name}

    def served(self) -> telemetry.Readings:
        """Positive answers for services, by serving mode."""
        for mode, count in zip(MODES, self.modes, strict=False):
            yield count, {"mode": mode.value}

    def dropped(self) -> telemetry.Readings:
        """Messages not replied to, by reason."""
        yield self.dropped_reply, {"reason": "no_query"}
        yield self.dropped_port, {"reason": "source_port"}
        yield self.dropped_rate, {"reason": "rate"}

    def errors(self) -> telemetry.Readings:
        """What went wrong, by kind."""
        yield self.receive_errors, {"kind": "receive"}
        yield self.send_errors, {"kind": "send"}
        yield self.faults, {"kind": "fault"}

    def truncations(self) -> telemetry.Readings:
        """Replies with TC set."""
        yield self.truncated, {}

    def slips(self) -> telemetry.Readings:
        """Queries over their rate that were told so."""
        yield self.slipped, {}

    def connections(self) -> telemetry.Readings:
        """TCP connections open now."""
        yield self.tcp_open, {}

    def ended(self) -> telemetry.Readings:
        """TCP connections that were not left to their client to end, by reason."""
        yield self.tcp_refused, {"reason": "refused"}
        yield self.tcp_evicted, {"reason": "evicted"}
        yield self.tcp_idle, {"reason": "idle"}
        yield self.tcp_slow, {"reason": "slow"}

    def show(self, frontend: str, worker: str = "") -> Callable[[], None]:
        """Show all of these in the metrics, as those of `frontend`, and of one of its workers
        where it has several; returns how to withdraw."""
        whose = {"frontend": frontend} | ({"worker": worker} if worker else {})

        def labelled(reading: telemetry.Reading) -> telemetry.Reading:
            return lambda: [(value, {**whose, **row}) for value, row in reading()]

        withdrawals = [
            telemetry.observe(name, labelled(reading))
            for name, reading in (
                (telemetry.QUERIES, self.queries),
                (telemetry.REPLIES, self.replies),
                (telemetry.SERVED, self.served),
                (telemetry.TRUNCATED, self.truncations),
                (telemetry.DROPPED, self.dropped),
                (telemetry.SLIPPED, self.slips),
                (telemetry.ANSWER_ERRORS, self.errors),
                (telemetry.TCP_CONNECTIONS, self.connections),
                (telemetry.TCP_ENDED, self.ended),
            )
        ]

        def withdraw() -> None:
            for each in withdrawals:
                each()

        return withdraw
