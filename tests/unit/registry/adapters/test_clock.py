"""The fake clock keeps the contract of the real one, and wakes each at its own time."""

from __future__ import annotations

import asyncio

import pytest

from registry.adapters.clock import ManualClock, SystemClock, settle


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = ManualClock(monotonic_seconds=0.0, wall_ms=0)
    woken: list[tuple[str, float, int]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic(), clock.unix_ms()))

    tasks = [asyncio.create_task(sleeper("a", 1.0, 1.0)), asyncio.create_task(sleeper("b", 1.5))]
    await clock.advance(1.75)
    assert woken == [("a", 1.0, 1000), ("b", 1.5, 1500)]
    assert (clock.monotonic(), clock.unix_ms()) == (1.75, 1750)
    await clock.advance(0.25)
    assert woken[-1] == ("a", 2.0, 2000)
    await asyncio.gather(*tasks)


async def test_a_jump_wakes_all_it_passes_late() -> None:
    clock = ManualClock(monotonic_seconds=0.0)
    napping = asyncio.create_task(clock.sleep(1.0))
    longer = asyncio.create_task(clock.sleep(100.0))
    await settle()
    clock.jump(50.0)
    await napping
    assert clock.monotonic() == 50.0
    assert not longer.done()
    longer.cancel()
    await settle()
    await clock.advance(100.0)


async def test_to_settle_is_to_let_others_run_until_nobody_can() -> None:
    """A chain of ten runs to its end; with nobody left it is over at once; a circle ends it too."""
    turns: list[str] = []

    async def turn(name: str, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(0)
            turns.append(name)

    chain = asyncio.create_task(turn("chain", 10))
    await settle()
    assert chain.done()
    assert turns == ["chain"] * 10
    alone = asyncio.create_task(settle(1_000_000))
    circle = asyncio.create_task(turn("circle", 100))
    await settle(3)
    assert not circle.done()
    await circle
    async with asyncio.timeout(5):
        await alone
    assert turns.count("circle") == 100


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_no_time_is_no_wait(seconds: float) -> None:
    for clock in (ManualClock(), SystemClock()):
        async with asyncio.timeout(30):
            await clock.sleep(seconds)


async def test_the_real_clock_tells_seconds_and_milliseconds() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert 0.009 < clock.monotonic() - before < 60.0
    assert clock.unix_ms() > 1_700_000_000_000
