"""A gRPC service, registered through the generated stubs alone, comes into DNS and leaves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from installation import ZONE, Installation, Server, addresses, dig, instances

from benchmarks.process import stays_true, wait_for
from sheetanchor.v1 import instance_pb2

NUMBERS = count(1)
PROGRAM = Path(__file__).with_name("stub_service.py")
ROOT = Path(__file__).resolve().parents[2]


class Greeter:
    """One instance of a service: a process of its own at an address of its own."""

    def __init__(self, registry: Server, service: str, address: str, number: int) -> None:
        self.name = f"{service}.default.svc.{ZONE}"
        self.address = address
        self.instance = f"{service}-{number}"
        arguments = [registry.address, "east", service, self.instance, address]
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the greeter
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )
        assert self.process.stdout
        said = self.process.stdout.readline()
        assert said, self.said_wrong()
        self.port = int(said)

    def said_wrong(self) -> str:
        """What it wrote to standard error."""
        self.errors.seek(0)
        return self.errors.read().decode()

    def signal(self, what: signal.Signals) -> None:
        """Tell it to deregister, to drain, or to die."""
        self.process.send_signal(what)


@pytest.fixture
def registry(installation: Installation) -> Server:
    """The test's own: what dies in one test draws on the budgets of the next one's cell (I8)."""
    found = installation.registry("registry", "east")
    found.start()
    return found


@pytest.fixture
def frontend(installation: Installation, registry: Server) -> Server:
    """A frontend that follows it."""
    found = installation.frontend("frontend", "east", ["east"], [registry])
    found.start()
    return found


@pytest.fixture
def greeters(registry: Server, frontend: Server) -> Iterator[list[Greeter]]:
    """Two instances of the test's own service, both in DNS."""
    service = next(NUMBERS)
    found: list[Greeter] = []
    try:
        for number in (1, 2):
            address = f"127.88.{service}.{number}"
            found.append(Greeter(registry, f"greeter{service}", address, number))
        both = {greeter.address for greeter in found}
        wait_for("both in DNS", lambda: addresses(frontend, found[0].name) == both, 60)
        yield found
    finally:
        for greeter in found:
            greeter.process.kill()
            greeter.process.wait()
            greeter.errors.close()


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_finds_addresses_and_ports(
    frontend: Server, greeters: list[Greeter], transport: str
) -> None:
    """A and SRV resolve over UDP and TCP, and an SRV target resolves to its instance."""
    name = greeters[0].name
    assert dig(frontend, name, "A", transport) == sorted(g.address for g in greeters)
    expected = sorted(f"0 1 {g.port} {g.instance}.{name}" for g in greeters)
    assert [_unweighted(line) for line in dig(frontend, name, "SRV", transport)] == [
        _unweighted(line) for line in expected
    ]
    ports = dig(frontend, f"_grpc._tcp.{name}", "SRV", transport)
    assert [_unweighted(line) for line in ports] == [_unweighted(line) for line in expected]
    for greeter in greeters:
        found = dig(frontend, f"{greeter.instance}.{name}", "A", transport)
        assert found == [greeter.address]


def _unweighted(line: str) -> str:
    """An SRV line without its weight, whose scale is the server's own business."""
    priority, _, port, target = line.split()
    return f"{priority} {port} {target}"


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(signal.SIGTERM, id="deregistration"),
        pytest.param(signal.SIGUSR1, id="drain"),
        pytest.param(signal.SIGKILL, id="kill -9"),
    ],
)
def test_instance_leaves_dns(
    frontend: Server, greeters: list[Greeter], way: signal.Signals
) -> None:
    """Whichever way an instance goes, the name keeps the other one alone."""
    leaving, staying = greeters
    leaving.signal(way)
    wait_for(
        f"{leaving.instance} gone from DNS",
        lambda: addresses(frontend, staying.name) == {staying.address},
        60,
    )
    if way is signal.SIGTERM:
        assert leaving.process.wait(60) == 0
        assert leaving.said_wrong() == "", "its stream of heartbeats ends in order"
    if way is signal.SIGUSR1:
        assert leaving.process.poll() is None, "a drained instance lives on"


def test_last_instance_leaving_empties_nothing(
    registry: Server, frontend: Server, greeters: list[Greeter]
) -> None:
    """With nobody left and no deletion asked for, the last set known is held (I7)."""
    first, last = greeters
    name = last.name
    first.signal(signal.SIGKILL)
    wait_for("one left", lambda: addresses(frontend, name) == {last.address}, 60)
    last.signal(signal.SIGTERM)
    last.process.wait(60)
    wait_for("the registry knows", lambda: not serving(registry, {first, last}), 60)
    stays_true("the name is answered", lambda: addresses(frontend, name), seconds=2)


def serving(registry: Server, greeters: set[Greeter]) -> list[str]:
    """Those that the registry holds to be healthy."""
    healthy = instance_pb2.HEALTH_HEALTHY
    ours = {greeter.instance for greeter in greeters}
    return [
        name
        for name, found in instances(registry).items()
        if found.health == healthy and name.rpartition("/")[2] in ours
    ]
