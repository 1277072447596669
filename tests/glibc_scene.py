"""A machine of its own for the C library's resolver: its /etc, its loopback, a frontend at port 53.

`unshare --mount --net python glibc_scene.py RESOLV_CONF HOST...` prints, as JSON, what
`getaddrinfo` says of each host and how many questions it cost. A host `!` moves the service first.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from answer_samples import endpoint, entries, entry, position, table
from dns_server_thread import DnsServerThread

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
MOVED = entries(entry(endpoint("api-1", "10.0.0.9", "2001:db8::9")))


def loopback_up() -> None:
    """A new network namespace has one that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def bind_over(target: str, text: str) -> None:
    """Show this text at `target` in this mount namespace alone."""
    with tempfile.NamedTemporaryFile("w", delete=False, suffix=Path(target).name) as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    subprocess.run(["mount", "--bind", file.name, target], check=True)


def main(resolv_conf: str, hosts: list[str]) -> None:
    """Ask for each host, and print what came."""
    loopback_up()
    bind_over("/etc/resolv.conf", Path(resolv_conf).read_text())
    bind_over("/etc/nsswitch.conf", "hosts: dns\n")
    said = entry(endpoint("api-1", "10.0.0.1", "2001:db8::1"), endpoint("api-2", "10.0.0.2"))
    found: list[dict[str, object]] = []
    with DnsServerThread(table({"east": [said], "west": []}), port=53) as server:
        for host in hosts:
            if host == "!":
                server.run(lambda: server.table.update(position("east", 2), MOVED, (), 1.0))
                continue
            before = server.counters.queries_udp + server.counters.queries_tcp
            try:
                answers = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
                addresses = sorted({str(answer[4][0]) for answer in answers})
            except socket.gaierror as error:
                addresses = [str(error)]
            after = server.counters.queries_udp + server.counters.queries_tcp
            over_tcp = server.counters.queries_tcp
            found.append({"host": host, "got": addresses, "cost": after - before, "tcp": over_tcp})
    print(json.dumps(found))  # noqa: T201 - its output is what it is for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
