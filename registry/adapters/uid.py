"""Names that nobody else gives: random UUIDs (RFC 9562, section 5.4), drawn many at a time."""

from __future__ import annotations

import os
from collections.abc import Callable

OCTETS = 16
DRAWN = 256
"""Names at a draw. Each draw is a system call that lets other threads run: one a name costs a
batch of registrations more than all else about its names."""

_FREE = ~((0xF << 76) | (0x3 << 62))
_VERSION_4 = (4 << 76) | (2 << 62)


class UidSource:
    """Gives a new UUID at each call, as text. For one thread."""

    def __init__(self, draw: Callable[[int], bytes] = os.urandom) -> None:
        """`draw` gives so many random octets."""
        self._draw = draw
        self._drawn = b""
        self._at = 0

    def __repr__(self) -> str:
        return f"<UidSource {(len(self._drawn) - self._at) // OCTETS} drawn>"

    def __call__(self) -> str:
        """One that was never given before."""
        if self._at >= len(self._drawn):
            self._drawn, self._at = self._draw(OCTETS * DRAWN), 0
        octets = self._drawn[self._at : self._at + OCTETS]
        self._at += OCTETS
        text = f"{int.from_bytes(octets, 'big') & _FREE | _VERSION_4:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
