"""The table of what an authoritative server has to answer, and its results.

A row is a demand with its source. Tests name the rows that they prove with
`@pytest.mark.row("3", "h17")`; as a plugin this prints the table with what came of them:
`make conformance`. A row without a test is missing, which is no better than failed; and one whose
tests did not ask each UDP loop, and TCP, is proven in part, which is no better either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from dns_server_thread import WAYS, Way

from dns_frontend.server.udp import Batch

UDP = frozenset((Way.PYTHON, Way.BATCH) if Batch is not None else (Way.PYTHON,))
TCP = frozenset((Way.TCP,))
ALL = UDP | TCP


class Row(NamedTuple):
    """One demand."""

    query: str
    response: str
    source: str
    ways: frozenset[Way] = ALL
    """On which ways to a server it has to be shown."""


ROWS: dict[str, Row] = {
    "1": Row("SOA at the apex", "NOERROR, AA, SOA", "8906 §4"),
    "2": Row("A of an existing name", "one set, equal TTLs, no duplicate", "2181 §5.2"),
    "3": Row("existing name, no such type", "NOERROR, no answer, SOA", "2308 §2.2"),
    "4": Row("absent name", "NXDOMAIN, SOA", "2308 §2.1"),
    "5": Row("TTL of a denial", "least of SOA's TTL and MINIMUM", "2308 §3, §5"),
    "6": Row("empty non-terminal", "NOERROR without data", "4592 §2.2.2; 8020 §2"),
    "7": Row("service with no valid endpoint", "last known set or no data", "never NXDOMAIN"),
    "8": Row("before the first snapshot", "SERVFAIL, EDE 14", "8914 §4.15"),
    "9": Row("answer from an old plan", "NOERROR, TTL <= 30 s, EDE 3", "8767 §4, §5; 8914 §4.4"),
    "10": Row("what is not in the zone", "REFUSED, no AA, no referral, EDE 20", "8914 §4.21"),
    "11": Row("capitals in the name", "matched, and kept in the reply", "4343 §3, §4"),
    "12": Row("alias", "there is none: owner is who was asked", "1034 §4.3.2; 7871 §7.2.1"),
    "13": Row("SRV", "targets with addresses, no alias", "2782"),
    "14": Row("SVCB, HTTPS", "ServiceMode, sorted keys, addresses", "9460 §2.2, §4.1"),
    "15": Row("PTR", "the instance's name; part of an octet", "1035 §3.5; 2317 §4"),
    "16": Row("zone cut", "there is none: AA, apex has its glue", "1034 §4.2.1; 9471 §3"),
    "17": Row("ANY", "one set", "8482 §4.1"),
    "18": Row("types of DNSSEC in an unsigned zone", "NOERROR without data", "4035 §3.1"),
    "19": Row("AXFR", "REFUSED over TCP, NOTIMP over UDP", "5936 §2.2.1, §4.2"),
    "20": Row("RD", "copied, RA clear", "1035 §4.1.1"),
    "21": Row("AA, TC, RA, Z, AD, CD", "ignored, not echoed", "1035 §4.1.1; 4035 §3.1.6"),
    "22": Row("RCODE in the query", "ignored, not echoed", "1035 §4.1.1"),
    "23": Row("other opcodes", "NOTIMP, opcode copied, flags clear", "8906 §3.1.4"),
    "24": Row("NOTIFY, UPDATE", "NOTIMP", "2136 §3.1; 1996 §3"),
    "25": Row("class other than IN", "REFUSED; CH only if wanted", "4892 §3"),
    "26": Row("QR set", "no reply; TCP closed", "1035 §4.1.1"),
    "27": Row("less than a header", "no reply", "1035 §4.1.1"),
    "28": Row("more than one question", "FORMERR", "9619 §4"),
    "29": Row("no question, no cookie", "FORMERR", "9619 §4"),
    "30": Row("no question, but a cookie", "NOERROR or BADCOOKIE, cookie", "7873 §5.4"),
    "31": Row("malformed question", "FORMERR, header only", "1035 §4.1.4; 9267 §2-4"),
    "32": Row("name of 255 octets", "answered", "1035 §2.3.4"),
    "33": Row("any octets in labels", "labels like any other", "2181 §11"),
    "34": Row("counts of records that are not there", "FORMERR", "1035 §4.1"),
    "35": Row("octets after the message", "ignored, never reflected", "1035 §4.1"),
    "36": Row("no OPT", "no OPT, at most 512 octets", "6891 §7; 1035 §4.2.1"),
    "37": Row("OPT of version 0", "OPT in every reply", "6891 §6.1.1, §7"),
    "38": Row("OPT of another version", "BADVERS", "6891 §6.1.3"),
    "39": Row("unknown option", "ignored, not echoed", "6891 §6.1.2"),
    "40": Row("unknown flags of EDNS", "ignored, not echoed", "6891 §6.1.4"),
    "41": Row("DO", "copied", "3225 §3"),
    "42": Row("payload", "less than 512 is 512, at most 1232", "6891 §6.2.3; 9715"),
    "43": Row("two OPT, option overruns", "FORMERR", "6891 §6.1.1"),
    "44": Row("OPT misplaced or not of the root", "FORMERR", "6891 §6.1.1, §6.1.2"),
    "45": Row("answer larger than payload", "TC, no part of a set; TCP whole", "2181 §9; 6891 §7"),
    "46": Row("client cookie", "answer and server cookie", "7873 §5.2.3; 9018 §4"),
    "47": Row("cookie of a wrong length", "FORMERR", "7873 §5.2.2"),
    "48": Row("bad or expired server cookie", "answer and new cookie; or BADCOOKIE", "7873 §5.2.4"),
    "49": Row("valid cookie", "echoed, renewed after 30 min, no limits", "7873 §5.2.5; 9018 §4.3"),
    "50": Row("second cookie", "ignored", "7873 §5.2"),
    "51": Row("client subnet, used", "echoed with the scope of the match", "7871 §7.2.1, §11.2"),
    "52": Row("client subnet, not used", "echoed with scope 0", "7871 §7.2.1, §7.4"),
    "53": Row("client subnet of 0 bits", "answered by source address", "7871 §7.5"),
    "54": Row("client subnet, malformed", "FORMERR", "7871 §6, §7.2.1"),
    "55": Row("private subnet of a public resolver", "the resolver's address", "7871 §10"),
    "56": Row("no client subnet", "none in the reply", "7871 §7.2.2"),
    "57": Row("NSID", "our name if we have one", "5001 §2.1, §2.2"),
    "58": Row("keepalive", "ignored over UDP, timeout over TCP", "7828 §3.2, §3.3"),
    "59": Row("padding", "ignored", "7830 §4"),
    "60": Row("TSIG with an unknown key", "NOTAUTH, BADKEY, unsigned", "8945 §5.2.1, §5.3.2"),
    "61": Row("TCP: pipelined, split, joined", "each answered", "7766 §6.2.1, §7", ways=TCP),
    "62": Row("TCP: length and message", "at most 65,535 octets", "7766 §8", ways=TCP),
    "63": Row("TCP: idle, slow, many", "closed; UDP not starved", "7766 §6.2; 9210 §4", ways=TCP),
    "64": Row("TCP after a malformed message", "FORMERR, goes on", "as other servers", ways=TCP),
    "65": Row("source port 0, 7, 13, 19, 37", "dropped, counted", "as other servers", ways=UDP),
    "66": Row("flood from one prefix", "dropped, some TC or BADCOOKIE", "as other servers"),
    "67": Row("same question in other shapes", "no reply of another's", "8906 §8"),
    "68": Row("registry down", "answers go on, EDE 3 past the limit", "8767 §4"),
    "69": Row("rubbish, then a good query", "answered; memory and files flat", "no exit"),
    "h1": Row("less than 12 octets; QR set", "no reply", "hostile"),
    "h2": Row("question missing, pointer, bad label", "FORMERR, header only", "hostile"),
    "h3": Row("no question, with and without cookie", "NOERROR and cookie; FORMERR", "hostile"),
    "h4": Row("two questions", "FORMERR", "hostile"),
    "h5": Row("records in answer or authority", "FORMERR, but IXFR's SOA", "hostile"),
    "h6": Row("octets after the message", "answered", "hostile"),
    "h7": Row("two OPT, overruns, short RDATA", "FORMERR", "hostile"),
    "h8": Row("OPT of another name than the root", "FORMERR", "hostile"),
    "h9": Row("cookie of 0-7, 9-15, over 40 octets", "FORMERR", "hostile"),
    "h10": Row("client cookie; bad server cookie", "answer; BADCOOKIE over the rate", "hostile"),
    "h11": Row("two cookies", "the first", "hostile"),
    "h12": Row("client subnet: family, bits, length, scope", "FORMERR", "hostile"),
    "h13": Row("opcodes 1, 2, 3, 7, 15", "NOTIMP, flags clear", "hostile"),
    "h14": Row("NOTIFY, UPDATE", "NOTIMP", "hostile"),
    "h15": Row("classes 0, HS, NONE, 999", "REFUSED", "hostile"),
    "h16": Row("version.bind", "REFUSED unless wanted", "hostile"),
    "h17": Row("types 128-249, TKEY, TSIG, MAILB", "no data or NXDOMAIN", "hostile; 8906 §3.1.2"),
    "h18": Row("AXFR over UDP", "NOTIMP", "hostile", ways=UDP),
    "h19": Row("other zones; NS and ANY of the root", "REFUSED, no AA", "hostile"),
    "h20": Row("RCODE or TC in the query", "answered, clear", "hostile"),
    "h21": Row("label of NUL, dot and 0xFF", "NXDOMAIN", "hostile"),
    "h22": Row("TCP: two in a segment; octet by octet", "answered", "hostile", ways=TCP),
    "h23": Row("TCP: malformed, then good", "both answered", "hostile", ways=TCP),
    "h24": Row("TCP: length below 12, QR set", "closed", "hostile", ways=TCP),
}


class Results:
    """What came of each row."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = {name: set() for name in ROWS}
        self.failed: dict[str, set[str]] = {name: set() for name in ROWS}
        self.skipped: dict[str, set[str]] = {name: set() for name in ROWS}
        self.rows_of: dict[str, tuple[str, ...]] = {}
        self.ways_of: dict[str, frozenset[Way]] = {}

    def ways(self, name: str) -> frozenset[Way]:
        """The ways on which the tests of the row asked a server."""
        return frozenset().union(*(self.ways_of.get(test, ()) for test in self.tests[name]))

    def verdict(self, name: str) -> str:
        """A word for the row."""
        if self.failed[name]:
            return "FAILED"
        if self.tests[name] and self.ways(name) >= ROWS[name].ways:
            return "passed"
        if self.skipped[name]:
            return "skipped"
        return "IN PART" if self.tests[name] else "MISSING"


