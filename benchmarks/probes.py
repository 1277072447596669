"""What it costs to probe a large cell: the registry's own loop and prober, real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.fleet import address_of
from benchmarks.measurement import percentile
from registry.adapters.clock import SystemClock
from registry.adapters.probe.tcp import TcpProber
from registry.app.probe_loop import ProbeLoop
from registry.app.probe_schedule import ProbeSchedule
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance, Port, Registration, State
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
)
from registry.domain.operation import Judge

SETTLE_SECONDS = 6.0
CONCURRENCY = 256
PER_SERVICE = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost."""

    core_share: float
    """CPU used by this process, 1 is a whole core."""
    probes: int
    rate: float
    """Probes a second."""
    wait_p99_seconds: float
    """From due to settled, of probes that succeeded."""


class _Timed(TcpProber):
    """Counts, and keeps how late the successful ones came."""

    def __init__(self) -> None:
        self.count = 0
        self.waits: list[float] = []

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        begun = time.monotonic()
        result = await super().probe(check, address, key)
        self.count += 1
        if result is Evidence.VALIDATED:
            self.waits.append(time.monotonic() - begun)
        return result


async def measure(endpoints: int, silent: int, seconds: float) -> Cost:
    """Probe `endpoints` of which `silent` never answer."""
    with _accepting() as port, _dropping() as deaf:
        schedule, prober, clock = ProbeSchedule(), _Timed(), SystemClock()
        late: list[float] = []
        schedule.begin(
            (_instance(n, deaf if n < silent else port) for n in range(endpoints)),
            clock.monotonic(),
        )

        def record(verdict: Judge) -> None:
            """A failure becomes the instance's health, as the store would have it."""
            number = int(verdict.key.instance[1:])
            fallen = _instance(number, deaf, verdict.health, verdict.evidence)
            schedule.put(fallen, clock.monotonic())

        taken = schedule.take

        def take(now: float) -> object:
            target = taken(now)
            if target is not None and not target.is_doubtful:
                late.append(now - target.due)
            return target

        schedule.take = take  # type: ignore[method-assign,assignment]  # a stopwatch around it
        loop = ProbeLoop(schedule, prober, clock, record, concurrency=CONCURRENCY)
        task = asyncio.create_task(loop.run())
        try:
            await asyncio.sleep(SETTLE_SECONDS)
            prober.count = 0
            prober.waits.clear()
            late.clear()
            begun, cpu = time.perf_counter(), _cpu_seconds()
            await asyncio.sleep(seconds)
            elapsed, used = time.perf_counter() - begun, _cpu_seconds() - cpu
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        wait = percentile(late, 0.99) + percentile(prober.waits, 0.99)
        return Cost(used / elapsed, prober.count, prober.count / elapsed, wait)


def _instance(
    number: int,
    port: int,
    health: Health = Health.HEALTHY,
    evidence: Evidence = Evidence.VALIDATED,
) -> Instance:
    key = InstanceKey(
        NamespaceId("bench"), ServiceId(f"s{number // PER_SERVICE}"), InstanceId(f"i{number}")
    )
    return Instance(
        Registration(
            key=key,
            cell=CellName("near"),
            region=RegionName("near"),
            zone="",
            addresses=(address_of(number),),
            ports=(Port("main", port),),
            priority=0,
            weight=1,
            metadata={},
            check=Check(CheckKind.TCP, port),
            ttl_seconds=15.0,
        ),
        Incarnation(f"uid-{number}"),
        "",
        State.ACTIVE,
        health,
        evidence,
        0,
        0,
        0,
        Revision(1),
    )


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _accepting() -> Iterator[int]:
    """A listener at every address of this machine, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.listener", "0.0.0.0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def _dropping() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what comes, as a dead machine would."""
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind(("0.0.0.0", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(8):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
