"""How long an instance stays in DNS after it left: by its word, by draining, by being killed."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.duration_pb2 import Duration

from benchmarks.fleet import NAMESPACE, Fleet, Member
from benchmarks.measurement import Measurement, percentile
from benchmarks.name_watch import NameWatch
from sheetanchor.v1 import instance_pb2, registration_service_pb2

SERVICE = "leaving"
INTERVAL_SECONDS = 5
TTL_SECONDS = 15

LISTENER = Path(__file__).with_name("listener.py")


@dataclass(frozen=True, slots=True)
class Departure:
    """One way of leaving, measured some times."""

    way: str
    found_by: str
    seconds: Sequence[float]

    @property
    def measurement(self) -> Measurement:
        """The middle one, for the table."""
        worst = f"longest {max(self.seconds):.2f} s, n={len(self.seconds)}; {self.found_by}"
        return Measurement(f"{self.way} to gone from DNS", self.p50, "s", note=worst)

    @property
    def p50(self) -> float:
        """The middle one."""
        return percentile(self.seconds, 0.5)


class Target:
    """A real process that listens on its own address, registered through the stubs."""

    def __init__(self, fleet: Fleet, number: int, check: bool, service: str = SERVICE) -> None:
        self.fleet = fleet
        self.service = service
        self.address = f"127.99.{number // 200}.{number % 200 + 1}"
        self.instance = f"i{number}"
        self.check = check
        self.member: Member | None = None
        self.beats: asyncio.Task[None] | None = None
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Listen, then register, then keep the lease."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(LISTENER), self.address, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout
        port = int(await self.process.stdout.readline())
        kind = (
            instance_pb2.HealthCheck.KIND_TCP if self.check else instance_pb2.HealthCheck.KIND_NONE
        )
        answer = await self.fleet.stub.RegisterInstance(
            registration_service_pb2.RegisterInstanceRequest(
                parent=f"namespaces/{NAMESPACE}/services/{self.service}",
                instance_id=self.instance,
                ttl=Duration(seconds=TTL_SECONDS),
                instance=instance_pb2.Instance(
                    locality=instance_pb2.Locality(region=self.fleet.region),
                    addresses=[self.address],
                    ports=[instance_pb2.Port(number=port)],
                    health_check=instance_pb2.HealthCheck(kind=kind),
                ),
            )
        )
        self.member = Member(answer.instance.name, answer.instance.uid)
        self.beats = asyncio.create_task(
            self.fleet.beat_for_ever([self.member.uid], INTERVAL_SECONDS, 0)
        )

    async def end(self) -> None:
        """kill -9: the listener dies, and the heartbeats with it."""
        if self.beats:
            self.beats.cancel()
            await asyncio.gather(self.beats, return_exceptions=True)
        if self.process and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    async def deregister(self) -> None:
        """Leave by its own word."""
        assert self.member
        await self.fleet.stub.DeregisterInstance(
            registration_service_pb2.DeregisterInstanceRequest(
                name=self.member.name, uid=self.member.uid
            )
        )

    async def drain(self) -> None:
        """Ask for no new clients."""
        assert self.member
        await self.fleet.stub.DrainInstance(
            registration_service_pb2.DrainInstanceRequest(
                name=self.member.name, uid=self.member.uid
            )
        )


async def measure(fleet: Fleet, watch: NameWatch, zone: str, *, rounds: int) -> list[Departure]:
    """Let instances of a name leave in each way; another instance of it stays all along."""
    name = f"{SERVICE}.{NAMESPACE}.svc.{zone}"
    stayer = Target(fleet, 0, check=True)
    stayers = [stayer]
    await stayer.start()
    number = 0
    found = []
    try:
        await watch.until(name, stayer.address, present=True, seconds=30)
        for way, found_by, check, leave in (
            ("deregistration", "the owner's word", True, Target.deregister),
            ("drain", "the owner's word", True, Target.drain),
            ("kill -9, port checked", "3 refused probes, half a second apart", True, Target.end),
            ("kill -9, unchecked", "the end of a 15 s lease", False, Target.end),
        ):
            # The last kind takes the length of a lease, so all its instances leave at once; and
            # since silence is no more than weak evidence, of which a name bears one in half a
            # minute, each leaves a name of its own.
            targets = [
                Target(fleet, number + 1 + index, check, SERVICE if check else f"leaving-{index}")
                for index in range(rounds)
            ]
            number += rounds
            for target in targets:
                if not check:
                    number += 1
                    stayers.append(Target(fleet, number, check, target.service))
                    await stayers[-1].start()
                await target.start()
                own = name.replace(SERVICE, target.service, 1)
                await watch.until(own, target.address, present=True, seconds=30)

            async def go(target: Target, leave=leave) -> float:  # type: ignore[no-untyped-def]  # bound per loop
                begin = time.perf_counter()
                await leave(target)
                own = name.replace(SERVICE, target.service, 1)
                return await watch.until(own, target.address, present=False, seconds=60) - begin

            if check:
                seconds = [await go(target) for target in targets]
            else:
                seconds = list(await asyncio.gather(*(go(target) for target in targets)))
            found.append(Departure(way, found_by, seconds))
            await asyncio.gather(*(target.end() for target in targets))
    finally:
        await asyncio.gather(*(stayer.end() for stayer in stayers))
    return found


def as_page(departures: Sequence[Departure], machine: str) -> str:
    """The page docs/reference/departures.md."""
    rows = [
        (d.way, d.found_by, *(f"{t:.2f} s" for t in (min(d.seconds), d.p50, max(d.seconds))))
        for d in departures
    ]
    return PAGE.format(
        rows="\n".join(f"| {' | '.join(row)} |" for row in rows),
        count=len(departures[0].seconds),
        machine=machine,
        interval=INTERVAL_SECONDS,
        ttl=TTL_SECONDS,
    )


PAGE = """# How an instance leaves DNS

Measured from the moment of leaving until the frontend's answers are without it. Resolvers may
go on using an older answer for its TTL, 10 s by default.

| way | found by | shortest | middle | longest |
|---|---|---|---|---|
{rows}

n = {count} each, on {machine}: one registry with SQLite, one DNS
frontend, heartbeats every {interval} s under a lease of {ttl} s, another instance of the name
staying all along. Measure again:

```sh
make bench ARGS="departures --write docs/reference/departures.md"
```
"""
