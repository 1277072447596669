"""A hundred thousand names of three addresses: start, memory, changes, and queries meanwhile.

Start and memory beside those of gdnsd and Knot, where they are installed, with the same zone.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.message

from benchmarks.changing_registry import ChangingRegistry
from benchmarks.dns_load import Mix, send, waits
from benchmarks.fleet import NAMESPACE, address_of
from benchmarks.measurement import Measurement
from benchmarks.name_server import NAME_SERVERS, ZONE, zone_text
from benchmarks.process import NotReady, wait_for
from benchmarks.servers import dns_arguments
from sheetanchor.cli.demo.port import free_port

NAMES, ADDRESSES = 100_000, 3
REGION = "near"
OTHERS = ("gdnsd", "knot")
STARTS = 5
CHANGES = 50
CHANGE_RATE = 100
_POLL_SECONDS = 0.001


def name_of(service: int) -> str:
    """The name of a service."""
    return f"s{service}.{NAMESPACE}.svc.{ZONE}."


class Asker:
    """Asks one server again and again, as cheaply as can be."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(0.05)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def addresses(self, name: str) -> set[str]:
        """What A is answered with; empty while there is no answer."""
        query = dns.message.make_query(name, "A")
        try:
            self._socket.send(query.to_wire())
            reply = dns.message.from_wire(self._socket.recv(4096))
            while reply.id != query.id:  # to one that we had given up
                reply = dns.message.from_wire(self._socket.recv(4096))
        except OSError:
            return set()
        return {data.address for rrset in reply.answer for data in rrset}


def tree_of(pid: int) -> Iterator[int]:
    """A process and its children."""
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from tree_of(int(child))


