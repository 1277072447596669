"""Uids are random UUIDs, and none is given twice."""

from __future__ import annotations

import uuid

from registry.adapters.uid import DRAWN, OCTETS, UidSource


def test_they_are_version_4_and_differ_across_draws() -> None:
    source = UidSource()
    given = [source() for _ in range(3 * DRAWN + 1)]
    assert len(set(given)) == len(given)
    for text in given:
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 4, uuid.RFC_4122)


def test_all_other_bits_are_as_they_were_drawn() -> None:
    for octet in (b"\x00", b"\xff"):
        drawn = octet * OCTETS
        source = UidSource(lambda count, octet=octet: octet * count)
        assert source() == str(uuid.UUID(bytes=drawn, version=4))


def test_the_kernel_is_asked_once_for_many() -> None:
    asked: list[int] = []

    def draw(count: int) -> bytes:
        asked.append(count)
        return bytes(range(256)) * (count // 256)

    source = UidSource(draw)
    for _ in range(DRAWN):
        source()
    assert asked == [OCTETS * DRAWN]
    source()
    assert len(asked) == 2
