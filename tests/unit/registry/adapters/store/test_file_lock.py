"""One process a database file, and who holds it is named where that can be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from registry.adapters.store.sqlite import FileLock
from registry.domain.errors import StoreUnavailable


def test_whoever_comes_second_is_told_of_the_first(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "db"), FileLock(tmp_path / "db")
    first.acquire()
    with pytest.raises(StoreUnavailable, match=f"another process \\(pid {os.getpid()}\\) holds"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_on_a_full_disk_the_lock_is_taken_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left open, it would be held by this process, which is then told to stop another."""

    def full(descriptor: int, octets: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    first, second = FileLock(tmp_path / "db"), FileLock(tmp_path / "db")
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        first.acquire()
    with pytest.raises(StoreUnavailable, match="pid unknown"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
