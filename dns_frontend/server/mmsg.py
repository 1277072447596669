"""Many datagrams a system call, by the C library alone: recvmmsg and sendmmsg (Linux).

All memory is laid out once, in slots: each has places for a datagram, its sender, the
address that it was sent to, and a reply. A reply leaves from the slot of its datagram to the
sender that the kernel wrote there, so that none can go to another one's client. What is
read and written here goes through views that know their bounds.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from collections.abc import Hashable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from dns_frontend.server.packet_info import source

SLOTS = 64
"""Datagrams taken at a time."""
HEAD_OCTETS = 128
"""A datagram's first octets lie close to those of the others; few queries are longer."""
REST_OCTETS = 4096 - HEAD_OCTETS
"""No query is longer than both; what is, is cut."""
REPLY_OCTETS = 2016
"""Room for a reply: none over UDP is longer than its limit and the longest name."""
NAME_OCTETS = 32
CONTROL_OCTETS = 128
PART = Struct("PL")
"""An iovec: where some octets lie, and how many they are."""
IDENTIFIER_OCTETS = 2
NO_REPLY = PART.pack(0, 0)
"""Both parts of the reply that there is not."""

_NAME_OCTETS_OF = {socket.AF_INET: 16, socket.AF_INET6: 28}
_SIZE = Struct("L")
_CONTROL = Struct("Lii")
"""cmsghdr: how long it is with its data, level, type."""
_WORD = ctypes.sizeof(ctypes.c_size_t)
# seccomp filters and emulated kernels refuse what they do not know in their own ways
_REFUSALS = frozenset({errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL})


class _Header(ctypes.Structure):
    # msghdr. musl has shorter numbers with zeros behind them, which on little-endian machines
    # is the same.
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_octets", ctypes.c_uint32),
        ("parts", ctypes.c_void_p),
        ("part_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_octets", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("octets", ctypes.c_uint))


def _find_library() -> Any:
    """The C library, if it has both calls; None elsewhere."""
    if not sys.platform.startswith("linux") or sys.byteorder != "little":
        return None
    # the interpreter's lock is held: the calls do not wait, and to get it back may take long
    library = ctypes.PyDLL(None, use_errno=True)
    if not (hasattr(library, "recvmmsg") and hasattr(library, "sendmmsg")):
        return None
    number, pointer = ctypes.c_int, ctypes.c_void_p
    library.recvmmsg.argtypes = (number, pointer, ctypes.c_uint, number, pointer)
    library.sendmmsg.argtypes = (number, pointer, ctypes.c_uint, number)
    return library


_library = _find_library()


def available(listener: socket.socket) -> bool:
    """Whether the calls work here, tried on a socket that nothing can have come to yet."""
    if _library is None or listener.family not in _NAME_OCTETS_OF:
        return False
    message = _Message()
    where, flags = ctypes.addressof(message), socket.MSG_DONTWAIT
    if _library.recvmmsg(listener.fileno(), where, 1, flags, None) >= 0:
        return False
    if ctypes.get_errno() in _REFUSALS:
        return False
    return bool(_library.sendmmsg(listener.fileno(), where, 0, flags) == 0)


def area(octets: int) -> tuple[int, memoryview]:
    """Memory of zeros that stays where it is: its address, and the view that keeps it."""
    memory = (ctypes.c_char * octets)()
    return ctypes.addressof(memory), memoryview(memory).cast("B")


