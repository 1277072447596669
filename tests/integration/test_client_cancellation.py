"""What cancelling does to a registration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from scripted_registry import ScriptedRegistry

from sheetanchor.client import Registration, Status


@pytest.fixture
async def registry() -> AsyncIterator[ScriptedRegistry]:
    """A registry that grants everything."""
    scripted = await ScriptedRegistry().start()
    yield scripted
    await scripted.stop()


def registration(address: str, drain_seconds: float = 0.0) -> Registration:
    return Registration(
        "checkout",
        region="east",
        addresses="127.0.0.1",
        instance="a",
        registries=address,
        drain_seconds=drain_seconds,
    )


def lease_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if "checkout" in task.get_name()]


async def test_cancelling_the_block_deregisters(registry: ScriptedRegistry) -> None:
    entered = asyncio.Event()

    async def serve() -> None:
        async with registration(registry.address):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert registry.calls[-1] == "DeregisterInstance uid-1"
    assert lease_tasks() == []


async def test_cancelling_the_drain_leaves_no_task_behind(registry: ScriptedRegistry) -> None:
    held = registration(registry.address, drain_seconds=60)
    await held.open()
    closing = asyncio.create_task(held.close())
    await registry.until(lambda: held.status is Status.DRAINING)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert held.status is Status.LEFT
    assert lease_tasks() == []


async def test_cancelling_the_entering_leaves_no_task_behind() -> None:
    held = registration("127.0.0.1:1")
    opening = asyncio.create_task(held.open())
    while not lease_tasks():  # noqa: ASYNC110 - the code under test sets no event for us
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert lease_tasks() == []
