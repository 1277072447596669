"""Names that nobody else gives: UUIDs that begin with the time (RFC 9562, section 5.7).

The random octets are drawn many at a time. Names made one after another stand side by side
in an index: a group of registrations writes a few of its pages, and not one for each. Those of
one millisecond stand in the order in which they were made, by a random step from one to the
next (section 6.2, method 2): what was done by hand is listed in that order.
"""

from __future__ import annotations

import os
from collections.abc import Callable

OCTETS = 10
"""Random ones in a name; 74 of their bits stay, or 48 of a step."""
DRAWN = 256
"""Names at a draw. Each draw is a system call that lets other threads run: one a name costs a
batch of registrations more than all else about its names."""

_VERSION_7 = (7 << 76) | (2 << 62)
_CHANCE = (1 << 74) - 1
_LOW = (1 << 62) - 1
_STEP = (1 << 48) - 1
_TIME = 0xFFFF_FFFF_FFFF


class UidSource:
    """Gives a new UUID at each call, as text. For one thread.

    The time only says where in an index a name stands: a clock that goes back makes none twice.
    """

    def __init__(
        self, unix_ms: Callable[[], int], draw: Callable[[int], bytes] = os.urandom
    ) -> None:
        """`draw` gives so many random octets."""
        self._unix_ms = unix_ms
        self._draw = draw
        self._drawn = b""
        self._at = 0
        self._last_ms = -1
        self._last_chance = 0

    def __repr__(self) -> str:
        return f"<UidSource {(len(self._drawn) - self._at) // OCTETS} drawn>"

    def __call__(self) -> str:
        """One that was never given before."""
        if self._at >= len(self._drawn):
            self._drawn, self._at = self._draw(OCTETS * DRAWN), 0
        octets = self._drawn[self._at : self._at + OCTETS]
        self._at += OCTETS
        drawn = int.from_bytes(octets, "big")
        now_ms = self._unix_ms() & _TIME
        chance = self._last_chance + (drawn & _STEP) + 1
        if now_ms != self._last_ms or chance > _CHANCE:
            chance = drawn & _CHANCE
        self._last_ms, self._last_chance = now_ms, chance
        rest = (chance >> 62 << 64) | (chance & _LOW) | _VERSION_7
        text = f"{now_ms << 80 | rest:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
