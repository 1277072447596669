"""The octets of the last known good: what is written is read, and damage has its name."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from time import process_time
from zlib import crc32

import pytest
import schema_1
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.feed import record
from dns_frontend.feed.record import Damage, DamagedError, Kind, Step
from dns_frontend.plan.entry import CellPosition

POSITION = CellPosition("east", "eu", 3, 17, bytes(range(32)), 1_700_000_000_000)
ENTRIES = [("shop/cart", b"body"), ("shop/till", b""), ("a/b", bytes(70_000))]
KEYS = st.text(max_size=40)
BODIES = st.binary(max_size=200)


def journal(*payloads: bytes) -> bytes:
    return record.header(Kind.JOURNAL) + b"".join(map(record.frame, payloads))


def damage(data: bytes) -> Damage | None:
    """What reading a file as a base says is wrong with it."""
    try:
        _, entries, _ = record.read_base(data)
        list(entries)
    except DamagedError as error:
        return error.damage
    return None


@given(st.lists(st.tuples(KEYS, BODIES)))
def test_a_base_is_read_as_it_was_written(entries: list[tuple[str, bytes]]) -> None:
    """Whatever the keys and bodies are."""
    position, read, _ = record.read_base(schema_1.base(POSITION, entries))
    assert (position, list(read)) == (POSITION, entries)


@given(st.lists(st.tuples(KEYS, BODIES)), st.lists(KEYS))
def test_a_step_is_read_as_it_was_written(
    changed: list[tuple[str, bytes]], removed: list[str]
) -> None:
    """The same for the frames of a journal."""
    step = Step(POSITION, (3, 16), tuple(changed), tuple(removed))
    ((payload, _),) = record.frames(record.header(Kind.JOURNAL) + record.step_octets(step))
    assert record.read_step(payload) == step


def test_a_base_cut_anywhere_is_no_base() -> None:
    """Each of its prefixes lacks something, and it is said what (F14)."""
    data = schema_1.base(POSITION, ENTRIES[:2])
    for size in range(len(data)):
        expected = Damage.HEADER if size < record.HEADER_OCTETS else Damage.TORN
        assert damage(data[:size]) is expected, size
    assert damage(data) is None


def test_a_flipped_bit_anywhere_is_found() -> None:
    """Checksums cover headers, lengths and payloads (F14)."""
    data = schema_1.base(POSITION, ENTRIES[:2])
    for at in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            assert damage(bytes(flipped)) in (Damage.HEADER, Damage.FRAME, Damage.TORN), (at, bit)


def test_frames_before_a_tear_are_given_with_where_they_end() -> None:
    """So that the tear can be cut off, and writing go on there."""
    data = journal(b"one", b"two")
    for size in range(len(data) - 1, len(journal(b"one")), -1):
        frames = record.frames(data[:size])
        assert next(frames) == (b"one", len(journal(b"one")))
        with pytest.raises(DamagedError) as caught:
            next(frames)
        assert caught.value.damage is Damage.TORN


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 4096])
def test_a_tail_of_zeros_is_a_tear(zeros: int) -> None:
    """A file system may lengthen a file and crash before it writes the octets."""
    frames = record.frames(journal(b"one") + bytes(zeros))
    assert next(frames)[0] == b"one"
    with pytest.raises(DamagedError) as caught:
        next(frames)
    assert caught.value.damage is Damage.TORN


def test_a_newer_schema_is_refused_by_its_name() -> None:
    """A release that was rolled back must not guess (F14)."""
    packed = struct.pack(">8sBxH", b"SHTANCHR", Kind.BASE.value, record.SCHEMA_VERSION + 1)
    data = schema_1.base(POSITION, ENTRIES)
    newer = packed + struct.pack(">I", crc32(packed)) + data[record.HEADER_OCTETS :]
    assert damage(newer) is Damage.NEWER


@pytest.mark.parametrize("kind", [Kind.JOURNAL, Kind.STANDINGS, Kind.PROBATION])
def test_a_file_of_another_kind_is_refused(kind: Kind) -> None:
    """A journal under a base's name is none."""
    data = schema_1.base(POSITION, ENTRIES)
    assert damage(record.header(kind) + data[record.HEADER_OCTETS :]) is Damage.HEADER


@pytest.mark.parametrize(
    "position",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        json.dumps({"cell": "c", "region": "r", "epoch": "x"}).encode(),
        b'{"cell":"c","region":"r","epoch":Infinity,"generation":1,"digest":"","create_time_ms":0}',
        b'{"cell":"c","region":"r","epoch":1,"generation":1,"digest":"zz","create_time_ms":0}',
    ],
)
def test_content_under_a_right_checksum_may_still_be_nonsense(position: bytes) -> None:
    """It is damage like any other, and no crash."""
    data = record.header(Kind.BASE) + record.frame(position) + record.frame(b"")
    assert damage(data) is Damage.CONTENT
    with pytest.raises(DamagedError):
        record.read_step(struct.pack(">I", len(position)) + position)


@given(st.binary(max_size=300))
def test_garbage_makes_no_step_and_no_crash(payload: bytes) -> None:
    """Only DamagedError is raised, whatever a frame holds."""
    with suppress(DamagedError):
        record.read_step(payload)


@given(st.binary(max_size=300))
def test_garbage_makes_no_entries_and_no_crash(payload: bytes) -> None:
    """The same for the frames of a base."""
    first = schema_1.base(POSITION, ())[: -len(record.frame(b""))]
    assert damage(first + record.frame(payload)) in (Damage.CONTENT, Damage.TORN, None)


def test_reading_costs_the_size_and_not_its_square() -> None:
    """A long journal of small steps, as a busy cell has, is read in a moment."""
    data = journal(*[b"x" * 100] * 60_000)
    begun = process_time()
    assert sum(1 for _ in record.frames(data)) == 60_000
    assert process_time() - begun < 5
