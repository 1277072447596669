"""Seconds of an option as the contract's duration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration


def span(option: str, seconds: float) -> Duration:
    """The duration. Raises Failure, naming the option, for what is none."""
    from google.protobuf.duration_pb2 import Duration

    made = Duration()
    try:
        made.FromNanoseconds(round(seconds * 1e9))
    except (ValueError, OverflowError):
        raise Failure(f"{option}: {seconds} is no number of seconds", ExitCode.USAGE) from None
    return made
