"""Workers share memory, or are told why that cannot be."""

from __future__ import annotations

import errno
import os

import pytest

from dns_frontend.workers.memory import Memory, mapped, shared


def test_what_is_sealed_is_read_by_whoever_has_the_descriptor() -> None:
    memory = Memory([b"some", b"thing"])
    with mapped(memory.descriptor, memory.size) as octets:
        assert octets[:] == b"something"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_a_system_that_gives_no_such_memory_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """An old one, or a filter of system calls."""

    def refuse(name: str, flags: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "memfd_create", refuse)
    for make in (lambda: shared(8), lambda: Memory([b"x"])):
        with pytest.raises(OSError, match="take --workers 1") as caught:
            make()
        assert caught.value.errno == number


def test_a_system_that_knows_no_such_memory_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(OSError, match="take --workers 1"):
        shared(8)


def test_a_process_without_room_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes is no reason to take fewer workers."""

    def refuse(name: str, flags: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "memfd_create", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        shared(8)