def resident_bytes(pid: int) -> int:
    """The memory of a process and its children; what they share is counted once (PSS)."""
    total = 0
    for each in tree_of(pid):
        with suppress(OSError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server on the first core."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["taskset", "-c", "0", *command], stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def first_answer_seconds(process_at: float, asker: Asker, name: str, right: set[str]) -> float:
    """From the start of the process to the first right answer. Raises NotReady."""

    def answered() -> bool:
        return asker.addresses(name) == right

    wait_for(f"the right answer for {name}", answered, 120, _POLL_SECONDS)
    return time.monotonic() - process_at


def frontend_command(data: Path, port: int, registry: str) -> list[str]:
    """Runs the frontend."""
    arguments = dns_arguments(
        data, port, free_port(), region=REGION, regions=(REGION,), registries=(registry,)
    )
    # what was known for long is as good here
    return [sys.executable, "-m", *arguments, "--stale-after", "1e9"]


async def measure(directory: Path, seconds: float) -> list[Measurement]:
    """All of it."""
    # the servers have the first core
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    chance = random.Random(1)
    registry = ChangingRegistry(REGION, NAMES, ADDRESSES)
    registry.write(directory / "loaded" / f"dns-{REGION}")
    ChangingRegistry(REGION, 1, ADDRESSES).write(directory / "empty" / f"dns-{REGION}")
    names = [name_of(service) for service in range(NAMES)]
    (directory / "all").write_text("".join(f"{name} A\n" for name in names))
    chosen = [chance.choice(names) for _ in range(50_000)]
    (directory / "some").write_text("".join(f"{name} A\n" for name in chosen))
    everything, some = Mix("all", directory / "all"), Mix("some", directory / "some")
    rows = _others(directory, chance)
    rows += await asyncio.to_thread(_starts, directory, chance)
    nobody = f"127.0.0.1:{free_port()}"
    port = free_port()
    empty = frontend_command(directory / "empty", port, nobody)
    with running(empty, directory / "empty.log") as process:
        await asyncio.to_thread(_settle, port, 0)
        bare = resident_bytes(process.pid)
    address = await registry.start()
    port = free_port()
    command = frontend_command(directory / "loaded", port, address)
    with running(command, directory / "large.log") as process:
        await asyncio.to_thread(_settle, port, 0)
        await _until_followed(registry)
        rows.append(_memory("memory an endpoint, loaded", process.pid, bare))
        await asyncio.to_thread(send, everything, port, 300.0, 1, "", times=1)
        rows.append(_memory("memory an endpoint, every name asked", process.pid, bare))
        rows.append(await _changes(registry, port, chance))
        rows += await _queries(registry, port, some, chance, seconds)
        rows.append(_memory("memory an endpoint, after the changes", process.pid, bare))
    await registry.stop()
    return rows


def _memory(name: str, pid: int, bare: int) -> Measurement:
    held = resident_bytes(pid)
    each = (held - bare) / (NAMES * ADDRESSES)
    goal = 400 if name.endswith("loaded") or name.endswith("asked") else None
    note = f"{held / 2**20:.0f} MiB, empty {bare / 2**20:.0f} MiB"
    return Measurement(name, each, "B", goal, note=note)


def _settle(port: int, service: int) -> None:
    """Return when it answers, and has had time to import what it imports after that."""
    asker = Asker(port)
    right = {address_of(service * ADDRESSES + n) for n in range(ADDRESSES)}
    first_answer_seconds(time.monotonic(), asker, name_of(service), right)
    asker.close()
    time.sleep(2.0)


async def _until_followed(registry: ChangingRegistry) -> None:
    await asyncio.to_thread(wait_for, "a frontend that follows", lambda: registry.followers, 60)


def _starts(directory: Path, chance: random.Random) -> list[Measurement]:
    taken = []
    nobody = f"127.0.0.1:{free_port()}"
    for _ in range(STARTS):
        port = free_port()
        command = frontend_command(directory / "loaded", port, nobody)
        taken.append(_start(command, directory / "start.log", port, chance.randrange(NAMES)))
    note = f"median of {STARTS}, {min(taken):.2f} to {max(taken):.2f}"
    name = "start from disk to the first right answer"
    return [Measurement(name, statistics.median(taken), "s", 1.0, note=note)]


def _start(command: Sequence[str], log: Path, port: int, service: int) -> float:
    right = {address_of(service * ADDRESSES + n) for n in range(ADDRESSES)}
    asker = Asker(port)
    begin = time.monotonic()
    with running(command, log):
        taken = first_answer_seconds(begin, asker, name_of(service), right)
    asker.close()
    return taken


def _others(directory: Path, chance: random.Random) -> list[Measurement]:
    records = [
        (name_of(number // ADDRESSES), address_of(number)) for number in range(NAMES * ADDRESSES)
    ]
    rows = []
    for server in NAME_SERVERS:
        if server.name not in OTHERS or server.path is None:
            continue
        held, taken = [], []
        try:
            for zone in (records[:ADDRESSES], records):
                own = directory / server.name
                shutil.rmtree(own, ignore_errors=True)
                own.mkdir()
                (own / "zone").write_text(zone_text(zone))
                port = free_port()
                command = list(server.configure(own, port))
                command[0] = server.path
                service = chance.randrange(len(zone) // ADDRESSES)
                right = {address_of(service * ADDRESSES + n) for n in range(ADDRESSES)}
                asker = Asker(port)
                begin = time.monotonic()
                with running(command, directory / f"{server.name}.log") as process:
                    taken.append(first_answer_seconds(begin, asker, name_of(service), right))
                    held.append(resident_bytes(process.pid))
                asker.close()
        except NotReady as error:
            print(f"... left out: {error}", file=sys.stderr)
            continue
        rows.append(Measurement(f"start of {server.name}", taken[1], "s"))
        each = (held[1] - held[0]) / (NAMES * ADDRESSES)
        rows.append(Measurement(f"memory an endpoint of {server.name}", each, "B"))
    return rows


async def _changes(registry: ChangingRegistry, port: int, chance: random.Random) -> Measurement:
    taken = []
    asker = Asker(port)
    for _ in range(CHANGES):
        service = chance.randrange(NAMES)
        begin = time.monotonic()
        address = registry.change(service)

        def told(service: int = service, address: str = address) -> None:
            wait_for(
                "the change in DNS",
                lambda: address in asker.addresses(name_of(service)),
                30,
                _POLL_SECONDS,
            )

        await asyncio.to_thread(told)
        taken.append((time.monotonic() - begin) * 1000)
        await asyncio.sleep(0.02)
    asker.close()
    note = f"from its sending to its answer, median of {CHANGES}, slowest {max(taken):.1f}"
    return Measurement("a change applied", statistics.median(taken), "ms", 10, note=note)


async def _queries(
    registry: ChangingRegistry, port: int, mix: Mix, chance: random.Random, seconds: float
) -> list[Measurement]:
    """p99 of a light load without changes and with them, in turn.

    The registry works as much in both, so that what it takes of the load's core counts in neither;
    every name asked was asked before.
    """
    await asyncio.to_thread(waits, mix, port, seconds, 1, "")
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(3):
        for changing in (False, True):
            change = registry.change if changing else registry.change_unheard
            changes = asyncio.create_task(_change_on(change, chance))
            _, p99 = await asyncio.to_thread(waits, mix, port, seconds, 1, "")
            found[changing].append(p99)
            changes.cancel()
            await asyncio.wait({changes})
    quiet, busy = statistics.median(found[False]), statistics.median(found[True])
    words = f"{CHANGE_RATE} changes/s over without"
    note = f"{quiet:.2f} ms without, {busy:.2f} ms with; medians of 3"
    return [Measurement(f"p99 of queries, {words}", busy / max(quiet, 0.01), "x", 1.5, note=note)]


async def _change_on(change: Callable[[int], object], chance: random.Random) -> None:
    begin = time.monotonic()
    count = 0
    while True:
        change(chance.randrange(NAMES))
        count += 1
        await asyncio.sleep(max(0.0, begin + count / CHANGE_RATE - time.monotonic()))
