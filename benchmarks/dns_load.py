"""Mixes of queries, and dnsperf to send them."""

from __future__ import annotations

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.exception
import dns.message
import dns.query

from benchmarks.measurement import percentile

MISSES = 0.05
LATENCY_RATE = 1000
"""Queries a second while single ones are timed."""
_CLIENT_COOKIE = "0123456789abcdef"
_COMPLETED = re.compile(r"Queries completed:\s+(\d+)")
_LOST = re.compile(r"Queries lost:\s+(\d+)")
_RATE = re.compile(r"Queries per second:\s+([\d.]+)")
_TIMED = re.compile(r"^> \S+ \S+ \S+ ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of load."""

    name: str
    file: Path
    edns: bool = False
    tcp: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of dnsperf saw."""

    completed: int
    lost: int
    rate: float


def mixes(directory: Path, names: list[str], seed: int = 1) -> list[Mix]:
    """The four mixes, their queries written into the directory."""
    chance = random.Random(seed)

    def cased(name: str) -> str:
        return "".join(c.upper() if chance.random() < 0.5 else c for c in name)

    def unknown() -> str:
        label = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=10))
        return f"{label}.{chance.choice(names)}"

    plain = [unknown() if chance.random() < MISSES else chance.choice(names) for _ in range(50_000)]
    contents = {
        "plain": plain,
        "cookie": [cased(name) for name in plain],
        "nxdomain": [unknown() for _ in range(50_000)],
    }
    for key, queries in contents.items():
        (directory / key).write_text("".join(f"{query} A\n" for query in queries))
    return [
        Mix("plain, 5 % NXDOMAIN", directory / "plain"),
        Mix("EDNS, cookie, random case", directory / "cookie", edns=True),
        Mix("NXDOMAIN of random names", directory / "nxdomain"),
        Mix("TCP", directory / "plain", tcp=True),
    ]


def cookie_of(port: int, name: str) -> str:
    """The cookie that the server gives us, in hexadecimal; ours alone if it gives none."""
    wish = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, bytes.fromhex(_CLIENT_COOKIE))
    query = dns.message.make_query(name, "A", use_edns=0, options=[wish])
    try:
        reply = dns.query.udp(query, "127.0.0.1", port=port, timeout=2)
    except dns.exception.DNSException:
        return _CLIENT_COOKIE
    for each in reply.options:
        if each.otype == dns.edns.OptionType.COOKIE:
            octets: bytes = each.to_wire()
            return octets.hex()
    return _CLIENT_COOKIE


def send(mix: Mix, port: int, seconds: float, core: int, cookie: str, *, times: int = 0) -> Load:
    """As much as the server takes, for so long, or all queries so many times."""
    more = ["-n", str(times)] if times else []
    text = _dnsperf(mix, port, core, cookie, "-l", f"{seconds:g}", *more)
    found = [pattern.search(text) for pattern in (_COMPLETED, _LOST, _RATE)]
    if None in found:
        raise RuntimeError(f"dnsperf said nothing of use:\n{text}")
    completed, lost, rate = (match.group(1) for match in found if match is not None)
    return Load(int(completed), int(lost), float(rate))


def waits(mix: Mix, port: int, seconds: float, core: int, cookie: str) -> tuple[float, float]:
    """p50 and p99 of the replies to a light load, in milliseconds."""
    text = _dnsperf(mix, port, core, cookie, "-l", f"{seconds:g}", "-v", "-Q", str(LATENCY_RATE))
    times = [float(each) * 1000 for each in _TIMED.findall(text)]
    return (percentile(times, 0.5), percentile(times, 0.99)) if times else (0.0, 0.0)


def _dnsperf(mix: Mix, port: int, core: int, cookie: str, *more: str) -> str:
    command = ["taskset", "-c", str(core), "dnsperf", "-s", "127.0.0.1", "-p", str(port)]
    command += ["-d", str(mix.file), "-q", "200", "-c", "10", *more]
    if mix.edns:
        command += ["-e", "-E", f"10:{cookie}"]
    if mix.tcp:
        command += ["-m", "tcp", "-O", "num-queries-per-conn=1000"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
