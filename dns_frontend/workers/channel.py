"""One end of the connection between a frontend and a worker: whole frames, in their order.

A message of the socket is one frame, so that none is torn. What cannot be sent yet waits in
the outbox. What comes is held against its checksums and its number.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from mmap import mmap

from dns_frontend.workers.frame import MESSAGE_OCTETS, Frame, FrameError, Kind, pack, unpack
from dns_frontend.workers.memory import Memory, mapped

_DESCRIPTORS = 4


class ChannelClosed(Exception):
    """The other end is gone."""


@dataclass(slots=True)
class Letter:
    """A frame that has no number yet; one may go to several."""

    kind: Kind
    head: bytes = b"{}"
    body: bytes | Memory | None = b""
    """None while it is being placed."""

    @property
    def octets(self) -> int:
        """What it costs to keep, but for what is placed and shared."""
        return len(self.head) + (len(self.body) if isinstance(self.body, bytes) else 0)


class Channel:
    """Sends letters as frames, and receives frames. For one event loop."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[int, Letter]] = deque()
        self._writing = False
        self._expected = 1
        self._skipping = False
        self.number = 0
        """Of the letter put last."""
        self.octets = 0
        """Of those that wait."""
        self.closed = False

    def __repr__(self) -> str:
        return f"<Channel at {self.number}, {len(self._waiting)} waiting>"

    def __len__(self) -> int:
        """How many letters wait."""
        return len(self._waiting)

    # --- sending -----------------------------------------------------------------------

    def put(self, letter: Letter) -> int:
        """Send a letter after those that wait; returns its number."""
        self.number += 1
        self._waiting.append((self.number, letter))
        self.octets += letter.octets
        self.pump()
        return self.number

    def clear(self) -> None:
        """Forget what waits. Whoever receives will miss it: the next is to be AFRESH."""
        self._waiting.clear()
        self.octets = 0

    def pump(self) -> None:
        """Send what can be sent now."""
        while self._waiting and not self.closed:
            number, letter = self._waiting[0]
            if letter.body is None:
                break
            if not self._send(pack(letter.kind, number, letter.head, letter.body), letter.body):
                self._write(True)
                return
            if self._waiting:
                self._waiting.popleft()
                self.octets -= letter.octets
        self._write(False)

    def _send(self, message: bytes, body: bytes | Memory) -> bool:
        ancillary = []
        if isinstance(body, Memory):
            descriptors = array.array("i", [body.descriptor])
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        try:
            self._socket.sendmsg([message], ancillary)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            # the reader of this socket finds its end, and tells
            self.clear()
        return True

    def _write(self, wanted: bool) -> None:
        if wanted != self._writing:
            self._writing = wanted
            if wanted:
                self._loop.add_writer(self._socket.fileno(), self.pump)
            else:
                self._loop.remove_writer(self._socket.fileno())

    # --- receiving ---------------------------------------------------------------------

    def listen(self, heard: Callable[[], None]) -> None:
        """Have `heard` called while there is something to receive."""
        self._loop.add_reader(self._socket.fileno(), heard)

    def receive(self) -> Frame | None:
        """The next frame; None: there is none now.

        Raises FrameError for what is none or not the next, after which all is passed over up to
        the next AFRESH, and ChannelClosed.
        """
        while True:
            frame = self._take()
            if frame is None or not self._skipping:
                return frame

    def _take(self) -> Frame | None:
        try:
            message, ancillary, flags, _ = self._socket.recvmsg(
                MESSAGE_OCTETS + 1, socket.CMSG_SPACE(4 * _DESCRIPTORS), socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if not message:
            raise ChannelClosed("the other end was closed")
        with _descriptors(ancillary) as descriptors:
            try:
                if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                    raise FrameError("a frame is too long")
                frame = unpack(message, partial(_place, descriptors))
                if frame.kind is Kind.AFRESH and frame.number >= self._expected:
                    self._skipping = False
                elif frame.number != self._expected and not self._skipping:
                    raise FrameError(f"frame {frame.number} came for {self._expected}")
            except FrameError:
                if self._skipping:
                    return _SKIPPED
                self._skipping = True
                raise
        if not self._skipping:
            self._expected = frame.number + 1
        return frame

    def skip(self) -> None:
        """Pass over what comes, up to the next AFRESH."""
        self._skipping = True

    def close(self) -> None:
        """Twice is harmless."""
        if not self.closed:
            self._write(False)
            self._loop.remove_reader(self._socket.fileno())
            self.closed = True
            self._socket.close()


_SKIPPED = Frame(Kind.STOP, 0, {}, b"")


def _place(descriptors: list[int], size: int) -> mmap:
    if len(descriptors) != 1:
        raise FrameError(f"{len(descriptors)} descriptors came with a frame")
    try:
        return mapped(descriptors[0], size)
    except (ValueError, OSError) as error:
        raise FrameError(str(error)) from error


@contextlib.contextmanager
def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> Iterator[list[int]]:
    """Those that came with a message; closed afterwards, since a mapping needs none."""
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    try:
        yield list(found)
    finally:
        for descriptor in found:
            os.close(descriptor)
