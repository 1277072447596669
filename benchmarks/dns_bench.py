"""`make bench-dns`: what a query costs this frontend, and what it costs others.

All servers have the same names, one worker, and the first core; dnsperf has the last.
They run in turn, in every round, so that what the machine does meanwhile harms all alike:
only ratios of one run count. CPU is that of all of a server's processes, a query answered,
with what a frontend does beside answering: it follows a registry that has no news.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from benchmarks import large_zone
from benchmarks.__main__ import machine
from benchmarks.changing_registry import ChangingRegistry
from benchmarks.dns_load import Mix, cookie_of, mixes, send, waits
from benchmarks.fleet import address_of
from benchmarks.measurement import as_table as measurements_table
from benchmarks.name_server import NAME_SERVERS, ZONE, zone_text
from benchmarks.process import NotReady, wait_for
from benchmarks.servers import dns_arguments
from sheetanchor.cli.demo.port import free_port

SERVICES, ENDPOINTS = 5_000, 3
REGION = "near"
FRONTENDS = {
    "sheetanchor, batch": ("--udp-loop", "batch"),
    "sheetanchor, python": ("--udp-loop", "python"),
    # on the one core: what it costs that there are two, not what they can do together
    "sheetanchor, 2 workers": ("--udp-loop", "batch", "--workers", "2"),
}
WARM_TIMES = 8
BASE = "gdnsd"
GOALS = {
    ("sheetanchor, batch", "plain, 5 % NXDOMAIN"): 1.0,
    ("sheetanchor, batch", "EDNS, cookie, random case"): 1.3,
    ("sheetanchor, batch", "NXDOMAIN of random names"): 1.3,
    ("sheetanchor, python", "plain, 5 % NXDOMAIN"): 1.6,
}


@dataclass(slots=True)
class Contestant:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    cookie: str = ""
    costs: dict[str, list[float]] = field(default_factory=dict)
    """Microseconds of CPU a query, by mix, one a round."""
    rates: dict[str, list[float]] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    waits: dict[str, tuple[float, float]] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """CPU time of the process and its children so far, with that of threads that ended."""
        return sum(map(_cpu_seconds, _tree(self.process.pid)))


def _cpu_seconds(pid: int) -> float:
    # clock_getcpuclockid(3), as Linux has it: all threads, ended ones too, and finer than the
    # ticks of /proc/PID/stat, which a short round has few of
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _addresses(port: int, name: str) -> int:
    query = dns.message.make_query(name, "A")
    try:
        reply = dns.query.udp(query, "127.0.0.1", port=port, timeout=1)
    except (dns.exception.DNSException, OSError):
        return 0
    return sum(len(rrset) for rrset in reply.answer)


@contextmanager
def contestants(directory: Path, data: Path, registry: str) -> Iterator[list[Contestant]]:
    """All servers, answering. Frontends begin with what is known, and follow the registry."""
    found: list[Contestant] = []
    try:
        for frontend, options in FRONTENDS.items():
            own = directory / frontend.rpartition(" ")[2]
            shutil.copytree(data, own)
            port = free_port()
            arguments = dns_arguments(
                own,
                port,
                free_port(),
                region=REGION,
                regions=(REGION,),
                registries=(registry,),
            )
            command = [sys.executable, "-m", *arguments, *options]
            found.append(_start(frontend, command, port, directory))
        records = [
            (f"s{number // ENDPOINTS}.bench.svc.{ZONE}.", address_of(number))
            for number in range(SERVICES * ENDPOINTS)
        ]
        for server in NAME_SERVERS:
            if server.path is None:
                print(f"... {server.name} is not installed", file=sys.stderr)
                continue
            own = directory / server.name
            own.mkdir()
            (own / "zone").write_text(zone_text(records))
            port = free_port()
            command = list(server.configure(own, port))
            command[0] = server.path
            found.append(_start(server.name, command, port, directory))
        name = f"s1.bench.svc.{ZONE}."
        for each in list(found):

            def answers(port: int = each.port) -> bool:
                return _addresses(port, name) == 3

            try:
                wait_for(f"{each.name} answers", answers, 30)
            except NotReady as error:
                if each.name.startswith("sheetanchor"):
                    raise
                log = (directory / f"{each.name}.log").read_text(errors="replace")
                print(f"... left out: {error}\n{log[-500:]}", file=sys.stderr)
                each.process.kill()
                found.remove(each)
            each.cookie = cookie_of(each.port, name)
        yield found
    finally:
        for each in found:
            each.process.kill()
            each.process.wait()


def _start(name: str, command: Sequence[str], port: int, directory: Path) -> Contestant:
    log = (directory / f"{name}.log").open("wb")
    process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=log, stderr=log)
    return Contestant(name, port, process)


def measure(
    found: list[Contestant], warm: Mix, kinds: list[Mix], options: argparse.Namespace
) -> None:
    """All mixes at all servers, in turn, round by round."""
    core = (os.cpu_count() or 1) - 1
    for each in found:
        # whatever is made when it is first asked for, in each worker that may be asked
        send(warm, each.port, 30.0, core, each.cookie, times=WARM_TIMES)
    for mix in kinds:
        for each in found:
            # what is compiled or denied for the first time, however slow the machine is today:
            # each round begins with the first of the same queries again
            send(mix, each.port, 30.0, core, each.cookie, times=1)
        for number in range(options.rounds):
            print(f"... {mix.name}, round {number + 1}", file=sys.stderr, flush=True)
            for each in found:
                before = each.cpu_seconds()
                load = send(mix, each.port, options.seconds, core, each.cookie)
                # what was received late is counted too
                time.sleep(0.05)
                spent = each.cpu_seconds() - before
                each.costs.setdefault(mix.name, []).append(spent / max(1, load.completed) * 1e6)
                each.rates.setdefault(mix.name, []).append(load.rate)
                each.lost[mix.name] = each.lost.get(mix.name, 0) + load.lost
        for each in found:
            each.waits[mix.name] = waits(mix, each.port, 1.0, core, each.cookie)


@dataclass(frozen=True, slots=True)
class Row:
    """One server under one mix: medians of the rounds."""

    mix: str
    server: str
    cpu_us: float
    """Of CPU time, a query answered."""
    ratio: float
    """Of that to the first server to compare with, gdnsd where it ran: the rounds' median, since
    each round had its own weather."""
    queries_per_second: float
    p50_ms: float
    p99_ms: float
    lost: int
    goal: float | None
    """The most that the ratio may be."""


def rows_of(found: list[Contestant], kinds: list[Mix]) -> list[Row]:
    """What came out."""
    base = next((each for each in found if each.name == BASE), found[0])
    return [
        Row(
            mix.name,
            each.name,
            statistics.median(each.costs[mix.name]),
            statistics.median(
                mine / theirs
                for mine, theirs in zip(each.costs[mix.name], base.costs[mix.name], strict=True)
            ),
            statistics.median(each.rates[mix.name]),
            *each.waits[mix.name],
            each.lost[mix.name],
            GOALS.get((each.name, mix.name)) if base.name == BASE else None,
        )
        for mix in kinds
        for each in found
    ]


def as_table(rows: list[Row]) -> str:
    """Markdown."""
    base = BASE if any(row.server == BASE for row in rows) else rows[0].server
    lines = [
        f"| mix | server | CPU a query | of {base}'s | queries/s | p50 | p99 | lost | goal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        verdict = ""
        if row.goal is not None:
            verdict = f"<= {row.goal} {'met' if row.ratio <= row.goal else 'MISSED'}"
        lines.append(
            f"| {row.mix} | {row.server} | {row.cpu_us:.2f} us | {row.ratio:.2f} "
            f"| {row.queries_per_second:,.0f} | {row.p50_ms:.2f} ms | {row.p99_ms:.2f} ms "
            f"| {row.lost} | {verdict} |"
        )
    return "\n".join(lines)


async def _compare(directory: Path, options: argparse.Namespace) -> list[Row]:
    print("... loading", file=sys.stderr, flush=True)
    registry = ChangingRegistry(REGION, SERVICES, ENDPOINTS)
    registry.write(directory / "loaded" / f"dns-{REGION}")
    address = await registry.start()
    try:
        return await asyncio.to_thread(_compare_with, registry, directory, address, options)
    finally:
        await registry.stop()


def _compare_with(
    registry: ChangingRegistry, directory: Path, address: str, options: argparse.Namespace
) -> list[Row]:
    names = [f"s{number}.bench.svc.{ZONE}." for number in range(SERVICES)]
    (directory / "warm").write_text("".join(f"{name} A\n" for name in names))
    kinds = mixes(directory, names)
    with contestants(directory, directory / "loaded", address) as found:
        everyone = len(FRONTENDS)
        wait_for("frontends that follow", lambda: registry.followers == everyone, 30)
        measure(found, Mix("warm", directory / "warm"), kinds, options)
    return rows_of(found, kinds)


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sheetanchor-bench-") as name:
        directory = Path(name)
        # some of the servers read it as users of their own
        directory.chmod(0o755)
        yield directory


def main() -> int:
    """Measure and print. 0, also when a goal was missed: a busy machine is no failure."""
    parser = argparse.ArgumentParser(prog="make bench-dns", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load, a round and server")
    parser.add_argument("--short", action="store_true", help="two rounds of a second: a look")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--part", choices=("mixes", "large"), help="one of the two; default: both")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.seconds = 2, 1.0
    if shutil.which("dnsperf") is None:
        print("bench-dns: needs dnsperf (Debian: apt-get install dnsperf)", file=sys.stderr)
        return 1
    report: dict[str, object] = {"machine": machine()}
    text = [machine()]
    if options.part != "large":
        with _directory() as directory:
            rows = asyncio.run(_compare(directory, options))
        report["rows"] = [dataclasses.asdict(row) for row in rows]
        text.append(as_table(rows))
    if options.part != "mixes":
        print("... a large zone", file=sys.stderr, flush=True)
        with _directory() as directory:
            found = asyncio.run(large_zone.measure(directory, 2 * options.seconds))
        report["large"] = [dataclasses.asdict(row) | {"met": row.met} for row in found]
        text.append(measurements_table(found))
    print(json.dumps(report, indent=2) if options.json else "\n\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
