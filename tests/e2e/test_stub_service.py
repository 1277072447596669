"""A gRPC service, registered through the generated stubs alone, comes into DNS and leaves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import ZONE, Installation, Server, addresses, dig, instances

from benchmarks.process import stays_true, wait_for
from sheetanchor.v1 import instance_pb2

SERVICE = "greeter"
NAME = f"{SERVICE}.default.svc.{ZONE}"
PROGRAM = Path(__file__).with_name("stub_service.py")
ROOT = Path(__file__).resolve().parents[2]


class Greeter:
    """One instance of the service: a process of its own at an address of its own."""

    def __init__(self, registry: Server, number: int) -> None:
        self.address = f"127.88.0.{number}"
        self.instance = f"greeter-{number}"
        arguments = [registry.address, "east", SERVICE, self.instance, self.address]
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def signal(self, what: signal.Signals) -> None:
        """Tell it to deregister, to drain, or to die."""
        self.process.send_signal(what)


@pytest.fixture
def frontend(installation: Installation) -> Server:
    """A frontend that follows `registry`."""
    registry = installation.registry("registry", "east")
    registry.start()
    found = installation.frontend("frontend", "east", ["east"], [registry])
    found.start()
    return found


@pytest.fixture
def greeters(installation: Installation, frontend: Server) -> Iterator[list[Greeter]]:
    """Two instances, both in DNS."""
    registry = installation.servers[0]
    found = [Greeter(registry, number) for number in (1, 2)]
    try:
        both = {greeter.address for greeter in found}
        wait_for("both in DNS", lambda: addresses(frontend, NAME) == both)
        yield found
    finally:
        for greeter in found:
            greeter.process.kill()
            greeter.process.wait()


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_finds_addresses_and_ports(
    frontend: Server, greeters: list[Greeter], transport: str
) -> None:
    """A and SRV resolve over UDP and TCP, and an SRV target resolves to its instance."""
    assert dig(frontend, NAME, "A", transport) == sorted(g.address for g in greeters)
    expected = sorted(f"0 1 {g.port} {g.instance}.{NAME}" for g in greeters)
    assert [_unweighted(line) for line in dig(frontend, NAME, "SRV", transport)] == [
        _unweighted(line) for line in expected
    ]
    ports = dig(frontend, f"_grpc._tcp.{NAME}", "SRV", transport)
    assert [_unweighted(line) for line in ports] == [_unweighted(line) for line in expected]
    for greeter in greeters:
        found = dig(frontend, f"{greeter.instance}.{NAME}", "A", transport)
        assert found == [greeter.address]


def _unweighted(line: str) -> str:
    """An SRV line without its weight, whose scale is the server's own business."""
    priority, _, port, target = line.split()
    return f"{priority} {port} {target}"


@pytest.mark.parametrize(
    ("way", "seconds"),
    [
        pytest.param(signal.SIGTERM, 5, id="deregistration"),
        pytest.param(signal.SIGUSR1, 5, id="drain"),
        pytest.param(signal.SIGKILL, 15, id="kill -9"),
    ],
)
def test_instance_leaves_dns(
    frontend: Server, greeters: list[Greeter], way: signal.Signals, seconds: float
) -> None:
    """Whichever way an instance goes, the name keeps the other one alone."""
    leaving, staying = greeters
    leaving.signal(way)
    wait_for(
        f"{leaving.instance} gone from DNS",
        lambda: addresses(frontend, NAME) == {staying.address},
        seconds,
    )
    if way is signal.SIGUSR1:
        assert leaving.process.poll() is None, "a drained instance lives on"


def test_last_instance_leaving_empties_nothing(
    installation: Installation, frontend: Server, greeters: list[Greeter]
) -> None:
    """With nobody left and no deletion asked for, the last set known is held (I7)."""
    first, last = greeters
    first.signal(signal.SIGKILL)
    wait_for("one left", lambda: addresses(frontend, NAME) == {last.address}, 15)
    last.signal(signal.SIGTERM)
    last.process.wait(10)
    wait_for("the registry knows", lambda: not serving(installation.servers[0]), 15)
    stays_true("the name is answered", lambda: addresses(frontend, NAME), seconds=2)


def serving(registry: Server) -> list[str]:
    """Instances that the registry holds to be healthy."""
    healthy = instance_pb2.HEALTH_HEALTHY
    return [name for name, found in instances(registry).items() if found.health == healthy]
