"""How many registrations and renewals a second one registry node takes, durably."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from benchmarks.fleet import BATCH, Fleet, registration
from sheetanchor.v1 import registration_service_pb2

SERVICES = 1000
TTL_SECONDS = 300


async def unary_registrations(fleet: Fleet, first: int, seconds: float, in_flight: int) -> float:
    """RegisterInstance calls a second, `in_flight` of them outstanding at any time."""
    numbers = iter(range(first, first + 10_000_000))
    end = time.perf_counter() + seconds
    done = 0

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await fleet.stub.RegisterInstance(
                registration(
                    next(numbers), SERVICES, fleet.region, 80, check=False, ttl_seconds=TTL_SECONDS
                )
            )
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return done / (time.perf_counter() - begin)


async def batched_registrations(fleet: Fleet, first: int, total: int) -> float:
    """Instances a second, registered a hundred a call."""
    begin = time.perf_counter()
    await fleet.register_many(range(first, first + total), SERVICES)
    return total / (time.perf_counter() - begin)


async def streamed_renewals(
    fleet: Fleet, uids: Sequence[str], seconds: float, window: int
) -> float:
    """Renewals a second through one stream, a hundred a message, `window` messages unanswered."""
    messages = [
        registration_service_pb2.HeartbeatRequest(uids=uids[at : at + BATCH])
        for at in range(0, len(uids), BATCH)
    ]
    free = asyncio.Semaphore(window)
    end = time.perf_counter() + seconds
    sent: list[int] = []

    async def beats() -> AsyncIterator[registration_service_pb2.HeartbeatRequest]:
        while time.perf_counter() < end:
            for message in messages:
                await free.acquire()
                sent.append(len(message.uids))
                yield message

    done = answers = 0
    begin = time.perf_counter()
    async for reply in fleet.stub.Heartbeats(beats()):
        if reply.refusals:
            raise RuntimeError(f"not renewed: {reply.refusals[0].status.message}")
        done += sent[answers]
        answers += 1
        free.release()
    return done / (time.perf_counter() - begin)
