"""What was done by hand is read from the frontend's file, and told until it is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from dns_frontend.feed.audit import TAIL_LINES, AuditLog, Deed
from dns_frontend.feed.herald import report_of
from sheetanchor.v1.publication_service_pb2 import ReportBreakGlassRequest

PLACED = {
    "time": "2026-01-02T03:04:05Z",
    "who": "ann@host",
    "verb": "pin",
    "reason": "«why»",
    "cell": "eu",
    "generation": 7,
    "digest": "00ff",
    "file": "/root/kept",
}
GARBAGE = (
    b"{half a li",
    b"[1, 2]",
    b"\xff\xfe",
    b'{"verb": "dance", "cell": "eu"}',
    b"null",
    b"",
    b"[" * 20_000,
)


def test_a_line_comes_back_as_it_was_written_with_a_uid_of_its_own(tmp_path: Path) -> None:
    """Two that say the same are two deeds."""
    audit = AuditLog(tmp_path)
    assert (audit.mark(), list(audit.last())) == (0, [])
    audit.append(**PLACED)
    audit.append(**PLACED)
    first, second = audit.last()
    assert first.uid != second.uid
    assert first == Deed(
        first.uid,
        "pin",
        "eu",
        "ann@host",
        "«why»",
        "2026-01-02T03:04:05Z",
        7,
        b"\x00\xff",
        "/root/kept",
    )
    assert audit.mark() > 0


def test_damaged_lines_cost_themselves_alone(tmp_path: Path) -> None:
    """A command may have been killed in its middle; a person may have edited the file."""
    audit = AuditLog(tmp_path)
    audit.append(**PLACED)
    with (tmp_path / "audit").open("ab") as file:
        file.write(b"\n".join(GARBAGE) + b"\n")
        file.write(b'{"verb": "lift", "cell": 5, "digest": "zz", "generation": "x"}\n')
    audit.append(**PLACED)
    first, odd, last = audit.last()
    assert (first.verb, last.verb) == ("pin", "pin")
    assert (odd.verb, odd.cell, odd.digest, odd.generation) == ("lift", "", b"", 0)


def test_half_a_line_takes_no_other_with_it(tmp_path: Path) -> None:
    """The command that wrote it was killed, or the disk was full."""
    audit = AuditLog(tmp_path)
    (tmp_path / "audit").write_bytes(b'{"verb": "pin", "ce')
    audit.append(**PLACED)
    audit.append(**PLACED)
    assert [deed.cell for deed in audit.last()] == ["eu", "eu"]
    assert b"\n\n" not in (tmp_path / "audit").read_bytes()


def test_a_reason_that_is_no_utf_8_is_told_all_the_same(tmp_path: Path) -> None:
    """As from a terminal of another encoding; else neither it nor a later deed were told."""
    audit = AuditLog(tmp_path)
    audit.append(**PLACED | {"reason": os.fsdecode(b"caf\xe9"), "file": os.fsdecode(b"/\xff")})
    (deed,) = audit.last()
    message = report_of("f1", deed)
    assert (message.reason, message.file) == ("caf?", "/?")


def test_a_line_of_an_older_version_is_the_same_deed_each_time(tmp_path: Path) -> None:
    """Its uid is made of the line."""
    (tmp_path / "audit").write_bytes(b'{"verb": "lift", "cell": "eu"}\n')
    (once,), (again,) = AuditLog(tmp_path).last(), AuditLog(tmp_path).last()
    assert once == again
    assert len(once.uid) == 32


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    """Whatever the file has grown to."""
    audit = AuditLog(tmp_path)
    line = b'{"verb": "lift", "cell": "eu", "reason": "' + b"x" * 2000 + b'", "uid": "%d"}\n'
    with (tmp_path / "audit").open("wb") as file:
        file.writelines(line % number for number in range(1000))
    found = audit.last()
    assert 0 < len(found) <= TAIL_LINES
    assert found[-1].uid == "999"
    assert [int(deed.uid) for deed in found] == list(range(1000 - len(found), 1000))


@pytest.mark.parametrize(
    ("time", "seconds"), [("2026-01-02T03:04:05Z", 1_767_323_045), ("yesterday", 0), ("", 0)]
)
def test_the_message_says_all_of_it_and_is_always_a_message(time: str, seconds: int) -> None:
    """What a line lacks is filled in, so that the rest of it is kept."""
    deed = Deed("u" * 99, "lift", "eu", "", "", time, -5, b"d" * 99)
    assert report_of("f", deed) == ReportBreakGlassRequest(
        frontend_id="f",
        act_uid="u" * 64,
        cell="eu",
        act=ReportBreakGlassRequest.ACT_LIFT,
        actor="unknown",
        reason="none was given",
        act_time=Timestamp(seconds=seconds),
        digest=b"d" * 64,
    )
