"""A file that stops automation stops it only where it is."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from registry.adapters.switch_file import read_switch


def test_it_says_what_is_in_it(tmp_path: Path) -> None:
    switch = tmp_path / "freeze"
    assert read_switch(switch) is None
    switch.write_text("eu\n")
    assert read_switch(switch) == "eu\n"


def test_a_process_without_a_descriptor_left_is_stopped_by_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when many connect to it; but a file that is there and cannot be read holds (I40)."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    switch = tmp_path / "freeze"
    monkeypatch.setattr(Path, "open", refuse)
    assert read_switch(switch) is None
    switch.touch()
    with pytest.raises(OSError, match="Too many open files"):
        read_switch(switch)
