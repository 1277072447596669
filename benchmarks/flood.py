"""What a flood does to those who ask for names that exist (I38).

One client asks for known names at a steady rate, and each reply is timed. Then the same
again while ten times as many queries come beside it, half of them for random names that
do not exist. Both in one run, turn by turn, so that only their ratio counts.
"""

from __future__ import annotations

import random
import selectors
import socket
import time
from dataclasses import dataclass, field

from benchmarks.measurement import percentile
from benchmarks.name_watch import a_query

STEADY_RATE = 400.0
"""Queries a second of the client that is timed."""
TIMES = 10
ROUNDS = 4
_LOST_SECONDS = 1.0


@dataclass(slots=True)
class Seen:
    """The replies to the steady client in one state of the server."""

    waits: list[float] = field(default_factory=list)
    lost: int = 0

    @property
    def p99_ms(self) -> float:
        """The wait that one of a hundred exceeds."""
        return percentile(self.waits, 0.99) * 1000


@dataclass(slots=True)
class Result:
    """Without the flood and with it."""

    quiet: Seen = field(default_factory=Seen)
    flooded: Seen = field(default_factory=Seen)
    flood_sent: int = 0
    flood_answered: int = 0


def measure(host: str, port: int, names: list[str], seconds: float, seed: int = 1) -> Result:
    """Ask for the names, in turns of quiet and flood, `seconds` in all."""
    result = Result()
    chance = random.Random(seed)
    known = [a_query(name) for name in names]
    for _ in range(ROUNDS):
        _turn(host, port, known, seconds / ROUNDS / 2, result, chance, flood=False)
        _turn(host, port, known, seconds / ROUNDS / 2, result, chance, flood=True)
    return result


def _turn(
    host: str,
    port: int,
    known: list[bytes],
    seconds: float,
    result: Result,
    chance: random.Random,
    *,
    flood: bool,
) -> None:
    seen = result.flooded if flood else result.quiet
    steady, other = _client(host, port), _client(host, port)
    selector = selectors.DefaultSelector()
    selector.register(steady, selectors.EVENT_READ)
    selector.register(other, selectors.EVENT_READ)
    sent_at: dict[int, float] = {}
    started = time.perf_counter()
    ident = flooded = 0
    while True:
        now = time.perf_counter()
        elapsed = now - started
        if elapsed < seconds:
            if ident < elapsed * STEADY_RATE:
                ident += 1
                sent_at[ident] = now
                steady.send(ident.to_bytes(2, "big") + chance.choice(known)[2:])
            if flood and flooded < elapsed * STEADY_RATE * TIMES:
                flooded += 1
                other.send(_unknown(chance.choice(known), chance) if flooded % 2 else known[0])
        elif not sent_at or elapsed > seconds + _LOST_SECONDS:
            break
        for key, _ in selector.select(0.0 if elapsed < seconds else 0.01):
            if key.fileobj is other:
                other.recv(2048)
                result.flood_answered += 1
            else:
                reply = steady.recv(2048)
                begun = sent_at.pop(int.from_bytes(reply[:2], "big"), None)
                if begun is not None:
                    seen.waits.append(time.perf_counter() - begun)
    seen.lost += len(sent_at)
    result.flood_sent += flooded
    selector.close()
    steady.close()
    other.close()


def _client(host: str, port: int) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((host, port))
    return client


def _unknown(query: bytes, chance: random.Random) -> bytes:
    """The same below a random label: NXDOMAIN, and never twice the same."""
    label = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=12)).encode()
    return query[:12] + bytes((len(label),)) + label + query[12:]
