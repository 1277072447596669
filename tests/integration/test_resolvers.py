"""Real resolvers in front of a frontend, set up with the lines that the command prints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest
from answer_samples import API_NAME, ZONE, endpoint, entries, entry, position, table
from dns_server_thread import DnsServerThread

from dns_frontend.plan.entry import Policy, ServiceKey
from sheetanchor.cli.demo.port import free_port
from sheetanchor.cli.resolver import Resolver, lines_for
from sheetanchor.cli.value import Endpoint

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0
SHORT = Policy(record_ttl_seconds=5)
EAST = entry(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"), policy=SHORT)


def _unbound(directory: Path, port: int, lines: str) -> list[str]:
    text = (
        f'server:\n    directory: "{directory}"\n    username: ""\n    chroot: ""\n'
        f'    pidfile: ""\n    interface: 127.0.0.1@{port}\n    use-syslog: no\n'
        '    module-config: "iterator"\nremote-control:\n    control-enable: no\n'
    )
    (directory / "conf").write_text(text + lines)
    return ["unbound", "-d", "-c", str(directory / "conf")]


def _bind(directory: Path, port: int, lines: str) -> list[str]:
    text = (
        f'options {{ directory "{directory}"; listen-on port {port} {{ 127.0.0.1; }};\n'
        f'listen-on-v6 {{ none; }}; pid-file none; validate-except {{ "{ZONE}"; }};\n'
        "recursion yes; session-keyfile none; stale-answer-enable yes; stale-cache-enable yes;\n"
        "max-stale-ttl 86400; };\ncontrols { };\n"
    )
    (directory / "conf").write_text(text + lines)
    return ["named", "-g", "-c", str(directory / "conf")]


def _dnsmasq(directory: Path, port: int, lines: str) -> list[str]:
    (directory / "conf").write_text(
        f"port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n" + lines
    )
    return ["dnsmasq", "-k", "-u", "root", f"--conf-file={directory / 'conf'}"]


def _knot_resolver(directory: Path, port: int, lines: str) -> list[str]:
    (directory / "conf").write_text(
        f"net.listen('127.0.0.1', {port})\ncache.size = 4 * MB\n" + lines
    )
    return ["kresd", "-n", "-c", str(directory / "conf"), str(directory)]


def _coredns(directory: Path, port: int, lines: str) -> list[str]:
    zone, end = f"{ZONE.removesuffix('.')}:53 {{\n", "    bind 127.0.0.1\n"
    assert zone in lines
    text = lines.replace(zone, zone.replace(":53", f":{port}") + end)
    (directory / "conf").write_text(text)
    return ["coredns", "-conf", str(directory / "conf")]


Setup = Callable[[Path, int, str], list[str]]
PROGRAMS: dict[Resolver, Setup] = {
    Resolver.UNBOUND: _unbound,
    Resolver.BIND: _bind,
    Resolver.DNSMASQ: _dnsmasq,
    Resolver.KNOT_RESOLVER: _knot_resolver,
    # no package of Debian's: from a binary on the PATH
    Resolver.COREDNS: _coredns,
}


class Asked:
    """A resolver that runs, and a client of it."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        program = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if program is None:
            pytest.skip(f"{command[0]} is not installed")
        self.port = port
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen([program, *command[1:]], stdout=out, stderr=out)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, name: str, kind: str = "A", seconds: float = 30.0) -> dns.message.Message:
        """One answer. Raises what dnspython raises."""
        query = dns.message.make_query(name, kind, use_edns=0)
        return dns.query.udp(query, "127.0.0.1", port=self.port, timeout=seconds)

    def until(self, name: str, addresses: list[str], kind: str = "A") -> None:
        """Wait for these addresses, in whatever order."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        found: object = None
        while time.monotonic() < deadline:
            try:
                reply = self.ask(name, kind, 3.0)
                found = sorted(str(r) for rrset in reply.answer for r in rrset)
            except (dns.exception.DNSException, OSError) as error:
                found = error
            if found == addresses:
                return
            assert self._process.poll() is None, self._log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        pytest.fail(f"{found!r}\n{self._log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def frontend() -> Iterator[DnsServerThread]:
    with DnsServerThread(table({"east": [EAST], "west": []})) as server:
        yield server


@pytest.fixture(params=PROGRAMS, ids=lambda resolver: resolver.value)
def resolver(
    request: pytest.FixtureRequest, frontend: DnsServerThread, tmp_path: Path
) -> Iterator[Asked]:
    tmp_path.chmod(0o755)
    lines = lines_for(request.param, ZONE, [Endpoint(*frontend.address)])
    port = free_port()
    asked = Asked(PROGRAMS[request.param](tmp_path, port, lines), port, tmp_path / "log")
    try:
        yield asked
    finally:
        asked.stop()


@pytest.mark.timeout(240)
def test_a_resolver_answers_denies_and_follows_a_failover(
    resolver: Asked, frontend: DnsServerThread
) -> None:
    """Within the TTL of 5 s; what is absent stays absent for no longer, and what is empty stays
    no denial."""
    resolver.until(API_NAME, ["10.0.0.1", "10.0.0.2"])
    late = f"late.payments.svc.{ZONE}"
    for _ in range(2):
        assert resolver.ask(late).rcode() == dns.rcode.NXDOMAIN
    assert resolver.ask(f"nope.{ZONE}").rcode() == dns.rcode.NXDOMAIN
    nothing = resolver.ask(API_NAME, "AAAA")
    assert nothing.rcode() == dns.rcode.NOERROR
    assert not nothing.answer
    # the name above exists and holds nothing: no resolver may take it for a denial of those below
    assert resolver.ask(f"svc.{ZONE}").rcode() == dns.rcode.NOERROR
    assert resolver.ask(API_NAME).answer
    changed = entries(
        entry(endpoint("a", "10.0.0.9"), policy=SHORT),
        entry(endpoint("l", "10.0.0.7"), key=ServiceKey("payments", "late")),
    )
    frontend.run(lambda: frontend.table.update(position("east", 2), changed, (), 1.0))
    resolver.until(API_NAME, ["10.0.0.9"])
    resolver.until(late, ["10.0.0.7"])


@pytest.mark.timeout(240)
def test_coredns_never_tells_what_is_over_while_a_frontend_answers(
    frontend: DnsServerThread, tmp_path: Path
) -> None:
    """Left to itself it would: once for each name, to the first client after a failover."""
    lines = lines_for(Resolver.COREDNS, ZONE, [Endpoint(*frontend.address)])
    port = free_port()
    asked = Asked(_coredns(tmp_path, port, lines), port, tmp_path / "log")
    try:
        asked.until(API_NAME, ["10.0.0.1", "10.0.0.2"])
        changed = entries(entry(endpoint("a", "10.0.0.9"), policy=SHORT))
        frontend.run(lambda: frontend.table.update(position("east", 2), changed, (), 1.0))
        over = time.monotonic() + SHORT.record_ttl_seconds + 1
        while time.monotonic() < over:
            time.sleep(0.2)
        (rrset,) = asked.ask(API_NAME).answer
        assert [str(record) for record in rrset] == ["10.0.0.9"]
    finally:
        asked.stop()


def test_systemd_resolved_answers_denies_and_follows_a_failover(tmp_path: Path) -> None:
    """On a machine of its own. It need not be installed, which would make it this machine's
    resolver: `dpkg-deb -x` of its package will do, with SYSTEMD_RESOLVED for where it is then."""
    program = shutil.which(os.environ.get("SYSTEMD_RESOLVED", "/lib/systemd/systemd-resolved"))
    apart = ["unshare", "--mount", "--net"]
    if program is None:
        pytest.skip("systemd-resolved is not installed")
    if not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("this machine has no network devices of a program's own")
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody have namespaces of their own")
    scene = ROOT / "tests" / "resolved_scene.py"
    done = subprocess.run(
        [*apart, sys.executable, str(scene), program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("ports")[0] == "NOERROR"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    goes_on = int(told.stdout.split()[1]) >= 254
    kept = ["NOERROR", ["10.0.0.9"]] if goes_on else ["SERVFAIL", []]
    assert seen == {
        "found": ["NOERROR", ["10.0.0.1", "10.0.0.2"]],
        "absent": ["NXDOMAIN", []],
        "nothing": ["NOERROR", []],
        "between": ["NOERROR", []],
        "moved": ["NOERROR", ["10.0.0.9"]],
        "late": ["NOERROR", ["10.0.0.7"]],
        "gone": kept,
    }


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "program",
    [Resolver.UNBOUND, Resolver.BIND, Resolver.KNOT_RESOLVER, Resolver.COREDNS],
    ids=lambda p: p.value,
)
def test_a_resolver_goes_on_with_what_it_knows_when_no_frontend_answers(
    program: Resolver, tmp_path: Path
) -> None:
    """The lines tell it to (F47); the TTL is over, and the frontend is gone."""
    tmp_path.chmod(0o755)
    port = free_port()
    with DnsServerThread(table({"east": [EAST], "west": []})) as server:
        lines = lines_for(program, ZONE, [Endpoint(*server.address)])
        asked = Asked(PROGRAMS[program](tmp_path, port, lines), port, tmp_path / "log")
        try:
            asked.until(API_NAME, ["10.0.0.1", "10.0.0.2"])
            known = time.monotonic()
        except BaseException:
            asked.stop()
            raise
    try:
        while time.monotonic() < known + SHORT.record_ttl_seconds + 1:
            time.sleep(0.2)
        asked.until(API_NAME, ["10.0.0.1", "10.0.0.2"])
    finally:
        asked.stop()
