"""A pytest plugin under which all that comes from outside comes late, at random but legally.

`pytest -p late_edges --late-seed=7 --timeout=600 tests/unit` runs tests as on a
machine that is slow in the wrong moments. A test that fails has asked before what it asks
about had happened, or the code under it has a race. Nothing comes that a loaded machine
could not bring about, and what asyncio keeps in order stays in order:

    edge                                is late by              in what order
    ----------------------------------  ----------------------  ---------------------------
    a file descriptor becomes ready     0 to 80 ms, 1 in 8      of its own octets
    a call from another thread          0 to 80 ms, 1 in 8      of all such calls of a loop
    a timer                             0 to 50 ms, every 2nd   of all timers of a loop
    the whole loop                      50 to 300 ms, each s    as it was
    a thread or an executor's work      0 to 50 ms, 1 in 4      none

Each test's lateness follows from the seed and the test's name, so far as time itself allows.
A test marked `punctual` says why it cannot stand this, and is run as ever.
Loops made by `proof/` keep virtual time and have no outside; other processes are not touched.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from random import Random
from time import monotonic, sleep
from typing import Any

import pytest

SWITCH_SECONDS = 1e-5
"""How long a thread may run while another wants to; Python's own is 5 ms."""
EVENT_SECONDS = 0.08
TIMER_SECONDS = 0.05
THREAD_SECONDS = 0.05
STALL_SECONDS = (0.05, 0.3)
STALL_EVERY_SECONDS = 1.0


class Fate:
    """How late things are. All draws are from one source, which each test seeds anew."""

    def __init__(self) -> None:
        self._random = Random()
        self._salt = ""
        self._punctual = False

    def seed(self, seed: int, test: str, *, punctual: bool = False) -> None:
        """Begin again, for a test."""
        self._punctual = punctual
        self._salt = f"{seed} {test}"
        self._random.seed(self._salt)

    def event(self) -> float:
        """By how much something from outside the loop is late, in seconds."""
        return self._sometimes(8, EVENT_SECONDS)

    def thread(self) -> float:
        """By how much a thread's work is late, in seconds."""
        return self._sometimes(4, THREAD_SECONDS)

    def timer(self, when: float) -> float:
        """When a timer fires; a later one never before an earlier one."""
        if self._punctual:
            return when
        window = int(when / TIMER_SECONDS)
        drawn = Random(f"{self._salt} {window}")
        if drawn.random() < 0.5:
            return when
        # all that is due in the window's last part waits for its end
        begin = (window + drawn.random()) * TIMER_SECONDS
        end = (window + 1) * TIMER_SECONDS
        return when if when < begin else end - (end - when) * 1e-3

    def stall(self) -> float:
        """How long a loop stands still, in seconds."""
        return 0.0 if self._punctual else self._random.uniform(*STALL_SECONDS)

    def until_stall(self) -> float:
        """How long it then goes on, in seconds."""
        return self._random.expovariate(1 / STALL_EVERY_SECONDS)

    def _sometimes(self, one_in: int, seconds: float) -> float:
        drawn = self._random.random() * one_in
        return drawn * seconds if drawn < 1 and not self._punctual else 0.0


fate = Fate()


class LateSelector(selectors.BaseSelector):
    """A selector that sees some of what is ready only after a while."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self._hidden_until: dict[tuple[int, int], float] = {}
        self._stall_at = monotonic() + fate.until_stall()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready and seen. Ready but unseen descriptors are looked at again in a while."""
        if monotonic() >= self._stall_at:
            sleep(fate.stall())
            self._stall_at = monotonic() + fate.until_stall()
        until = float("inf") if timeout is None else monotonic() + timeout
        left = timeout
        while True:
            ready = self._real.select(left)
            seen = [(key, bits) for key, mask in ready if (bits := self._seen(key.fd, mask))]
            left = until - monotonic()
            if seen or not ready or left <= 0:
                return seen
            sleep(min(0.001, left))
            left = None if timeout is None else max(0.0, until - monotonic())

    def _seen(self, fd: int, mask: int) -> int:
        bits = 0
        for bit in (selectors.EVENT_READ, selectors.EVENT_WRITE):
            if mask & bit and not self._is_hidden((fd, bit)):
                bits |= bit
        return bits

    def _is_hidden(self, edge: tuple[int, int]) -> bool:
        until = self._hidden_until.get(edge)
        if until is None:
            late = fate.event()
            if late:
                self._hidden_until[edge] = monotonic() + late
            return late > 0
        if monotonic() < until:
            return True
        del self._hidden_until[edge]
        return False

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.register(fileobj, events, data)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.modify(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.unregister(fileobj)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As the real one."""
        return self._real.get_map()

    def close(self) -> None:
        """As the real one."""
        self._real.close()


class LateLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, with late edges."""

    def __init__(self) -> None:
        super().__init__(LateSelector())
        self._arriving: deque[tuple[float, asyncio.Handle]] = deque()

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call not before `when`."""
        return super().call_at(fate.timer(when), callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call from another thread; each in its turn."""
        if threading.get_ident() == self._thread_id:  # type: ignore[attr-defined]  # asyncio's own
            return super().call_soon_threadsafe(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        super().call_soon_threadsafe(self._arrive, handle)
        return handle

    def _arrive(self, handle: asyncio.Handle) -> None:
        at = self.time() + fate.event()
        if self._arriving:
            at = max(at, self._arriving[-1][0])
        self._arriving.append((at, handle))
        self._let_in()

    def _let_in(self) -> None:
        while self._arriving and self._arriving[0][0] <= self.time():
            self._ready.append(self._arriving.popleft()[1])  # type: ignore[attr-defined]  # its own queue
        if self._arriving:
            super().call_at(self._arriving[0][0], self._let_in)


class LatePolicy(asyncio.DefaultEventLoopPolicy):
    """Makes late loops."""

    _loop_factory = LateLoop


def _start_late(start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def started(thread: threading.Thread) -> None:
        run, late = thread.run, fate.thread()

        def run_late() -> None:
            sleep(late)
            run()

        if late:
            thread.run = run_late  # type: ignore[method-assign]  # subclasses have their own
        start(thread)

    return started


def _submit_late(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def submitted(
        pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **named: Any
    ) -> Future[Any]:
        late = fate.thread()

        def work_late() -> Any:
            sleep(late)
            return work(*args, **named)

        return submit(pool, work_late) if late else submit(pool, work, *args, **named)

    return submitted


def pytest_addoption(parser: pytest.Parser) -> None:
    """The seed."""
    parser.addoption("--late-seed", type=int, default=0, help="seed of how late edges are")


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is going on."""
    return f"late edges: seed {config.getoption('--late-seed')}"


def pytest_configure() -> None:
    """Make everything late from now on."""
    sys.setswitchinterval(SWITCH_SECONDS)
    asyncio.set_event_loop_policy(LatePolicy())
    setattr(threading.Thread, "start", _start_late(threading.Thread.start))  # noqa: B010 - patched for all
    pool = ThreadPoolExecutor
    setattr(pool, "submit", _submit_late(pool.submit))  # noqa: B010 - patched for all
    try:
        import uvloop
    except ImportError:
        return
    # it has edges that nobody can reach
    uvloop.new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]  # late loops


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Each test has its own lateness, whatever ran before it."""
    punctual = item.get_closest_marker("punctual") is not None
    fate.seed(item.config.getoption("--late-seed"), item.nodeid, punctual=punctual)
    return (yield)
