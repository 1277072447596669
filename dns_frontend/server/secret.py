"""The secrets behind server cookies: shared by whoever reads the same file, and rotated.

A file holds secrets of 16 octets in hexadecimal, one a line, `#` begins a comment. The
first makes cookies, all are accepted: so an operator exchanges secrets in three steps
(RFC 9018, section 5) with the servers of other makers beside ours.

Without a file, secrets follow from a random seed and the day, the day before being
accepted still; with the line `seed HEX` in it, all that share the file change theirs at
the same moment without any step at all.
"""

from __future__ import annotations

import logging
import secrets as randomness
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

log = logging.getLogger(__name__)

SECRET_OCTETS = 16
ROTATION_SECONDS = 86_400
"""A derived secret is used this long, and accepted as long again; RFC 9018, section 5, wants
no more than 36 days."""
READ_SECONDS = 10.0
"""How often the file is looked at."""
SECRETS_MAXIMUM = 8
"""Each secret costs a hash for a bad cookie."""


class SecretFileError(ValueError):
    """A file of cookie secrets cannot be understood."""


class Secrets:
    """The secrets of now. `wall` gives Unix time, `clock` any time that goes on."""

    __slots__ = ("_clock", "_derived", "_fixed", "_path", "_read_at", "_seed", "_stamp", "_wall")

    def __init__(
        self, path: Path | None, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        """Raises OSError or SecretFileError when there is a file that cannot be used."""
        self._path = path
        self._clock = clock
        self._wall = wall
        self._seed = randomness.token_bytes(32)
        self._fixed: tuple[bytes, ...] = ()
        self._derived: tuple[int, tuple[bytes, ...]] = (-1, ())
        self._stamp: tuple[int, int] | None = None
        self._read_at = clock()
        if path is not None:
            self._read(path)

    def __repr__(self) -> str:
        source = "random" if self._path is None else str(self._path)
        return f"Secrets({source}, {len(self.current())} accepted)"

    def current(self) -> tuple[bytes, ...]:
        """The secrets accepted now; the first one makes cookies."""
        now = self._clock()
        if self._path is not None and now - self._read_at >= READ_SECONDS:
            self._read_at = now
            try:
                self._read(self._path)
            except (OSError, SecretFileError) as error:
                # what worked goes on: clients would lose their cookies for nothing (I39)
                log.error("the cookie secrets cannot be read", extra={"error": str(error)})
        if self._fixed:
            return self._fixed
        period = int(self._wall()) // ROTATION_SECONDS
        if self._derived[0] != period:
            accepted = tuple(derive(self._seed, each) for each in (period, period - 1))
            self._derived = (period, accepted)
        return self._derived[1]

    def told(self) -> tuple[tuple[bytes, ...], bytes]:
        """What other processes need to have the same secrets from now on: for their `take`."""
        self.current()
        return self._fixed, self._seed

    def take(self, told: tuple[tuple[bytes, ...], bytes]) -> None:
        """Have the secrets of another process."""
        self._fixed, self._seed = told
        self._derived = (-1, ())

    def _read(self, path: Path) -> None:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp == self._stamp:
            return
        fixed, seed = parse(path.read_text("ascii", "replace"))
        self._fixed, self._stamp = fixed, stamp
        if seed and seed != self._seed:
            self._seed, self._derived = seed, (-1, ())


def parse(text: str) -> tuple[tuple[bytes, ...], bytes]:
    """The secrets of a file, or its seed. Raises SecretFileError that names the line."""
    fixed: list[bytes] = []
    seed = b""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        seeded = words[0] == "seed"
        try:
            octets = bytes.fromhex(words[-1])
        except ValueError:
            octets = b""
        if len(words) != (2 if seeded else 1) or (
            len(octets) < SECRET_OCTETS if seeded else len(octets) != SECRET_OCTETS
        ):
            raise SecretFileError(
                f"line {number}: expected {2 * SECRET_OCTETS} hexadecimal digits, "
                f"or `seed` and as many or more"
            )
        if seeded:
            seed = octets
        else:
            fixed.append(octets)
    if bool(fixed) == bool(seed) or len(fixed) > SECRETS_MAXIMUM:
        raise SecretFileError(f"expected 1 to {SECRETS_MAXIMUM} secrets, or one seed")
    return tuple(fixed), seed


def derive(seed: bytes, period: int) -> bytes:
    """The secret of one period, the same at all servers that know the seed."""
    return blake2b(
        period.to_bytes(8, "big"), key=seed[:64], digest_size=SECRET_OCTETS, person=b"sa-cookie"
    ).digest()
