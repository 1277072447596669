"""What a large, quiet fleet costs: CPU of the registry, and growth of its database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import Fleet
from benchmarks.process import ServerProcess

INTERVAL_SECONDS = 5.0
SETTLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost."""

    seconds: float
    core_share: float
    """CPU used, 1 is a whole core."""
    bytes_before: int
    bytes_half: int
    """Half way: by then every file has the size that use alone gives it."""
    bytes_after: int
    bytes_most: int

    @property
    def growth_per_minute(self) -> float:
        """Octets that the database grew a minute, in the second half of the run.

        In the first, SQLite's write-ahead log reaches the size that it is then used at, once.
        """
        return (self.bytes_after - self.bytes_half) * 60 / (self.seconds / 2)


async def measure(
    fleets: list[Fleet],
    server: ServerProcess,
    data_dir: Path,
    *,
    instances: int,
    agents: int,
    seconds: float,
) -> Cost:
    """Let `agents` streams renew `instances` leases every 5 s, evenly spread, and look."""
    members = await fleets[0].register_many(range(instances), 1000, ttl_seconds=15)
    share = instances // agents
    tasks = [
        asyncio.create_task(
            fleets[agent % len(fleets)].beat_for_ever(
                [m.uid for m in members[agent * share : (agent + 1) * share]],
                INTERVAL_SECONDS,
                INTERVAL_SECONDS * agent / agents,
            )
        )
        for agent in range(agents)
    ]
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        begin, cpu, before = time.perf_counter(), server.cpu_seconds(), size_of(data_dir)
        most = half = before
        while (elapsed := time.perf_counter() - begin) < seconds:
            await asyncio.sleep(min(1.0, seconds - elapsed))
            size = size_of(data_dir)
            most = max(most, size)
            if elapsed < seconds / 2:
                half = size
            for task in tasks:
                if task.done():
                    task.result()
        elapsed = time.perf_counter() - begin
        used = server.cpu_seconds() - cpu
        return Cost(elapsed, used / elapsed, before, half, size_of(data_dir), most)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def size_of(directory: Path) -> int:
    """Octets of all files below `directory`: the database with its write-ahead log."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
