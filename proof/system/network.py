"""The network between processes: messages take time, and may be lost, doubled or overtaken.

A link has two directions, and each may be cut by itself. Who sends learns nothing of what
became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from random import Random

from proof.system.loop import Process, VirtualLoop

DELAY_SECONDS = 0.002
"""What a message usually takes, give or take half of it."""
LATE_SECONDS = 2.0
"""What one may take that is overtaken by others."""


@dataclass(slots=True)
class Weather:
    """Chances of what befalls a message, each in 0..1."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0


class Network:
    """Carries messages between named ends."""

    def __init__(self, loop: VirtualLoop, seed: str, hits: Counter[str]) -> None:
        self.weather = Weather()
        self._loop = loop
        self._seed = seed
        self._hits = hits
        self._cut: Counter[tuple[str, str]] = Counter()
        self._random: dict[tuple[str, str], Random] = {}

    def random(self, start: str, end: str) -> Random:
        """The chances of one direction, its own: what others send changes nothing in it."""
        found = self._random.get((start, end))
        if found is None:
            found = self._random[start, end] = Random(f"{self._seed} {start} {end}")
        return found

    def cut(self, start: str, end: str) -> None:
        """Let nothing through in this direction any more."""
        self._cut[start, end] += 1

    def mend(self, start: str, end: str) -> None:
        """Undo one cut."""
        self._cut[start, end] -= 1

    def is_cut(self, start: str, end: str) -> bool:
        """Whether nothing goes through in this direction."""
        return self._cut[start, end] > 0

    def send(
        self,
        start: str,
        end: str,
        to: Process | None,
        deliver: Callable[[], object],
        *,
        after: float = 0.0,
    ) -> float:
        """Have `deliver` called at the other end, or not; `to` is the process that it is for.

        Returns when it arrives at the earliest; a stream is kept in order by `after`, a
        time before which it does not arrive.
        """
        random, weather = self.random(start, end), self.weather
        copies = 1
        if self.is_cut(start, end):
            self._hits["a message meets a cut"] += 1
            copies = 0
        elif weather.lost and random.random() < weather.lost:
            self._hits["a message is lost"] += 1
            copies = 0
        elif weather.doubled and random.random() < weather.doubled:
            self._hits["a message is doubled"] += 1
            copies = 2
        first = 0.0
        for _ in range(copies):
            delay = DELAY_SECONDS * (0.5 + random.random())
            at = max(self._loop.time() + delay, after)
            if weather.late and random.random() < weather.late:
                self._hits["a message is overtaken"] += 1
                at += LATE_SECONDS * random.random()
            else:
                first = at
            self._loop.call_at(at, self._arrive, to, deliver, context=NOBODY)
        return max(first, after)

    def _arrive(self, to: Process | None, deliver: Callable[[], object]) -> None:
        if to is None:
            deliver()
        elif to.is_alive:
            self._loop.call_soon(deliver, context=to.context)


NOBODY = Context()
"""Of what happens outside of all processes."""
