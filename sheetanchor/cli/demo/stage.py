"""Plays the scenario on processes of its own, tells it as wanted, and clears up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence

from sheetanchor.cli.demo import site
from sheetanchor.cli.demo.report import Report
from sheetanchor.cli.demo.scenario import Say, Scenario
from sheetanchor.cli.demo.site import Region
from sheetanchor.cli.demo.warden import Warden
from sheetanchor.cli.exit_code import ExitCode


def play(*, keep: bool, as_json: bool) -> ExitCode:
    """Play it to its end; with `keep` leave everything running until interrupted.

    With `as_json` standard output has the report alone.
    """

    def say(text: str) -> None:
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)

    try:
        with Warden() as warden:
            regions = site.build(warden)
            report = asyncio.run(_play(regions, say))
            if as_json:
                print(json.dumps(report.as_json(), indent=2), flush=True)
            else:
                say("\n" + report.as_text())
            if keep and not report.failure:
                say("\n" + to_try(regions))
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("\nInterrupted; nothing is left running.")
        return ExitCode.INTERRUPTED
    return ExitCode.OK if report.ok else ExitCode.FAILED


async def _play(regions: Sequence[Region], say: Say) -> Report:
    # SIGTERM ends it as Ctrl-C does: in order
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    scenario = Scenario(regions, say)
    await scenario.run()
    return scenario.report


def to_try(regions: Sequence[Region]) -> str:
    """Commands for what is left running."""
    hurt, other = regions
    pids = " ".join(str(instance.pid) for instance in hurt.instances)
    lines = [
        "Left running; Ctrl-C ends it. In another terminal:",
        "",
        f"  dig @127.0.0.1 -p {hurt.dns_port} {site.NAME} A +short",
        f"  dig @127.0.0.1 -p {other.dns_port} {site.NAME} SRV +short",
        f"  dig @127.0.0.1 -p {hurt.dns_port} _why.{site.NAME} TXT +short",
        f"  sheetanchor list instances --registry {hurt.registry_address}",
        f"  sheetanchor plans --registry {hurt.registry_address}",
        f"  kill -9 {pids}   # the instances of {hurt.name}",
        f"  kill -9 {hurt.registry.pid}   # the registry of {hurt.name}",
    ]
    return "\n".join(lines)
