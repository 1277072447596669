"""An event loop in virtual time that runs many processes, each of which may stop or die.

It does what asyncio asks of a loop, and no more: time leaps to the next timer. Every callback
belongs to the process in whose context it was made. A paused process keeps its callbacks
until it goes on, late, as after SIGSTOP; a killed one never runs again, not even its
`finally`, as after SIGKILL. Nothing here is random, and no order depends on an address in
memory, so that the same scenario is the same history.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

CLOSING_ROUNDS = 200
"""How often what is left may go on before it is given up."""
_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Process:
    """What stops and dies as one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.is_paused = False
        self.context = Context()
        """For what is called from outside, such as a message that arrives."""
        self.waiting: deque[_Call] = deque()
        """What is to run when the process goes on."""
        self.context.run(_PROCESS.set, self)

    def __repr__(self) -> str:
        word = "dead" if not self.is_alive else "paused" if self.is_paused else "running"
        return f"<Process {self.name}: {word}>"


class _Call:
    """A callback on its way; asyncio cancels it by its handle, which is this."""

    __slots__ = ("args", "callback", "cancelled", "context", "process")

    def __init__(self, callback: Callable[..., object], args: Any, context: Context) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.process = context.get(_PROCESS)
        self.cancelled = False

    def cancel(self) -> None:
        """Not to be run."""
        self.cancelled = True


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, serial: int, coroutine: Any, loop: Any, name: str | None) -> None:
        self._serial = serial
        super().__init__(coroutine, loop=loop, name=name)

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop:
    """The loop. `run_until` lets time pass."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        """What a real loop would log: exceptions that nobody looked at."""
        self._now = 0.0
        self._ready: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []
        self._serial = count()
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._buried: list[_Call] = []
        """What dead processes would have run."""
        self._paused: dict[str, Process] = {}

    # --- what asyncio asks of a loop --------------------------------------------------

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Call:
        """Run it when all that is ready has run."""
        call = _Call(callback, args, context if context is not None else copy_context())
        self._ready.append(call)
        return call

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> _Call:
        """Run it after so many seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> _Call:
        """Run it at a time."""
        call = _Call(callback, args, context if context is not None else copy_context())
        heappush(self._timers, (when, next(self._serial), call))
        return call

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=cast("asyncio.AbstractEventLoop", self))

    def create_task(
        self,
        coroutine: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        """A task of the process whose context this is."""
        serial = next(self._serial)
        if context is None:
            task = _Task(serial, coroutine, self, name)
        else:
            task = context.run(_Task, serial, coroutine, self, name)
        self._tasks[serial] = task
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(hash(task), None)

    def get_debug(self) -> bool:
        """It is not in debug mode."""
        return False

    def is_running(self) -> bool:
        """It is, whenever anybody can ask."""
        return True

    def is_closed(self) -> bool:
        """It needs no closing."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what a real loop would log."""
        error = context.get("exception")
        self.faults.append(f"{context.get('message')}: {error!r}")

    # --- processes --------------------------------------------------------------------

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as part of a process."""
        return self.create_task(coroutine, context=process.context.copy())

    def pause(self, process: Process) -> None:
        """Stop a process where it stands."""
        process.is_paused = True
        self._paused[process.name] = process

    def resume(self, process: Process) -> None:
        """Let a paused process go on; what fell due meanwhile comes late."""
        process.is_paused = False
        self._ready.extend(process.waiting)
        process.waiting.clear()

    def kill(self, process: Process) -> None:
        """End a process between two of its instructions."""
        process.is_alive = False
        self._buried += process.waiting
        process.waiting.clear()

    # --- time -------------------------------------------------------------------------

    def run_until(self, when: float) -> None:
        """Let everything run until then. Raises what a callback raises."""
        before = events._get_running_loop()
        events._set_running_loop(cast("asyncio.AbstractEventLoop", self))
        try:
            while True:
                self._run_ready()
                if not self._timers or self._timers[0][0] > when:
                    break
                self._now = max(self._now, self._timers[0][0])
                while self._timers and self._timers[0][0] <= self._now:
                    call = heappop(self._timers)[2]
                    if not call.cancelled:
                        self._ready.append(call)
            self._now = max(self._now, when)
        finally:
            events._set_running_loop(before)

    def close(self) -> None:
        """End every task in order, those of dead and paused processes too."""
        for process in self._paused.values():
            self._buried += process.waiting
            process.waiting.clear()
        before = events._get_running_loop()
        events._set_running_loop(cast("asyncio.AbstractEventLoop", self))
        try:
            for _ in range(CLOSING_ROUNDS):
                for task in list(self._tasks.values()):
                    task.cancel()
                calls = [*self._buried, *self._ready, *(call for _, _, call in self._timers)]
                self._buried, self._timers = [], []
                self._ready.clear()
                for call in calls:
                    # what happens outside of all processes happens no more
                    if not call.cancelled and call.process is not None:
                        call.context.run(call.callback, *call.args)
                if not self._tasks:
                    break
        finally:
            events._set_running_loop(before)

    def _run_ready(self) -> None:
        ready = self._ready
        while ready:
            call = ready.popleft()
            if call.cancelled:
                continue
            process = call.process
            if process is not None:
                if not process.is_alive:
                    self._buried.append(call)
                    continue
                if process.is_paused:
                    process.waiting.append(call)
                    continue
            call.context.run(call.callback, *call.args)


def settle(answer: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    """Answer who still waits: with the error, if there is one."""
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
