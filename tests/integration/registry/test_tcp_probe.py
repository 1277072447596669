"""TCP probes of real sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from registry_site import eventually

from registry.adapters.probe.tcp import TcpProber, evidence_of
from registry.domain.health import Evidence
from registry.domain.instance import Check, CheckKind
from registry.domain.names import InstanceId, InstanceKey, NamespaceId, ServiceId

KEY = InstanceKey(NamespaceId("shop"), ServiceId("cart"), InstanceId("i1"))
HAS_IPV6 = Path("/proc/net/if_inet6").exists()


@contextmanager
def listening(address: str = "127.0.0.1", backlog: int = 16) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((address, 0))
        server.listen(backlog)
        yield server.getsockname()[1]


@contextmanager
def silent() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what comes, as a dead machine would."""
    with listening(backlog=0) as port, ExitStack() as fillers:
        for _ in range(8):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


def connections_in_time_wait(port: int) -> list[list[str]]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if row[3] == "06" and f":{port:04X}" in row[1] + row[2]]


def check(port: int, timeout_seconds: float = 30.0) -> Check:
    return Check(CheckKind.TCP, port, timeout_seconds=timeout_seconds)


@contextmanager
def deaf() -> Iterator[int]:
    """A port where nobody listens, and nobody else can meanwhile."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_port_that_accepts_is_validated(address: str) -> None:
    if address == "::1" and not HAS_IPV6:
        pytest.skip("this machine has no IPv6")
    with listening(address) as port:
        assert await TcpProber().probe(check(port), address, KEY) is Evidence.VALIDATED


async def test_a_port_where_nobody_listens_refuses() -> None:
    with deaf() as port:
        assert await TcpProber().probe(check(port), "127.0.0.1", KEY) is Evidence.REFUSED


async def test_a_port_that_does_not_answer_times_out_in_its_time() -> None:
    with silent() as port:
        begun = asyncio.get_running_loop().time()
        result = await TcpProber().probe(check(port, 0.1), "127.0.0.1", KEY)
        assert result is Evidence.TIMEOUT
        # long before the system would give up, which tries for two minutes
        assert 0.09 <= asyncio.get_running_loop().time() - begun < 60.0


async def test_without_a_check_the_lease_speaks() -> None:
    assert (
        await TcpProber().probe(Check(CheckKind.NONE), "127.0.0.1", KEY) is Evidence.LEASE_RENEWED
    )


@pytest.mark.parametrize(
    ("number", "evidence"),
    [
        (0, Evidence.VALIDATED),
        (errno.ECONNREFUSED, Evidence.REFUSED),
        (errno.ETIMEDOUT, Evidence.TIMEOUT),
        (errno.ECONNRESET, Evidence.REFUSED),
        (errno.EHOSTUNREACH, Evidence.TIMEOUT),
        (errno.ENETUNREACH, Evidence.TIMEOUT),
        (errno.EMFILE, Evidence.NONE),
        (errno.EADDRNOTAVAIL, Evidence.NONE),
    ],
)
def test_what_the_system_says_is_told_apart(number: int, evidence: Evidence) -> None:
    assert evidence_of(number) is evidence


async def test_a_machine_without_descriptors_to_spare_blames_nobody() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listening() as port:
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            assert await TcpProber().probe(check(port), "127.0.0.1", KEY) is Evidence.NONE
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_probes_leave_no_connections_behind() -> None:
    with listening(backlog=200) as port:
        for _ in range(100):
            await TcpProber().probe(check(port), "127.0.0.1", KEY)
        assert connections_in_time_wait(port) == []


async def test_a_cancelled_probe_closes_its_socket() -> None:
    with silent() as port:
        before = len(os.listdir("/proc/self/fd"))
        task = asyncio.create_task(TcpProber().probe(check(port, 30.0), "127.0.0.1", KEY))
        await eventually(lambda: len(os.listdir("/proc/self/fd")) > before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # what others before left open may be closed meanwhile
        await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)
