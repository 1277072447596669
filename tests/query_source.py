"""Queries without end from a seed: usual ones, odd ones, broken ones.

Most are near to what a client sends, for there the ways of a server part; all of an
OPT record, of options and of names is varied, and then octets are flipped, cut and put in.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

TYPES = (1, 1, 1, 28, 33, 16, 65, 64, 255, 6, 2, 12, 41, 250, 251, 252, 65280)
CLASSES = (1, 1, 1, 1, 1, 1, 3, 255, 0)
PAYLOADS = (0, 511, 512, 600, 1232, 1400, 4096, 65535)


class QuerySource:
    """One source. `names` are those that there are; `cookies` are good ones."""

    def __init__(self, seed: int, names: Sequence[str], cookies: Sequence[bytes]) -> None:
        self._chance = random.Random(seed)
        self._names = names
        self._cookies = cookies

    def packet(self) -> bytes:
        """The next one."""
        chance = self._chance
        if chance.random() < 0.02:
            return chance.randbytes(chance.randrange(0, 80))
        packet = self._query()
        if chance.random() < 0.3:
            packet = self._damaged(packet)
        return packet

    def _query(self) -> bytes:
        chance = self._chance
        flags = chance.choice((0, 0, 0, 0x0100, 0x0100, chance.getrandbits(16)))
        records = [self._opt()] if chance.random() < 0.6 else []
        if chance.random() < 0.02:
            records.append(self._opt())
        counts = [1, 0, 0, len(records)]
        if chance.random() < 0.03:
            counts[chance.randrange(4)] = chance.randrange(3)
        head = struct.pack("!6H", chance.getrandbits(16), flags, *counts)
        kind, class_ = chance.choice(TYPES), chance.choice(CLASSES)
        return head + self._name() + struct.pack("!HH", kind, class_) + b"".join(records)

    def _name(self) -> bytes:
        chance = self._chance
        labels = [label.encode() for label in chance.choice(self._names).split(".") if label]
        turn = chance.random()
        if turn < 0.25:
            at = chance.randrange(len(labels))
            labels[at] = chance.choice((b"x", b"nope", b"svc", b"region", b"\0.\xff", b"y" * 63))
        elif turn < 0.35:
            labels[:0] = [chance.randbytes(chance.randrange(1, 12)) for _ in range(2)]
        elif turn < 0.4:
            del labels[: chance.randrange(len(labels))]
        elif turn < 0.43:
            labels[:0] = [b"a"] * chance.randrange(130)
        wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
        if chance.random() < 0.4:
            wire = bytes(
                octet ^ 0x20 if chr(octet).isalpha() and chance.random() < 0.5 else octet
                for octet in wire
            )
        return wire

    def _opt(self) -> bytes:
        chance = self._chance
        options = b""
        for _ in range(chance.choice((0, 0, 1, 1, 1, 2))):
            code, data = self._option()
            options += struct.pack("!HH", code, len(data)) + data
        size = len(options) if chance.random() < 0.97 else chance.randrange(64)
        version = chance.choice((0,) * 15 + (1,))
        flags = chance.choice((0, 0x8000, chance.getrandbits(16)))
        extended = chance.choice((0, 0, 0, chance.getrandbits(8)))
        fixed = struct.pack("!HHBBHH", 41, chance.choice(PAYLOADS), extended, version, flags, size)
        return b"\0" + fixed + options

    def _option(self) -> tuple[int, bytes]:
        chance = self._chance
        match chance.randrange(8):
            case 0 | 1:
                return 10, chance.choice(self._cookies)
            case 2:
                return 10, chance.choice(self._cookies)[:8]
            case 3:
                return 10, chance.randbytes(chance.choice((0, 7, 8, 15, 16, 24, 40, 41)))
            case 4:
                return 8, b"\0\1" + bytes((chance.choice((0, 8, 24, 33)), 0)) + chance.randbytes(
                    chance.choice((0, 1, 3))
                )
            case 5:
                return 3, b""
            case 6:
                return 12, bytes(chance.randrange(20))
            case _:
                return chance.getrandbits(16), chance.randbytes(chance.randrange(12))

    def _damaged(self, packet: bytes) -> bytes:
        chance = self._chance
        made = bytearray(packet)
        for _ in range(chance.randrange(1, 4)):
            match chance.randrange(4):
                case 0 if made:
                    made[chance.randrange(len(made))] = chance.getrandbits(8)
                case 1:
                    del made[chance.randrange(len(made) + 1) :]
                case 2:
                    made += chance.randbytes(chance.randrange(1, 8))
                case _:
                    at = chance.randrange(len(made) + 1)
                    made[at:at] = chance.randbytes(chance.randrange(1, 5))
        return bytes(made)
