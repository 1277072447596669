"""The verbs `sheetanchor drill ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sheetanchor.cli.group import Verbs

drill = typer.Typer(cls=Verbs, rich_markup_mode=None, help="Re-enact an outage.")


@drill.callback()
def _several() -> None:
    """Re-enact an outage."""


@drill.command("october-2025")
def october_2025(
    mutant: Annotated[
        bool, typer.Option("--mutant", help="Without the guards: it fails as it did then.")
    ] = False,
) -> None:
    """Re-enact October 2025: a delayed plan, forty newer ones, a clean-up, and DNS asked all along.

    Three publishers, a registry and a DNS frontend, in processes of their own, on one database.
    One publisher is stopped holding an old plan; the others publish forty newer ones and clean
    up; then it goes on. It ends by itself in less than a minute, and leaves nothing.

    Exit codes: 0 if no answer was empty, negative or older than one before it, 1 if one was,
    130 when interrupted.
    """
    from sheetanchor.cli.drill.october import play

    raise typer.Exit(play(mutant=mutant))


@drill.command("region-loss")
def region_loss(
    region: Annotated[
        Literal["east", "west"], typer.Argument(help="The region that is lost.")
    ] = "east",
    write: Annotated[
        Path | None, typer.Option("--write", help="Write the table to this file, too.")
    ] = None,
) -> None:
    """Kill all instances of a region, start them again, and time what DNS says.

    Two regions on this machine, each with a registry, a DNS frontend and two services, in
    processes of their own. It ends by itself in about a minute, and leaves nothing.

    Exit codes: 0 if answers moved and came back in time and none was empty, negative or
    missing, 1 if not, 130 when interrupted.
    """
    from sheetanchor.cli.drill.region_loss import play

    raise typer.Exit(play(region, write))
