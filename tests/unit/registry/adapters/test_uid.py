"""Uids are UUIDs that begin with the time, and none is given twice."""

from __future__ import annotations

import uuid

import hypothesis
from hypothesis import strategies as st

from registry.adapters.uid import DRAWN, OCTETS, UidSource

NOW_MS = 1_763_942_400_123


def test_they_are_version_7_and_differ_across_draws() -> None:
    source = UidSource(lambda: NOW_MS)
    given = [source() for _ in range(3 * DRAWN + 1)]
    assert len(set(given)) == len(given)
    for text in given:
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 7, uuid.RFC_4122)
        assert read.int >> 80 == NOW_MS


def test_those_made_later_stand_behind_and_a_clock_that_goes_back_makes_none_twice() -> None:
    times = iter((NOW_MS, NOW_MS + 1, NOW_MS + 70_000, NOW_MS))
    source = UidSource(lambda: next(times))
    first, second, third, back = (source() for _ in range(4))
    assert first < second < third
    assert back not in (first, second, third)


@hypothesis.given(st.lists(st.binary(min_size=OCTETS, max_size=OCTETS), min_size=2, max_size=20))
def test_those_of_one_millisecond_stand_in_the_order_in_which_they_were_made(
    drawn: list[bytes],
) -> None:
    """Unless there is no room above the first of them: one in some hundred millions."""
    octets = b"\x00" + b"".join(drawn)[1:]
    source = UidSource(lambda: NOW_MS, lambda _: octets)
    given = [source() for _ in drawn]
    assert given == sorted(set(given))
    assert {uuid.UUID(text).int >> 80 for text in given} == {NOW_MS}


def test_where_there_is_no_room_above_it_begins_anew() -> None:
    drawn = iter((b"\xff" * OCTETS, b"\x01" * OCTETS))
    source = UidSource(lambda: NOW_MS, lambda _: next(drawn))
    first, second = source(), source()
    assert (uuid.UUID(second).version, uuid.UUID(second).variant) == (7, uuid.RFC_4122)
    assert second < first


def test_a_clock_out_of_all_bounds_makes_names_all_the_same() -> None:
    for unix_ms in (-1, 2**60):
        assert uuid.UUID(UidSource(lambda now=unix_ms: now)()).version == 7


def test_all_other_bits_are_as_they_were_drawn() -> None:
    for octet in (b"\x00", b"\xff"):
        drawn = (0).to_bytes(6, "big") + octet * OCTETS
        source = UidSource(lambda: 0, lambda count, octet=octet: octet * count)
        assert source() == str(uuid.UUID(bytes=drawn, version=4)).replace("-4", "-7", 1)


def test_the_kernel_is_asked_once_for_many() -> None:
    asked: list[int] = []

    def draw(count: int) -> bytes:
        asked.append(count)
        return bytes(number % 251 for number in range(count))

    source = UidSource(lambda: NOW_MS, draw)
    for _ in range(DRAWN):
        source()
    assert asked == [OCTETS * DRAWN]
    source()
    assert len(asked) == 2