class Messages:
    """The memory of one socket's datagrams and replies, and the two calls on it."""

    def __init__(self, listener: socket.socket, *, wildcard: bool) -> None:
        """`wildcard`: the kernel tells of each datagram what address it was sent to."""
        self._fd = listener.fileno()
        self._family = socket.AddressFamily(listener.family)
        size = ctypes.sizeof(_Message)
        heads_at, self._heads = area(SLOTS * HEAD_OCTETS)
        rests_at, self._rests = area(SLOTS * REST_OCTETS)
        names_at, self._names = area(SLOTS * NAME_OCTETS)
        controls_at, self._controls = area(SLOTS * CONTROL_OCTETS)
        sources_at, self._sources = area(SLOTS * CONTROL_OCTETS)
        self._replies_at, self._replies = area(SLOTS * REPLY_OCTETS)
        parts_at, self._parts = area(SLOTS * 2 * PART.size)
        reply_parts_at, self._reply_parts = area(SLOTS * 2 * PART.size)
        self._received_at, self._received = area(SLOTS * size)
        self._sent_at, self._sent = area(SLOTS * size)
        for index in range(SLOTS):
            at = 2 * index * PART.size
            PART.pack_into(self._parts, at, heads_at + index * HEAD_OCTETS, HEAD_OCTETS)
            PART.pack_into(self._parts, at + PART.size, rests_at + index * REST_OCTETS, REST_OCTETS)
            for view, where, control in (
                (self._received, parts_at, controls_at),
                (self._sent, reply_parts_at, sources_at),
            ):
                _Message.from_buffer(view, index * size).header = _Header(
                    name=names_at + index * NAME_OCTETS,
                    # what the kernel writes over this is the same
                    name_octets=_NAME_OCTETS_OF[self._family],
                    parts=where + at,
                    part_count=2,
                    control=control + index * CONTROL_OCTETS if wildcard else None,
                )
        self.identifiers = [
            PART.pack(heads_at + index * HEAD_OCTETS, IDENTIFIER_OCTETS) for index in range(SLOTS)
        ]
        """The identifiers of datagrams as parts: a reply begins with its own."""
        self._sizes = self._received.cast("I")[_Message.octets.offset // 4 :: size // 4]
        self._ports = self._names.cast("H")[1 :: NAME_OCTETS // 2]
        self._words = self._names.cast("I")[1 :: NAME_OCTETS // 4]
        at = _Header.control_octets.offset // _WORD
        self._control_sizes = self._received.cast("L")[at :: size // _WORD]
        self._source_sizes = self._sent.cast("L")[at :: size // _WORD]
        self._wildcard = wildcard
        self._room = memoryview(b"".join([_SIZE.pack(CONTROL_OCTETS)] * SLOTS)).cast("L")
        self._told = b""
        self._told_sizes: list[int] = []

    # --- what came ---------------------------------------------------------------------

    def receive(self) -> int:
        """How many datagrams came, which lie in the first slots; below 0: an errno, negated."""
        if self._wildcard:
            # the kernel writes what it used over what there is
            self._control_sizes[:] = self._room
        got = _library.recvmmsg(self._fd, self._received_at, SLOTS, socket.MSG_DONTWAIT, None)
        return int(got) if got >= 0 else -ctypes.get_errno()

    def heads(self, count: int) -> bytes:
        """The first octets of so many datagrams, HEAD_OCTETS apart; behind a short one is what
        was there before."""
        return bytes(self._heads[: count * HEAD_OCTETS])

    def sizes(self, count: int) -> list[int]:
        """How long so many datagrams are."""
        found: list[int] = self._sizes[:count].tolist()
        return found

    def ports(self, count: int) -> list[int]:
        """Their senders' ports, in the network's order of octets."""
        # they lie at the same place in both families
        found: list[int] = self._ports[:count].tolist()
        return found

    def port(self, index: int) -> int:
        """The port of one sender, as in `ports`."""
        return int(self._ports[index])

    def senders(self, count: int) -> Sequence[Hashable]:
        """What tells their senders' addresses apart."""
        if self._family == socket.AF_INET:
            words: list[int] = self._words[:count].tolist()
            return words
        names = bytes(self._names[: count * NAME_OCTETS])
        return [names[at : at + 16] for at in range(8, count * NAME_OCTETS, NAME_OCTETS)]

    def address(self, index: int) -> str:
        """The address of one sender, as text."""
        at, octets = (4, 4) if self._family == socket.AF_INET else (8, 16)
        at += index * NAME_OCTETS
        return socket.inet_ntop(self._family, self._names[at : at + octets])

    def datagram(self, index: int) -> bytes:
        """All of one datagram."""
        size = self._sizes[index]
        at, more = index * HEAD_OCTETS, index * REST_OCTETS
        head = bytes(self._heads[at : at + min(size, HEAD_OCTETS)])
        return head + self._rests[more : more + max(0, size - HEAD_OCTETS)]

    # --- what goes ---------------------------------------------------------------------

    def part(self, index: int, reply: bytes) -> bytes:
        """A reply of REPLY_OCTETS at most, written into its slot: all but its identifier."""
        at = index * REPLY_OCTETS
        octets = len(reply) - IDENTIFIER_OCTETS
        self._replies[at : at + octets] = reply[IDENTIFIER_OCTETS:]
        return PART.pack(self._replies_at + at, octets)

    def send(self, parts: Sequence[bytes], gaps: Sequence[int]) -> int:
        """Send the replies of the first slots, each of two parts; how many could not be sent.

        `gaps` are the slots, ascending, that have no reply.
        """
        count = len(parts) // 2
        self._reply_parts[: len(parts) * PART.size] = b"".join(parts)
        if self._wildcard:
            self._find_sources(count)
        failed = first = 0
        for end in (*gaps, count):
            if first < end:
                failed += self._send(first, end)
            first = end + 1
        return failed

    def _send(self, first: int, end: int) -> int:
        failed = 0
        size = ctypes.sizeof(_Message)
        while first < end:
            where = self._sent_at + first * size
            sent = _library.sendmmsg(self._fd, where, end - first, socket.MSG_DONTWAIT)
            if sent > 0:
                first += sent
            elif ctypes.get_errno() != errno.EINTR:
                # full, unreachable, forbidden: the client asks again, the others go on
                failed += 1
                first += 1
        return failed

    def _find_sources(self, count: int) -> None:
        """Have each reply leave from the address that its datagram was sent to."""
        told = bytes(self._controls[: count * CONTROL_OCTETS])
        sizes = self._control_sizes[:count].tolist()
        # mostly it is the one address that all ask
        if self._told_sizes[:count] == sizes and self._told[: len(told)] == told:
            return
        for index, size in enumerate(sizes):
            at = index * CONTROL_OCTETS
            source = _source(told[at : at + size])
            self._sources[at : at + len(source)] = source
            self._source_sizes[index] = len(source)
        self._told, self._told_sizes = told, sizes


@lru_cache(maxsize=256)
def _source(told: bytes) -> bytes:
    """Control data for the reply to a datagram with this; empty: nothing is known."""
    at = 0
    while at + _CONTROL.size <= len(told):
        octets, level, kind = _CONTROL.unpack_from(told, at)
        if octets < _CONTROL.size:
            break
        data = told[at + _CONTROL.size : at + octets]
        for _, _, found in source([(level, kind, data)]):
            header = _CONTROL.pack(_CONTROL.size + len(found), level, kind)
            return header + found + bytes(-len(found) % _WORD)
        at += octets + -octets % _WORD
    return b""
