"""The verbs `sheetanchor drill ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from sheetanchor.cli.group import Verbs

drill = typer.Typer(cls=Verbs, rich_markup_mode=None, help="Re-enact an outage of the past.")


@drill.callback()
def _several() -> None:
    """Re-enact an outage of the past."""


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
