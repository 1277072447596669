"""A server that does nothing, as a process; a program that says what happens to it.

usage: idle_server.py KIND
    steady    starts at once
    slow      never finishes its start
    failing   cannot start
    sticky    starts, and never finishes its stop
    unmade    cannot even be made
"""

from __future__ import annotations

import asyncio
import sys

from sheetanchor import process
from sheetanchor.telemetry import StatusPage, TelemetrySettings


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


class IdleServer:
    """Says what it is told to do."""

    def __init__(self, kind: str) -> None:
        if kind == "unmade":
            raise ValueError("settings that make no sense")
        self._kind = kind

    async def start(self) -> None:
        """Come up, or not."""
        try:
            say("starting")
            if self._kind == "failing":
                raise OSError("the address is taken")
            if self._kind == "slow":
                await asyncio.Event().wait()
        except BaseException as error:
            say(f"cleaned up after {type(error).__name__}")
            raise
        say("started")

    async def stop(self) -> None:
        """Go down, or not."""
        say("stopping")
        if self._kind == "sticky":
            await asyncio.Event().wait()
        say("stopped")


if __name__ == "__main__":
    page = StatusPage()
    try:
        process.run(lambda: IdleServer(sys.argv[1]), TelemetrySettings("idle"), status=page)
    finally:
        say("ended")
