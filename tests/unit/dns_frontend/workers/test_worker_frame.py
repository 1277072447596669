"""What passes between a frontend and its workers arrives as it was sent, or not at all."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator
from mmap import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_frontend.workers.channel import Channel, ChannelClosed, Letter
from dns_frontend.workers.frame import (
    BODY_OCTETS,
    MESSAGE_OCTETS,
    Frame,
    FrameError,
    Kind,
    pack,
    unpack,
)
from dns_frontend.workers.memory import Memory, shared
from dns_frontend.workers.retelling import letter


def nothing_placed(size: int) -> mmap:
    raise FrameError(f"{size} octets did not come along")


@given(st.sampled_from(list(Kind)), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_a_frame_is_read_as_it_was_written(kind: Kind, number: int, body: bytes) -> None:
    """Its kind, its number and all octets."""
    packed = pack(kind, number, b'{"now":1.5}', body)
    assert unpack(packed, nothing_placed) == Frame(kind, number, {"now": 1.5}, body)


def test_no_bit_of_a_frame_can_change_unnoticed() -> None:
    """Each one that is turned over is found."""
    packed = pack(Kind.REVIEWED, 7, b'{"now":1.5}', b"body")
    for place in range(len(packed) * 8):
        turned = bytearray(packed)
        turned[place // 8] ^= 1 << place % 8
        with pytest.raises(FrameError):
            unpack(bytes(turned), nothing_placed)


def test_no_part_of_a_frame_passes_for_one() -> None:
    """However much is missing, and with something behind it."""
    packed = pack(Kind.REVIEWED, 7, b'{"now":1.5}', b"body")
    for octets in [packed[:size] for size in range(len(packed))] + [packed + b"\0"]:
        with pytest.raises(FrameError):
            unpack(octets, nothing_placed)
    with pytest.raises(FrameError, match="octets are no frame"):
        unpack(bytes(MESSAGE_OCTETS + 1), nothing_placed)


@given(st.binary(max_size=400))
def test_garbage_is_no_frame(octets: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(FrameError):
        unpack(octets, nothing_placed)


def test_a_head_that_makes_no_sense_is_told() -> None:
    """Though its checksum is right: a newer release may have written it."""
    for head in (b"", b"{", b"\xff"):
        with pytest.raises(FrameError, match="makes no sense"):
            unpack(pack(Kind.STOP, 1, head, b""), nothing_placed)


class Ends:
    """Two ends of a connection; what one sends can be looked at before the other has it."""

    def __init__(self) -> None:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.raw = left
        self.near, self.far = Channel(left), Channel(right)

    def frames(self) -> list[Frame]:
        found = []
        while (frame := self.far.receive()) is not None:
            found.append(frame)
        return found


@pytest.fixture
async def ends() -> Iterator[Ends]:  # type: ignore[misc]  # pytest awaits it
    made = Ends()
    yield made
    made.near.close()
    made.far.close()


async def test_letters_arrive_in_their_order_with_long_bodies_placed(ends: Ends) -> None:
    """A body longer than a message comes in memory that nobody can change."""
    bodies = [b"", b"short", os.urandom(BODY_OCTETS), os.urandom(BODY_OCTETS + 1)]
    for body in bodies:
        ends.near.put(letter(Kind.RECALLED, {}, body))
    frames = ends.frames()
    assert [bytes(frame.body) for frame in frames] == bodies
    assert [frame.number for frame in frames] == [1, 2, 3, 4]
    assert isinstance(frames[3].body, mmap)


async def test_what_waits_for_one_that_is_being_placed_comes_after_it(ends: Ends) -> None:
    """So no step arrives before the cell that it goes on from."""
    placing = Letter(Kind.BEGUN, b"{}", None)
    ends.near.put(placing)
    ends.near.put(letter(Kind.REVIEWED))
    assert ends.frames() == []
    placing.body = Memory([b"all of", b" it"])
    ends.near.pump()
    assert [(f.kind, bytes(f.body)) for f in ends.frames()] == [
        (Kind.BEGUN, b"all of it"),
        (Kind.REVIEWED, b""),
    ]


async def test_what_a_full_connection_does_not_take_waits(ends: Ends) -> None:
    """And nothing of it is lost when the other end reads again."""
    for _ in range(100):
        ends.near.put(letter(Kind.RECALLED, {}, bytes(BODY_OCTETS)))
    assert 0 < len(ends.near) < 100
    assert ends.near.octets == len(ends.near) * (BODY_OCTETS + 2)
    got = 0
    while got < 100:
        got += len(ends.frames())
        ends.near.pump()
    assert (len(ends.near), ends.near.octets) == (0, 0)


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 1), (1, 2, 2)], ids=str)
async def test_one_that_is_missing_or_comes_twice_is_noticed(
    ends: Ends, numbers: tuple[int, ...]
) -> None:
    """And from there on all is passed over, up to a new beginning."""
    for number in numbers:
        ends.raw.send(pack(Kind.REVIEWED, number, b"{}", b""))
    for _ in numbers[:-1]:
        assert ends.far.receive() is not None
    with pytest.raises(FrameError, match=f"frame {numbers[-1]} came for"):
        ends.far.receive()
    ends.raw.send(pack(Kind.REVIEWED, 4, b"{}", b""))
    ends.raw.send(b"garbage")
    assert ends.far.receive() is None
    ends.raw.send(pack(Kind.AFRESH, 9, b"{}", b""))
    ends.raw.send(pack(Kind.REVIEWED, 10, b"{}", b""))
    assert [frame.number for frame in ends.frames()] == [9, 10]


async def test_a_beginning_of_the_past_is_none(ends: Ends) -> None:
    """What was answered does not go back."""
    ends.raw.send(pack(Kind.REVIEWED, 1, b"{}", b""))
    ends.raw.send(pack(Kind.AFRESH, 1, b"{}", b""))
    assert ends.far.receive() is not None
    with pytest.raises(FrameError, match="frame 1 came for 2"):
        ends.far.receive()


async def test_a_message_that_is_too_long_is_no_frame(ends: Ends) -> None:
    """It is cut by the system, and not taken for a shorter one."""
    ends.raw.send(pack(Kind.REVIEWED, 1, b"{}", bytes(MESSAGE_OCTETS)))
    with pytest.raises(FrameError, match="too long"):
        ends.far.receive()


async def test_memory_that_could_still_shrink_is_not_mapped(ends: Ends) -> None:
    """Whoever reads past its end is ended by the system."""
    body = Memory([b"octets"])
    descriptor = shared(6)
    os.write(descriptor, b"octets")
    message = pack(Kind.BEGUN, 1, b"{}", body)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    ends.raw.sendmsg([message], rights)
    with pytest.raises(FrameError, match="sealed"):
        ends.far.receive()
    os.close(descriptor)


async def test_a_body_that_did_not_come_along_is_noticed(ends: Ends) -> None:
    """As is one that is another."""
    ends.raw.send(pack(Kind.BEGUN, 1, b"{}", Memory([b"octets"])))
    with pytest.raises(FrameError, match="0 descriptors"):
        ends.far.receive()
    ends.raw.send(pack(Kind.AFRESH, 2, b"{}", b""))
    other = Memory([b"others"])
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [other.descriptor]))]
    ends.raw.sendmsg([pack(Kind.BEGUN, 3, b"{}", Memory([b"octets"]))], rights)
    assert ends.far.receive() is not None
    with pytest.raises(FrameError, match="body of a frame has a wrong checksum"):
        ends.far.receive()


async def test_no_descriptor_is_kept_of_what_came_and_went(ends: Ends) -> None:
    """Else a frontend would run out of them in some days."""

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(20):
        ends.near.put(Letter(Kind.BEGUN, b"{}", Memory([b"octets"])))
        ends.frames()
    assert descriptors() == before


async def test_the_end_of_the_other_side_is_told(ends: Ends) -> None:
    """To whoever reads; a letter to it is no error."""
    ends.near.close()
    with pytest.raises(ChannelClosed):
        ends.far.receive()
    ends.far.put(letter(Kind.REVIEWED))
    assert len(ends.far) == 0
