"""A frontend that may open few files answers over TCP all the same, and lacks none for the rest."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.message
import dns.query
import pytest
from dns_server_thread import receive

from benchmarks.process import ROOT, wait_for
from sheetanchor.cli.demo.port import free_port

OPEN_FILES = 40
WARNING = "the limit of open files is low, so fewer TCP connections are taken"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a frontend under a limit that its own needs nearly use up; nobody to follow."""
    found = free_port()
    options = {
        "--data-dir": str(tmp_path),
        "--registry": "127.0.0.1:1",
        "--dns": f"127.0.0.1:{found}",
        "--http": f"127.0.0.1:{free_port()}",
        "--log-format": "json",
    }
    limited = ("sh", "-c", f'ulimit -n {OPEN_FILES}; exec "$@"', "sh")
    command = (sys.executable, "-m", "sheetanchor", "dns")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHEETANCHOR_")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*limited, *command, *(word for each in options.items() for word in each)],
            cwd=ROOT, env=inherited, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for("the frontend", lambda: "the frontend answers" in (tmp_path / "log").read_text())
        yield found
        assert process.poll() is None, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait(10)


def test_a_low_limit_of_open_files_bounds_the_connections_and_is_told(
    port: int, tmp_path: Path
) -> None:
    """Each newcomer is answered, in the place of the one that was idle longest."""
    lines = map(json.loads, (tmp_path / "log").read_text().splitlines())
    (told,) = (line for line in lines if line["message"] == WARNING)
    assert (told["open_files"], told["connections"]) == (OPEN_FILES, 4)
    query = dns.message.make_query("anchor.internal.", "SOA", id=7).to_wire()
    framed = len(query).to_bytes(2, "big") + query
    with ExitStack() as open_ones:
        clients = []
        for number in range(20):
            client = socket.create_connection(
                ("127.0.0.1", port), timeout=30, source_address=(f"127.0.2.{number + 1}", 0)
            )
            clients.append(open_ones.enter_context(client))
            client.sendall(framed)
            assert (receive(client) or b"")[:2] == query[:2], number
        for client in clients[:-4]:
            assert receive(client) is None
        reply = dns.query.udp(
            dns.message.make_query("anchor.internal.", "SOA"), "127.0.0.1", port=port, timeout=30
        )
        assert reply.answer or reply.rcode()
