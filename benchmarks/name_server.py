"""Authoritative servers to compare with, from Debian: one worker, one zone, no rate limit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ZONE = "anchor.internal"


@dataclass(frozen=True, slots=True)
class NameServer:
    """How one server is started in the foreground."""

    name: str
    program: str
    configure: Callable[[Path, int], Sequence[str]]
    """Writes its files into an empty directory; returns the command line, program first."""

    @property
    def installed(self) -> bool:
        """Whether the machine has it."""
        return self.path is not None

    @property
    def path(self) -> str | None:
        """Where its program is."""
        return shutil.which(self.program) or shutil.which(f"/usr/sbin/{self.program}")


def zone_text(records: Sequence[tuple[str, str]]) -> str:
    """The zone as a master file (RFC 1035, section 5)."""
    lines = [
        "$TTL 10",
        f"$ORIGIN {ZONE}.",
        "@ SOA ns1 hostmaster 1 3600 600 86400 5",
        "@ NS ns1",
        "ns1 A 127.0.0.1",
    ]
    lines += [f"{name.removesuffix('.' + ZONE + '.')} A {address}" for name, address in records]
    return "\n".join(lines) + "\n"


def _gdnsd(directory: Path, port: int) -> Sequence[str]:
    for part in ("zones", "run", "state"):
        (directory / part).mkdir()
    (directory / "zone").rename(directory / "zones" / ZONE)
    (directory / "config").write_text(
        f"options => {{\n listen => [ 127.0.0.1:{port} ]\n udp_threads = 1\n tcp_threads = 1\n"
        f" run_dir = {directory}/run\n state_dir = {directory}/state\n}}\n"
    )
    return ["gdnsd", "-c", str(directory), "start"]


def _knot(directory: Path, port: int) -> Sequence[str]:
    (directory / "knot.conf").write_text(
        f"server:\n    rundir: {directory}\n    listen: 127.0.0.1@{port}\n"
        "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
        f"database:\n    storage: {directory}\n"
        f"zone:\n  - domain: {ZONE}\n    file: {directory}/zone\n"
        "    zonefile-sync: -1\n    journal-content: none\n"
    )
    return ["knotd", "-c", str(directory / "knot.conf")]


def _nsd(directory: Path, port: int) -> Sequence[str]:
    (directory / "nsd.conf").write_text(
        f'server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: ""\n'
        f"  zonesdir: {directory}\n  pidfile: {directory}/pid\n  xfrdfile: {directory}/xfrd\n"
        f"  zonelistfile: {directory}/list\n  xfrdir: {directory}\n  rrl-ratelimit: 0\n"
        f"remote-control:\n  control-enable: no\n"
        f"zone:\n  name: {ZONE}\n  zonefile: {directory}/zone\n"
    )
    return ["nsd", "-d", "-c", str(directory / "nsd.conf")]


def _pdns(directory: Path, port: int) -> Sequence[str]:
    (directory / "named.conf").write_text(
        f'zone "{ZONE}" {{ type master; file "{directory}/zone"; }};\n'
    )
    (directory / "pdns.conf").write_text(
        f"launch=bind\nbind-config={directory}/named.conf\nlocal-address=127.0.0.1\n"
        f"local-port={port}\nreceiver-threads=1\nsocket-dir={directory}\ndaemon=no\n"
        "guardian=no\nsecurity-poll-suffix=\n"
    )
    return ["pdns_server", f"--config-dir={directory}"]


NAME_SERVERS = (
    NameServer("gdnsd", "gdnsd", _gdnsd),
    NameServer("knot", "knotd", _knot),
    NameServer("nsd", "nsd", _nsd),
    NameServer("pdns", "pdns_server", _pdns),
)
