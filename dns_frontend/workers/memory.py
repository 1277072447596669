"""Octets that several processes read in one place, and that nobody can change any more.

They lie in no file of the disk, so that no failing disk ends whoever reads them (I15).
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import weakref
from collections.abc import Iterable
from zlib import crc32

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Memory:
    """Sealed octets; the descriptor is closed when nobody holds this any more."""

    __slots__ = ("__weakref__", "checksum", "descriptor", "size")

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Raises OSError when there is no room."""
        self.descriptor = _create("MFD_CLOEXEC", "MFD_ALLOW_SEALING")
        weakref.finalize(self, os.close, self.descriptor)
        self.size = 0
        self.checksum = 0
        with open(self.descriptor, "wb", closefd=False) as file:
            for piece in pieces:
                self.size += file.write(piece)
                self.checksum = crc32(piece, self.checksum)
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS | fcntl.F_SEAL_SEAL)

    def __repr__(self) -> str:
        return f"<Memory {self.size} octets>"


def mapped(descriptor: int, size: int) -> mmap.mmap:
    """The octets behind a descriptor. Raises ValueError for what is not sealed, or not so long:
    reading past the end of what shrank would end the process."""
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError as error:
        raise ValueError(f"what came with a frame cannot be sealed: {error}") from error
    if seals & _SEALS != _SEALS or os.fstat(descriptor).st_size != size or not size:
        raise ValueError(f"what came with a frame is not {size} sealed octets")
    # private, since kernels before 6.7 refuse to share what is sealed; nothing is ever copied
    return mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)


def shared(size: int) -> int:
    """A descriptor of so many zeros that all who have it may change. Raises OSError."""
    descriptor = _create("MFD_CLOEXEC")
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _create(*flags: str) -> int:
    try:
        return os.memfd_create("sheetanchor", sum(getattr(os, flag) for flag in flags))
    except AttributeError:
        number = errno.ENOSYS  # no Linux, or a libc without it
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
        number = error.errno
    raise OSError(
        number,
        "several workers share memory by memfd_create, which this system, or a filter of system "
        "calls (seccomp), does not give; take --workers 1",
    )
