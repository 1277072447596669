"""What some tests only look at the end of is played beside the others, one after the other.

A drill, the demo and the pages' transcripts take half a minute each, in which they mostly wait.
A test that judges one says what it judges by `@pytest.mark.beside(work=...)`; the work gets a
directory of its own, and the test what came of it, as its argument `beside`. All works begin
with the first test of the folder, and the tests that need them come last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

Work = Callable[[Path], object]
PATIENCE_SECONDS = 900
"""How long a test waits for its work, and for those before it."""


def work_of(item: pytest.Item) -> Work | None:
    """What the test wants done, if anything."""
    marker = item.get_closest_marker("beside")
    return None if marker is None else marker.kwargs["work"]


class Lane:
    """One thread for all works."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lane")
        self._results: dict[str, Future[object]] = {}

    def begin(self, items: Sequence[pytest.Item], directory: Callable[[], Path]) -> None:
        """Do what those of `items` want that want something, in their order."""
        for item in items:
            work = work_of(item)
            if work is not None:
                self._results[item.nodeid] = self._pool.submit(work, directory())

    def result(self, item: pytest.Item) -> Any:
        """What came of the test's work. Raises what it raised."""
        return self._results[item.nodeid].result(PATIENCE_SECONDS)

    def stop(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
