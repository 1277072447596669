"""How long it takes from asking for a registration until DNS answers with it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.fleet import NAMESPACE, Fleet, Member, address_of, registration
from benchmarks.measurement import percentile
from benchmarks.name_watch import NameWatch
from sheetanchor.v1 import registration_service_pb2

PER_SERVICE = 10
"""Endpoints a name."""
TTL_SECONDS = 300
"""Longer than a run, so that no renewals are mixed into it."""


@dataclass(frozen=True, slots=True)
class Delays:
    """What came of one run."""

    endpoints: int
    samples: int
    p50_ms: float
    p99_ms: float


async def measure(
    fleet: Fleet,
    watch: NameWatch,
    zone: str,
    *,
    endpoints: int,
    listener_port: int,
    check: bool,
    rate: float,
    seconds: float,
) -> Delays:
    """Load `endpoints`, then register `rate` new ones a second, each seen once, then taken out."""
    services = endpoints // PER_SERVICE
    await fleet.register_many(range(endpoints), services, ttl_seconds=TTL_SECONDS)
    for number in (0, endpoints - 1):
        name = f"s{number % services}.{NAMESPACE}.svc.{zone}"
        await watch.until(name, address_of(number), present=True, seconds=60)

    delays: list[float] = []

    async def one(number: int) -> None:
        request = registration(
            number,
            services,
            fleet.region,
            listener_port,
            check=check,
            ttl_seconds=TTL_SECONDS,
        )
        name = f"s{number % services}.{NAMESPACE}.svc.{zone}"
        begin = time.perf_counter()
        answer = await fleet.stub.RegisterInstance(request)
        seen = await watch.until(name, address_of(number), present=True, seconds=10)
        delays.append((seen - begin) * 1000)
        member = Member(answer.instance.name, answer.instance.uid)
        await fleet.stub.DeregisterInstance(
            registration_service_pb2.DeregisterInstanceRequest(name=member.name, uid=member.uid)
        )

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        # the schedule is fixed beforehand: a slow answer does not thin out the load
        for index in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + index / rate - time.perf_counter()))
            tasks.create_task(one(endpoints + index))
    return Delays(endpoints, len(delays), percentile(delays, 0.5), percentile(delays, 0.99))
