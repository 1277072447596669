"""The application's own word on its health."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from registry_site import eventually

from sheetanchor.client.vitals import HealthCallback, Vitals


class Heard:
    """Counts changes, and waits for them."""

    def __init__(self) -> None:
        self.changes = 0
        self._news = asyncio.Event()

    def __call__(self) -> None:
        self.changes += 1
        self._news.set()

    async def wait(self) -> None:
        async with asyncio.timeout(30):
            await self._news.wait()
        self._news.clear()


@asynccontextmanager
async def watched(
    callback: HealthCallback, heard: Callable[[], None], timeout: float = 30.0
) -> AsyncIterator[Vitals]:
    vitals = Vitals(callback, 0.0, heard, timeout)
    task = asyncio.create_task(vitals.watch())
    try:
        yield vitals
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("kind", ["function", "coroutine function", "function giving a coroutine"])
async def test_each_change_of_the_answer_is_told_once(kind: str) -> None:
    answers = {"now": True}

    async def later() -> bool:
        return answers["now"]

    callbacks: dict[str, HealthCallback] = {
        "function": lambda: answers["now"],
        "coroutine function": later,
        "function giving a coroutine": lambda: later(),
    }
    heard = Heard()
    async with watched(callbacks[kind], heard) as vitals:
        answers["now"] = False
        await heard.wait()
        assert vitals.serving is False
        answers["now"] = True
        await heard.wait()
        assert vitals.serving is True
        assert heard.changes == 2


async def test_a_callback_that_raises_says_no() -> None:
    def broken() -> bool:
        raise ConnectionError("database gone")

    heard = Heard()
    async with watched(broken, heard) as vitals:
        await heard.wait()
        assert vitals.serving is False


async def test_a_callback_that_hangs_changes_nothing_and_is_not_asked_again() -> None:
    release, asked = threading.Event(), []

    def hangs() -> bool:
        asked.append(1)
        release.wait(60)
        return False

    heard = Heard()
    async with watched(hangs, heard, timeout=0.01) as vitals:
        await eventually(lambda: asked)
        for _ in range(10):  # as long as ten questions would take
            await asyncio.sleep(0.01)
        assert vitals.serving is True
        assert len(asked) == 1
        release.set()
        await heard.wait()
        assert vitals.serving is False