_results = Results()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Learn which test proves which rows."""
    for item in items:
        names = tuple(str(n) for mark in item.iter_markers("row") for n in mark.args)
        unknown = [name for name in names if name not in ROWS]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: no such row: {', '.join(unknown)}")
        _results.rows_of[item.nodeid] = names


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Learn on which ways a test asks."""
    WAYS.clear()
    yield
    _results.ways_of[item.nodeid] = frozenset(WAYS)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of it; a test that did not run proves nothing."""
    for name in _results.rows_of.get(report.nodeid, ()):
        if report.when == "call" and report.passed:
            _results.tests[name].add(report.nodeid)
        elif report.failed:
            _results.tests[name].add(report.nodeid)
            _results.failed[name].add(report.nodeid)
        elif report.skipped:
            _results.skipped[name].add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A table with a row that is not proven is no success, unless this machine allows no proof."""
    if exitstatus == 0 and any(_results.verdict(name).isupper() for name in ROWS):
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    write = terminalreporter.write_line
    terminalreporter.section("conformance")
    for name, row in ROWS.items():
        verdict = _results.verdict(name)
        ways = " ".join(way.value if way in _results.ways(name) else "-" for way in Way)
        write(
            f"{name:>4} {verdict:<8} {len(_results.tests[name]):>4} {ways:<20} "
            f"{row.query:<42} {row.response:<42} {row.source}"
        )
    good = sum(_results.verdict(name) == "passed" for name in ROWS)
    write(f"{good} of {len(ROWS)} rows passed")
