"""`make bench`: starts the servers, measures, prints a table with the goals beside it."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks import departures, flood, probes, publication, steady_beat, throughput
from benchmarks.bed import Bed
from benchmarks.fleet import address_of
from benchmarks.measurement import Measurement, as_table

LARGE, SMALL = 10_000, 1_000
RATE = 50.0

Part = Callable[[Bed, argparse.Namespace], Awaitable[list[Measurement]]]


async def part_publication(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """Registration to visible in DNS, at two sizes, with and without a health check."""
    rows = []
    for check in (True, False):
        words = "with a TCP check" if check else "without a check"
        runs = {}
        for size in (SMALL, LARGE):
            async with bed.registry_and_frontend() as (fleet, watch, listener):
                runs[size] = await publication.measure(
                    fleet,
                    watch,
                    bed.zone,
                    endpoints=size,
                    listener_port=listener,
                    check=check,
                    rate=RATE,
                    seconds=options.seconds,
                )
            for share, goal in (("p50", 25.0), ("p99", 100.0)):
                value = runs[size].p50_ms if share == "p50" else runs[size].p99_ms
                name = f"registration to DNS, {words}, {size:,} endpoints, {share}"
                note = f"{RATE:g}/s, n={runs[size].samples}"
                rows.append(Measurement(name, value, "ms", goal, note=note))
        ratio = runs[LARGE].p50_ms / runs[SMALL].p50_ms
        name = f"registration to DNS, {words}, p50 at {LARGE:,} over {SMALL:,}"
        rows.append(Measurement(name, ratio, "x", 1.5))
    return rows


async def part_renewals(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """Renewals through one stream."""
    async with bed.registry() as (fleet, _, _):
        members = await fleet.register_many(range(LARGE), throughput.SERVICES)
        uids = [member.uid for member in members]
        rate = await throughput.streamed_renewals(fleet, uids, options.seconds / 2, window=32)
    note = "one stream, 100 a message, durable"
    return [Measurement("renewals", rate, "/s", 50_000, True, note)]


async def part_registrations(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """Unary and batched registrations."""
    async with bed.registry() as (fleet, _, _):
        unary = await throughput.unary_registrations(fleet, 0, options.seconds / 2, in_flight=64)
    async with bed.registry() as (fleet, _, _):
        batched = await throughput.batched_registrations(fleet, 0, 30_000)
    return [
        Measurement("unary registrations", unary, "/s", 1_500, True, "64 in flight, durable"),
        Measurement("batched registrations", batched, "/s", 5_000, True, "100 a call, durable"),
    ]


async def part_steady(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """CPU and database size under a quiet fleet."""
    seconds = 600.0 if options.full else options.steady_seconds
    async with bed.registry() as (fleet, server, data_dir):
        cost = await steady_beat.measure(
            [fleet], server, data_dir, instances=LARGE, agents=100, seconds=seconds
        )
    ran = f"{seconds:g} s measured"
    return [
        Measurement(
            "CPU, 10,000 instances beating every 5 s",
            cost.core_share * 100,
            "% of a core",
            25,
            note=f"100 agents, a stream of 100 leases each; {ran}",
        ),
        Measurement("database before", cost.bytes_before / 2**20, "MiB"),
        Measurement("database after", cost.bytes_after / 2**20, "MiB", note=ran),
        Measurement(
            "database growth in 10 minutes",
            max(0.0, cost.growth_per_minute * 10 / 2**20),
            "MiB",
            1,
            note=ran if options.full else f"extrapolated from {ran}; --full runs 10 minutes",
        ),
    ]


async def part_departures(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """How an instance leaves DNS."""
    async with bed.registry_and_frontend() as (fleet, watch, _):
        rows = await departures.measure(fleet, watch, bed.zone, rounds=options.rounds)
    options.page = departures.as_page(rows, machine())
    return [row.measurement for row in rows]


async def part_probes(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """What probing a large cell costs, in health and when a third of it falls silent."""
    rows = []
    for silent, words in ((0, "all healthy"), (LARGE // 3, "a third silent")):
        with bed.one_core():
            cost = await probes.measure(LARGE, silent, options.seconds)
        name = f"CPU of TCP probes, {LARGE:,} endpoints at 5 s, {words}"
        note = f"{cost.rate:,.0f} probes/s, n={cost.probes:,}; a probe of the healthy waits "
        note += f"{cost.wait_p99_seconds * 1000:.0f} ms at most (p99)"
        rows.append(Measurement(name, cost.core_share * 100, "% of a core", 50, note=note))
    return rows


async def part_hostile(bed: Bed, options: argparse.Namespace) -> list[Measurement]:
    """What a flood does to good queries, and to memory."""
    async with bed.registry_and_frontend() as (fleet, watch, _):
        await fleet.register_many(range(SMALL), SMALL // 10)
        names = [f"s{n}.bench.svc.{bed.zone}" for n in range(SMALL // 10)]
        for number in range(SMALL):
            name = names[number % len(names)]
            await watch.until(name, address_of(number), present=True, seconds=30)
        assert bed.frontend is not None
        before = bed.frontend.resident_bytes()
        host, port = watch.address
        seen = await asyncio.to_thread(flood.measure, host, port, names, options.seconds)
        grown = bed.frontend.resident_bytes() - before
        alive = bed.frontend.alive
    ratio = seen.flooded.p99_ms / seen.quiet.p99_ms
    waited = f"{seen.quiet.p99_ms:.2f} ms quiet, {seen.flooded.p99_ms:.2f} ms flooded"
    answered = f"{seen.flood_answered:,} of {seen.flood_sent:,} of the flood answered"
    lost = seen.quiet.lost + seen.flooded.lost
    return [
        Measurement("p99 of known names, tenfold flood over quiet", ratio, "x", 2, note=waited),
        Measurement("known names lost meanwhile", lost, "", 0, note=answered),
        Measurement("frontend memory grown by the flood", grown / 2**20, "MiB", 16),
        Measurement("frontend alive after it", float(alive), "", 1, True),
    ]


PARTS: dict[str, Part] = {
    "publication": part_publication,
    "renewals": part_renewals,
    "registrations": part_registrations,
    "steady": part_steady,
    "departures": part_departures,
    "probes": part_probes,
    "hostile": part_hostile,
}


def machine() -> str:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.processor()
    return f"{os.cpu_count()} cores of {processor}, Python {platform.python_version()}"


def options_of(arguments: list[str]) -> argparse.Namespace:
    """The command line, read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--full", action="store_true", help="the steady part takes 10 minutes")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of other runs")
    parser.add_argument("--steady-seconds", type=float, default=45.0, help="length of that part")
    parser.add_argument("--rounds", type=int, default=5, help="departures of each kind")
    parser.add_argument("--write", metavar="FILE", help="write the departures' table there")
    options = parser.parse_args(arguments)
    if options.write and options.parts and "departures" not in options.parts:
        parser.error("--write: the departures are not measured")
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


async def run(options: argparse.Namespace) -> list[Measurement]:
    """Run the wanted parts one after the other, each on fresh servers."""
    rows: list[Measurement] = []
    for name in options.parts or PARTS:
        print(f"... {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="sheetanchor-bench-") as directory:
            rows += await PARTS[name](Bed(Path(directory)), options)
    return rows


def main() -> int:
    """Measure and print. 0, also when a goal was missed: a busy machine is no failure."""
    options = options_of(sys.argv[1:])
    rows = uvloop.run(run(options))
    if options.write:
        Path(options.write).write_text(options.page)
    if options.json:
        found = [dataclasses.asdict(row) | {"met": row.met} for row in rows]
        print(json.dumps({"machine": machine(), "measurements": found}, indent=2))
    else:
        print(f"{machine()}\n\n{as_table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
