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


ASK_TWICE = {
    "dnspython": """
import dns.resolver
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], PORT
resolver.timeout, resolver.lifetime = 20.0, 40.0
for _ in range(2):
    print(len(resolver.resolve("NAME.", "A")))
    try:
        resolver.resolve("absent.NAME.", "A")
    except dns.resolver.NXDOMAIN:
        print("absent")
""",
    "c-ares": """
import pycares
channel = pycares.Channel(servers=["127.0.0.1:PORT"], timeout=20.0, tries=2)
told = []
for _ in range(2):
    for name in ("NAME", "absent.NAME"):
        channel.query(name, pycares.QUERY_TYPE_A, callback=lambda *answer: told.append(answer))
        channel.wait()
for reply, error in told:
    print("absent" if error == pycares.errno.ARES_ENOTFOUND else len(reply.answer))
""",
    "Node": """
const { Resolver } = require("node:dns").promises;
const resolver = new Resolver({ timeout: 20000, tries: 2 });
resolver.setServers(["127.0.0.1:PORT"]);
(async () => {
  for (let each = 0; each < 2; each++) {
    console.log((await resolver.resolve4("NAME")).length);
    await resolver.resolve4("absent.NAME").catch(() => console.log("absent"));
  }
})();
""",
}


@pytest.mark.parametrize(
    ("program", "questions"), [("dnspython", 4), ("c-ares", 2), ("Node", 4)], ids=str
)
def test_what_a_program_keeps_is_what_the_page_says(
    server: DnsServerThread, program: str, questions: int
) -> None:
    """Two names, one of them absent, looked up twice: c-ares asks for each once."""
    run = [shutil.which("node") or "", "-e"] if program == "Node" else [sys.executable, "-c"]
    if not run[0]:
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    text = ASK_TWICE[program].replace("PORT", str(server.address[1])).replace("NAME", NAME)
    assert said([*run, text]) == ["2", "2", "absent", "absent"]
    assert server.counters.queries_udp == questions


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
