"""A drill on what is live: foreseen, begun by one command, and over though all else is dead."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time

import grpc
import pytest
from installation import ZONE, Installation, addresses, admin

from benchmarks.process import wait_for
from sheetanchor.client import Check, Registration
from sheetanchor.v1 import admin_service_pb2 as pb

REGIONS = ("east", "west")
HOME = {"east": "127.66.1.1", "west": "127.66.2.1"}
NAME = f"shop.default.svc.{ZONE}"


async def command(*words: str) -> str:
    """What `sheetanchor` prints, which must succeed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "sheetanchor", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_it_ends_by_itself_when_everything_that_began_it_is_dead(
    installation: Installation,
) -> None:
    """East's clients are sent to west by one command; then both registries are killed."""
    registries = {region: installation.registry(f"registry-{region}", region) for region in REGIONS}
    for registry in registries.values():
        registry.start(wait=False)
    clusters = [[registry] for registry in registries.values()]
    frontend = installation.frontend("dns-east", "east", REGIONS, *clusters)
    frontend.start(wait=False)
    for server in (*registries.values(), frontend):
        server.await_ready()
    pinned = f"shop.default.svc.east.region.{ZONE}"
    async with contextlib.AsyncExitStack() as stack:
        for region, registry in registries.items():
            await stack.enter_async_context(
                Registration(
                    "shop",
                    region=region,
                    addresses=HOME[region],
                    ports=80,
                    instance="only",
                    check=Check("none"),
                    registries=registry.address,
                    drain_seconds=0,
                )
            )
        for region in REGIONS:
            name = f"shop.default.svc.{region}.region.{ZONE}"
            await asyncio.to_thread(
                wait_for, name, lambda n=name, r=region: addresses(frontend, n) == {HOME[r]}
            )
        with admin(registries["east"]) as stub:
            for cell, asked in (("nowhere", 5), ("east", 7200)):
                request = pb.DivertServiceRequest(
                    name="namespaces/default/services/shop", cell=cell, reason="a drill"
                )
                request.duration.seconds = asked
                with pytest.raises(grpc.RpcError):
                    await asyncio.to_thread(stub.DivertService, request, timeout=60)
        assert addresses(frontend, NAME) == {HOME["east"]}, "what is refused changes nothing"
        foreseen = await command(
            *("drill", "region-loss", "east", "--dry-run"),
            *("--registry", registries["east"].address),
            *("--registry", registries["west"].address),
        )
        rows = [" ".join(line.split()) for line in foreseen.splitlines()[1:]]
        assert rows == [
            "default/shop east east (1) NORMAL west (1) FAILOVER",
            "default/shop west west (1) NORMAL the same",
        ]
        seconds = 10
        while True:
            end = time.monotonic() + seconds  # it begins later than now, and so it ends later
            said = await command(
                *("divert", "default/shop", "--cell", "east", "--for", str(seconds)),
                *("--reason", "a drill", "--registry", registries["east"].address),
            )
            assert "clients of cell east go elsewhere until" in said
            await asyncio.to_thread(
                wait_for,
                "west answers",
                lambda end=end: (
                    addresses(frontend, NAME) == {HOME["west"]} or time.monotonic() > end
                ),
            )
            assert addresses(frontend, pinned) == {HOME["east"]}, "a pinned name goes nowhere"
            for registry in registries.values():
                registry.kill()
            await asyncio.to_thread(frontend.restart)
            found = addresses(frontend, NAME)
            if time.monotonic() < end:
                break
            # a busy machine: it was over before the look was; once more, with more time for it
            seconds *= 2
            for registry in registries.values():
                await asyncio.to_thread(registry.start)
        assert found == {HOME["west"]}, "as before the restart (I16)"
        await asyncio.to_thread(
            wait_for,
            "east answers again",
            lambda: addresses(frontend, NAME) == {HOME["east"]},
            seconds + 90,
        )
