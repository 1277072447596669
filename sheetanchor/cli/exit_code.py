"""How the command ends: one list, for scripts to rely on."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `sheetanchor`. Numbers are never reused."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    CONFLICT = 5
    BUSY = 6
    CANNOT_START = 7
    SCHEMA_OUTDATED = 8
    IN_USE = 9
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "Done; a server was told to stop, and stopped in order.",
    ExitCode.FAILED: "The registry failed, or this command has a bug.",
    ExitCode.USAGE: "An option, argument or environment variable is wrong, or the registry "
    "refused a field of the request; the message names it. Nothing was changed.",
    ExitCode.UNREACHABLE: "No registry answered, at any of the addresses.",
    ExitCode.NOT_FOUND: "What was named does not exist.",
    ExitCode.CONFLICT: "The request does not fit what is there: it exists already, was edited "
    "meanwhile, still has instances, or is to be looked at first. Nothing was changed.",
    ExitCode.BUSY: "The registry cannot do it now (its database is away, or it sheds load). "
    "Nothing was changed; try again.",
    ExitCode.CANNOT_START: "A server could not start: its address is in use, or its data "
    "directory or database cannot be used.",
    ExitCode.SCHEMA_OUTDATED: "The database's schema is not this version's; see `--migrate`.",
    ExitCode.IN_USE: "Another process holds the data directory.",
    ExitCode.INTERRUPTED: "Ended by Ctrl-C.",
}
"""What each means, for people."""
