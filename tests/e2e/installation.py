"""An installation of real processes: registries, frontends, and ways to ask them."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import grpc
import pytest

from benchmarks.process import ServerProcess, ready, wait_for
from benchmarks.servers import dns_arguments, registry_arguments
from sheetanchor.cli.demo.port import free_port
from sheetanchor.v1 import admin_service_pb2, admin_service_pb2_grpc, instance_pb2

ZONE = "anchor.internal."


@dataclass
class Server:
    """A server process that can be killed and started again at its address."""

    process: ServerProcess
    port: int
    http_port: int
    data_dir: Path

    @property
    def address(self) -> str:
        """`HOST:PORT` of its main service."""
        return f"127.0.0.1:{self.port}"

    def start(self, *, wait: bool = True) -> None:
        """Start, and wait until it says that it is ready."""
        self.process.start()
        if wait:
            self.await_ready()

    def await_ready(self, seconds: float = 90.0) -> None:
        """Wait for its word; fail at once when it has ended."""

        def look() -> bool:
            assert self.process.alive, f"{self.process} ended:\n{self.process.tail()}"
            return ready(self.http_port)

        wait_for(f"{self.process} ready", look, seconds)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def restart(self) -> None:
        """kill -9, then start anew."""
        self.kill()
        self.start()


@dataclass
class Installation:
    """All processes of one test, below one directory."""

    directory: Path
    servers: list[Server] = field(default_factory=list)

    def registry(self, name: str, *regions: str, database_url: str = "") -> Server:
        """A registry node that owns a cell for each of `regions`; not started yet."""
        port, http_port, data_dir = free_port(), free_port(), self.directory / name
        arguments = registry_arguments(data_dir, port, http_port, regions, database_url)
        return self._add(name, arguments, port, http_port, data_dir)

    def frontend(
        self, name: str, region: str, regions: Sequence[str], *clusters: Sequence[Server]
    ) -> Server:
        """A frontend in `region` that follows registry `clusters`; not started yet."""
        port, http_port, data_dir = free_port(), free_port(), self.directory / name
        arguments = dns_arguments(
            data_dir,
            port,
            http_port,
            region=region,
            regions=regions,
            registries=[",".join(node.address for node in nodes) for nodes in clusters],
        )
        return self._add(name, arguments, port, http_port, data_dir)

    def stop(self) -> None:
        """End all processes."""
        for server in reversed(self.servers):
            server.kill()

    def _add(
        self, name: str, arguments: list[str], port: int, http_port: int, data_dir: Path
    ) -> Server:
        process = ServerProcess(name, arguments, self.directory / f"{name}.log")
        server = Server(process, port, http_port, data_dir)
        self.servers.append(server)
        return server


def dig(frontend: Server, name: str, kind: str, *options: str) -> list[str]:
    """What `dig +short` prints; the test is skipped on a machine without dig."""
    if shutil.which("dig") is None:
        pytest.skip("dig is not installed (Debian: apt-get install bind9-dnsutils)")
    command = ["dig", "@127.0.0.1", "-p", str(frontend.port), name, kind]
    command += ["+short", "+tries=1", "+time=30"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    return sorted(filter(None, done.stdout.splitlines()))


def ask(
    frontend: Server, name: str, kind: str, *, tcp: bool = False, number: int | None = None
) -> dns.message.Message:
    """One answer. Raises what dnspython raises; a lost datagram is asked for again.

    A set that does not fit a datagram is asked for over TCP, as resolvers do.
    """
    query = dns.message.make_query(name, kind, use_edns=0, payload=1232, id=number)
    over = dns.query.tcp if tcp else dns.query.udp
    for attempt in range(3):
        try:
            reply = over(query, "127.0.0.1", port=frontend.port, timeout=5)
            if not tcp and reply.flags & dns.flags.TC:
                return dns.query.tcp(query, "127.0.0.1", port=frontend.port, timeout=5)
            return reply
        except dns.exception.Timeout:
            if attempt == 2:
                raise
    raise AssertionError("not reached")


def answer_bytes(frontend: Server, name: str, kind: str, *, tcp: bool = False) -> bytes:
    """One answer as it came over the wire, without the ID.

    The ID is always the same one, since it chooses whose turn it is to come first.
    """
    return ask(frontend, name, kind, tcp=tcp, number=4711).wire[2:]  # type: ignore[index]  # set on receipt


def addresses(frontend: Server, name: str) -> set[str]:
    """The A records of a name; empty also when there is no answer at all."""
    try:
        reply = ask(frontend, name, "A")
    except (dns.exception.DNSException, OSError):
        return set()
    return {
        record.address
        for records in reply.answer
        if records.rdtype == dns.rdatatype.A
        for record in records
    }


def gauge(server: Server, name: str) -> set[float]:
    """What a server shows at `/metrics` of a gauge, for whatever attributes."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics", timeout=60) as page:
        lines = page.read().decode().splitlines()
    return {float(line.split()[-1]) for line in lines if line.startswith(f"sheetanchor_{name}{{")}


@contextmanager
def admin(registry: Server) -> Iterator[admin_service_pb2_grpc.AdminServiceStub]:
    """The operators' interface of a registry node."""
    with grpc.insecure_channel(registry.address) as channel:
        yield admin_service_pb2_grpc.AdminServiceStub(channel)


def instances(registry: Server, parent: str = "") -> dict[str, instance_pb2.Instance]:
    """All instances below `parent`, by name, page after page."""
    found: dict[str, instance_pb2.Instance] = {}
    token = ""
    with admin(registry) as stub:
        while True:
            page = stub.ListInstances(
                admin_service_pb2.ListInstancesRequest(
                    parent=parent, page_size=1000, page_token=token
                ),
                timeout=60,
            )
            found |= {instance.name: instance for instance in page.instances}
            token = page.next_page_token
            if not token:
                return found
