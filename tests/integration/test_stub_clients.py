"""Programs that ask by themselves, told as docs/howto/ask-from-a-program.md tells them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from answer_samples import ZONE, endpoint, entry, table
from dns_server_thread import DnsServerThread

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "howto" / "ask-from-a-program.md"
BLOCK = re.compile(r"^## (.+?)\n.*?^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = "api.payments.svc.anchor.internal"
EAST = entry(endpoint("api-1", "10.0.0.1", "2001:db8::1"), endpoint("api-2", "10.0.0.2"))
TARGET = f"api-1.{NAME}"


def block(title: str) -> str:
    """What the page shows below a heading."""
    found = {heading: text for heading, _, text in BLOCK.findall(PAGE.read_text())}
    return found[title]


@pytest.fixture
def server() -> Iterator[DnsServerThread]:
    with DnsServerThread(table({"east": [EAST], "west": []})) as running:
        yield running


def said(command: list[str]) -> list[str]:
    """The lines that a program printed, in order of the alphabet."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines())


def test_dnspython_finds_addresses_and_ports(server: DnsServerThread) -> None:
    _, port = server.address
    text = block("Python: dnspython").replace("192.0.2.53", "127.0.0.1")
    lines = said([sys.executable, "-c", text.replace("port = 53", f"port = {port}")])
    assert lines[:2] == ["10.0.0.1", "10.0.0.2"]
    assert f"{TARGET}. 9090" in lines


def test_c_ares_finds_ports_and_the_addresses_beside_them(server: DnsServerThread) -> None:
    _, port = server.address
    text = block("Python: pycares (c-ares)").replace("192.0.2.53:53", f"127.0.0.1:{port}")
    lines = said([sys.executable, "-c", text])
    assert {"10.0.0.1", "10.0.0.2", f"{TARGET} 9090"} <= set(lines)


def test_node_finds_addresses_and_ports(server: DnsServerThread) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    _, port = server.address
    text = block("Node").replace("192.0.2.53:53", f"127.0.0.1:{port}")
    assert {"10.0.0.1", "10.0.0.2", f"{TARGET} 9090"} <= set(said([node, "-e", text]))


def getaddrinfo(directory: Path, resolv_conf: str, *hosts: str) -> list[dict[str, object]]:
    """What the C library says of hosts on a machine with that file; skipped without namespaces."""
    apart = ["unshare", "--mount", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody have namespaces of their own")
    file = directory / "resolv.conf"
    file.write_text(resolv_conf)
    scene = ROOT / "tests" / "glibc_scene.py"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [*apart, sys.executable, str(scene), str(file), *hosts],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


CONF = block("Linux: the C library").replace("192.0.2.53", "127.0.0.1")
ALL = ["10.0.0.1", "10.0.0.2", "2001:db8::1"]


def test_the_c_library_finds_all_addresses_at_the_price_that_the_page_tells(tmp_path: Path) -> None:
    """Two questions, A and AAAA; six when `ndots` sends it through the search list first (F47)."""
    (whole,) = getaddrinfo(tmp_path, CONF, NAME)
    assert (whole["got"], whole["cost"]) == (ALL, 2)
    (searched, absolute) = getaddrinfo(
        tmp_path, CONF.replace("ndots:2", "ndots:5"), NAME, f"{NAME}."
    )
    assert (searched["got"], searched["cost"]) == (ALL, 6)
    assert (absolute["got"], absolute["cost"]) == (ALL, 2)


def test_the_c_library_finds_short_names_below_its_search_domains(tmp_path: Path) -> None:
    (short, nobody, foreign) = getaddrinfo(
        tmp_path, CONF, "api.payments", f"nobody.payments.svc.{ZONE}", "www.example.com."
    )
    assert short["got"] == ALL
    assert "not known" in str(nobody["got"])
    assert "Temporary failure" in str(foreign["got"]), "REFUSED, as the page warns"


def test_the_c_library_sees_a_change_at_once_and_passes_over_a_dead_frontend(
    tmp_path: Path,
) -> None:
    """It keeps nothing; and the first server of this list is nobody."""
    dead_first = CONF.replace("nameserver 127.0.0.1", "nameserver 127.0.0.2\nnameserver 127.0.0.1")
    (before, after) = getaddrinfo(tmp_path, dead_first, NAME, "!", NAME)
    assert before["got"] == ALL
    assert after["got"] == ["10.0.0.9", "2001:db8::9"]


def test_the_c_library_is_answered_over_tcp_when_it_insists(tmp_path: Path) -> None:
    (found,) = getaddrinfo(tmp_path, CONF.replace("edns0", "edns0 use-vc"), NAME)
    assert (found["got"], found["cost"], found["tcp"]) == (ALL, 2, 2)
