"""Ports that are picked before anybody listens there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sheetanchor.cli.demo import port


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nothing listens on it yet."""
    first = port.free_port()
    few = range(first, first + 5)
    monkeypatch.setattr(port, "PORTS", (few.start, few.stop))
    second = port.free_port()
    assert second in few
    assert second != first


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes know of each other")
def test_a_port_of_another_process_is_not_given_until_that_ends() -> None:
    """Two demos at once do not take each other's."""
    program = (
        "from sheetanchor.cli.demo.port import free_port\n"
        "import sys; print(free_port(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        theirs = int(other.stdout.readline())
        assert not port.claimed(theirs)
        other.communicate()
    assert port.claimed(theirs)
