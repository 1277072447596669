"""The verb `sheetanchor demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running afterwards, with commands to try.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Report as JSON; the timeline goes to standard error.")
    ] = False,
) -> None:
    """Kill a region, then its registry, and watch DNS answer all along.

    Two regions on this machine, each with a registry, a DNS frontend and two gRPC services, all
    in processes of their own. It ends by itself in less than a minute, and leaves nothing.

    Exit codes: 0 if no answer was empty or negative and everything was shown, 1 if not, 130 when
    interrupted.
    """
    from sheetanchor.cli.demo.stage import play

    raise typer.Exit(play(keep=keep, as_json=json))
