"""The audit file of a frontend: one JSON line a thing that was done to it by hand.

A line is on disk before what it says is done, so that nothing is done unwritten. The file
is only ever appended to, by commands; the frontend reads its end and tells registries.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

FILE = "audit"
TAIL_OCTETS = 256 * 1024
TAIL_LINES = 256
"""How many of the last deeds a registry is told that knows none."""
PIN, LIFT = "pin", "lift"


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done by hand."""

    uid: str
    verb: str
    """PIN or LIFT."""
    cell: str
    who: str
    reason: str
    time: str
    """As RFC 3339, by this machine's clock."""
    generation: int = 0
    digest: bytes = b""
    file: str = ""


class AuditLog:
    """The file, in one frontend's directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def __repr__(self) -> str:
        return f"<AuditLog {self._path}>"

    def append(self, **deed: object) -> None:
        """Write a line and sync it. Raises OSError."""
        octets = json.dumps({"uid": uuid4().hex} | deed).encode() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                octets = b"\n" + octets  # half a line of one that was killed takes no other with it
            os.write(descriptor, octets)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def mark(self) -> int:
        """What changes with each line: the octets of the file, 0 without one."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def last(self) -> Sequence[Deed]:
        """The last deeds, oldest first. Lines that are damaged, or say nothing, are left out."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_OCTETS))
                octets = file.read(TAIL_OCTETS)
        except OSError:
            return ()
        lines = octets.split(b"\n")
        if size > TAIL_OCTETS:
            del lines[0]  # it may begin in its middle
        found = [_deed(line) for line in lines if line.strip()]
        return [deed for deed in found if deed is not None][-TAIL_LINES:]


def _deed(line: bytes) -> Deed | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("verb") not in (PIN, LIFT):
        return None
    try:
        digest = bytes.fromhex(_text(said, "digest"))
    except ValueError:
        digest = b""
    generation = said.get("generation")
    return Deed(
        # a line of an older version has none: the same line is the same deed
        uid=_text(said, "uid") or hashlib.sha256(line.strip()).hexdigest()[:32],
        verb=said["verb"],
        cell=_text(said, "cell"),
        who=_text(said, "who"),
        reason=_text(said, "reason"),
        time=_text(said, "time"),
        generation=generation if isinstance(generation, int) else 0,
        digest=digest,
        file=_text(said, "file"),
    )


def _text(said: Mapping[str, object], key: str) -> str:
    found = said.get(key, "")
    # a command line that is no UTF-8 comes as lone surrogates, which no message can hold
    return found.encode(errors="replace").decode() if isinstance(found, str) else ""
