"""A machine of its own for systemd-resolved: its users, its /run, its loopback, a frontend.

`unshare --mount --net python resolved_scene.py PROGRAM DIRECTORY` prints, as JSON, what it says of
names while the frontend is there, after it has changed, and when it is gone. The program needs no
bus for that, and no machine that was booted by systemd.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
from answer_samples import API_NAME, ZONE, endpoint, entries, entry, position, table
from dns_server_thread import DnsServerThread
from glibc_scene import IFF_UP, SIOCSIFFLAGS, bind_over, loopback_up

from dns_frontend.plan.entry import Policy, ServiceKey
from sheetanchor.cli.resolver import Resolver, lines_for
from sheetanchor.cli.value import Endpoint

TUNSETIFF, SIOCSIFADDR = 0x400454CA, 0x8916
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
STUB = "127.0.0.53"
USER = 977
DEADLINE_SECONDS = 30.0
SHORT = Policy(record_ttl_seconds=5)
LATE = ServiceKey("payments", "late")
LATE_NAME = f"late.payments.svc.{ZONE}"


def link_up(name: str, address: str) -> int:
    """A network that leads nowhere, there while what is returned is open.

    Without one the program says that the machine has no network, and asks nobody.
    """
    tap = os.open("/dev/net/tun", os.O_RDWR)
    label = name.encode()
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", label, IFF_TAP | IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        own = struct.pack("16sHH4s16x", label, socket.AF_INET, 0, socket.inet_aton(address))
        fcntl.ioctl(any_socket, SIOCSIFADDR, own)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", label, IFF_UP))
    return tap


def ask(name: str, kind: str = "A") -> tuple[str, list[str]]:
    """Code and records, or what went wrong."""
    query = dns.message.make_query(name, kind, use_edns=0)
    try:
        reply = dns.query.udp(query, STUB, timeout=10.0)
    except (dns.exception.DNSException, OSError) as error:
        return type(error).__name__, []
    found = sorted(str(record) for rrset in reply.answer for record in rrset)
    return dns.rcode.to_text(reply.rcode()), found


def until(name: str, wanted: tuple[str, list[str]]) -> tuple[str, list[str]]:
    """Ask until that is the answer, or the deadline is over; the last answer."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (said := ask(name)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return said


def main(program: str, directory: Path) -> None:
    """Set the scene, and tell what is seen."""
    loopback_up()
    way_out = link_up("out", "192.0.2.1")
    user = f"systemd-resolve:x:{USER}:{USER}::/:/bin/false\n"
    bind_over("/etc/passwd", Path("/etc/passwd").read_text() + user)
    bind_over("/etc/group", Path("/etc/group").read_text() + f"systemd-resolve:x:{USER}:\n")
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    Path("/run/systemd/resolved.conf.d").mkdir(parents=True)
    Path("/run/systemd/resolve").mkdir()
    os.chown("/run/systemd/resolve", USER, USER)
    east = entry(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"), policy=SHORT)
    seen: dict[str, tuple[str, list[str]]] = {}
    resolved: subprocess.Popen[bytes] | None = None
    try:
        with DnsServerThread(table({"east": [east], "west": []})) as server:
            lines = lines_for(Resolver.SYSTEMD_RESOLVED, ZONE, [Endpoint(*server.address)])
            Path("/run/systemd/resolved.conf.d/sheetanchor.conf").write_text(lines)
            with (directory / "log").open("wb") as log:
                resolved = subprocess.Popen([program], stdout=log, stderr=log)
            seen["found"] = until(API_NAME, ("NOERROR", ["10.0.0.1", "10.0.0.2"]))
            seen["ports"] = ask(f"_grpc._tcp.{API_NAME}", "SRV")
            seen["absent"] = ask(LATE_NAME)
            seen["nothing"] = ask(API_NAME, "AAAA")
            seen["between"] = ask(f"svc.{ZONE}")
            moved = entries(
                entry(endpoint("a", "10.0.0.9"), policy=SHORT),
                entry(endpoint("l", "10.0.0.7"), key=LATE),
            )
            server.run(lambda: server.table.update(position("east", 2), moved, (), 1.0))
            seen["moved"] = until(API_NAME, ("NOERROR", ["10.0.0.9"]))
            seen["late"] = until(LATE_NAME, ("NOERROR", ["10.0.0.7"]))
        # what it knows is over after its TTL, and it has nobody to ask
        over = time.monotonic() + SHORT.record_ttl_seconds + 1
        while time.monotonic() < over:
            time.sleep(0.2)
        seen["gone"] = ask(API_NAME)
    finally:
        if resolved is not None:
            resolved.kill()
            resolved.wait()
        os.close(way_out)
    print(json.dumps(seen))  # noqa: T201 - its output is what it is for


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
