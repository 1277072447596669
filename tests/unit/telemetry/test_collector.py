"""When a process that answers looks for garbage in cycles."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sheetanchor.collector import SLACK_BYTES, Collector, is_due

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def python_collects_again() -> Iterator[None]:
    """Whatever a test took over is given back."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        pytest.param(100 * MIB, 100 * MIB, False, id="as it was"),
        pytest.param(200 * MIB + SLACK_BYTES, 100 * MIB, False, id="doubled and the slack"),
        pytest.param(200 * MIB + SLACK_BYTES + 1, 100 * MIB, True, id="more than that"),
        pytest.param(20 * MIB, 100 * MIB, False, id="shrunk"),
        pytest.param(SLACK_BYTES, 0, False, id="small"),
    ],
)
def test_garbage_is_looked_for_when_memory_has_grown(now: int, last: int, due: bool) -> None:
    """By as much again and a little, since it was last looked for."""
    assert is_due(now, last) is due


class Process:
    """One whose memory is what the test says."""

    def __init__(self) -> None:
        self.resident = 100 * MIB
        self.garbage = 0
        self.looked = 0

    def collect(self) -> int:
        """Free all garbage."""
        self.looked += 1
        self.resident -= self.garbage
        found, self.garbage = self.garbage, 0
        return found


def test_memory_that_garbage_fills_is_had_back() -> None:
    """And it is measured from there on: what stays is not looked through again and again."""
    process = Process()
    collector = Collector(lambda: process.resident, process.collect)
    collector.begin()
    assert process.looked == 1
    for _ in range(3):
        process.resident += 300 * MIB
        process.garbage += 300 * MIB
        collector.look()
        collector.look()
    assert (process.looked, process.resident) == (4, 100 * MIB)
    process.resident += 300 * MIB  # all of it in use
    collector.look()
    collector.look()
    assert process.looked == 5


def test_python_does_not_look_by_itself_meanwhile() -> None:
    """However many objects come."""
    Collector(lambda: 0, lambda: 0).begin()
    assert not gc.isenabled()


def test_resident_memory_is_what_the_kernel_says() -> None:
    """It rises with what is written to, by about as much."""
    code = (
        "from sheetanchor.collector import resident_bytes\n"
        "before = resident_bytes()\n"
        "kept = bytearray(b'x') * (64 << 20)\n"
        "print(resident_bytes() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 60 * MIB < int(done.stdout) < 80 * MIB


def test_a_cycle_that_grew_over_the_bound_is_freed() -> None:
    """With the real collector, in a process of its own, which nothing else frees it for."""
    code = (
        "import sheetanchor.collector as c\n"
        "collector = c.Collector(); collector.begin()\n"
        "class Node: pass\n"
        "def leak():\n"
        "    node = Node(); node.self = node; node.octets = bytearray(b'x') * (256 << 20)\n"
        "leak(); held = c.resident_bytes(); collector.look()\n"
        "print(held - c.resident_bytes())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 250 * MIB
