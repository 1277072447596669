"""Background loops that die are started again, more and more slowly, and the rest go on."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

from registry.adapters.clock import ManualClock
from registry.app.supervisor import Supervisor


async def test_a_loop_that_dies_is_logged_and_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    begun: list[float] = []

    async def dies() -> None:
        begun.append(clock.monotonic())
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        supervisor.start("dying", dies)
        await clock.advance(0.05)
        assert supervisor.down == ["dying"]
        await clock.advance(20)
    gaps = [round(b - a, 3) for a, b in pairwise(begun)]
    assert gaps[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert all(record.__dict__["task"] == "dying" for record in caplog.records)
    assert len(caplog.records) == len(begun)
    await supervisor.stop()


async def test_a_loop_that_ran_well_for_long_is_started_again_at_once() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    begun: list[float] = []

    async def dies_late() -> None:
        begun.append(clock.monotonic())
        await clock.sleep(0.0 if len(begun) < 5 else 40.0)
        raise ZeroDivisionError

    supervisor.start("late", dies_late)
    await clock.advance(60)
    assert round(begun[5] - begun[4], 3) == 40.1
    await supervisor.stop()


async def test_the_death_of_one_loop_leaves_the_others_alone() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await clock.sleep(1.0)

    async def dies() -> None:
        raise ZeroDivisionError

    supervisor.start("beat", beat)
    supervisor.start("dying", dies)
    await clock.advance(9.5)
    assert beats == 10
    await supervisor.stop()


async def test_a_loop_whose_dependency_was_cancelled_under_it_is_started_again() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    times = 0

    async def waits_for_the_dead() -> None:
        nonlocal times
        times += 1
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    supervisor.start("waiter", waits_for_the_dead)
    await clock.advance(0.15)
    assert times == 2
    await supervisor.stop()


async def test_a_loop_that_returns_has_finished() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    closing = asyncio.Event()
    times = 0

    async def until_closed() -> None:
        nonlocal times
        times += 1
        await closing.wait()

    supervisor.start("orderly", until_closed)
    await clock.advance(1)
    closing.set()
    await supervisor.finish("orderly", 1.0)
    await clock.advance(10)
    assert times == 1


async def test_stopping_cancels_what_was_started_last_first() -> None:
    supervisor = Supervisor(ManualClock())
    ended: list[str] = []

    def named(name: str):  # type: ignore[no-untyped-def]  # a coroutine function
        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        return run

    for name in ("store", "planner", "feed"):
        supervisor.start(name, named(name))
    await asyncio.sleep(0)
    await supervisor.stop()
    assert ended == ["feed", "planner", "store"]
