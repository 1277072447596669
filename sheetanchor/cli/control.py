"""`sheetanchor rollback|freeze|unfreeze|pin|unpin`: the emergency controls of a cell.

What destroys shows what it would do first, and does it when it is run again with `--yes`:
the preview's digest goes with the call, so that nobody acts on what has changed meanwhile.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.options import takes_settings

Cell = Annotated[str, typer.Argument(metavar="CELL")]
CellOrAll = Annotated[str, typer.Argument(metavar="CELL|all")]
Number = Annotated[int, typer.Argument(metavar="GENERATION", min=1)]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who will ask.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only show what it would do.")]


@takes_settings("rollback")
def rollback(
    values: Mapping[str, Any], cell: Cell, generation: Number, reason: Reason, yes: Yes = False
) -> None:
    """Publish the content of an older plan anew, and freeze the cell.

    It needs no leader, planner or reconciler. Without `--yes` it shows what it would do.
    """
    done = _two_keys(
        values["registry"],
        "RollBackPlan",
        yes,
        name=f"cells/{cell}/plans/{generation}",
        reason=reason,
        actor=getpass.getuser(),
    )
    typer.echo(
        f"cell {cell} is at generation {done.plan.generation}, with the content of {generation}; "
        f"it is frozen until `sheetanchor unfreeze {cell}`"
    )


@takes_settings("freeze")
def freeze(values: Mapping[str, Any], cell: CellOrAll, reason: Reason, yes: Yes = False) -> None:
    """Stop planner, publisher, reconciler and clean-up of a cell; answers go on.

    For `all`, without `--yes` it shows what it would do. With no registry to ask, make a file
    `freeze` in each node's data directory instead.
    """
    _two_keys(
        values["registry"],
        "FreezeCell",
        yes,
        name=_scope(cell),
        reason=reason,
        actor=getpass.getuser(),
    )
    typer.echo(f"{cell}: frozen")


@takes_settings("unfreeze")
def unfreeze(values: Mapping[str, Any], cell: CellOrAll) -> None:
    """Let the automation of a cell go on."""
    from sheetanchor.cli.admin import ask

    done = ask(values["registry"], lambda admin: admin.call("UnfreezeCell", name=_scope(cell)))
    typer.echo(f"{cell}: {'goes on' if done.was_frozen else 'was not frozen'}")


@takes_settings("pin")
def pin(values: Mapping[str, Any], cell: Cell, generation: Number, reason: Reason) -> None:
    """Keep a plan from clean-up."""
    from sheetanchor.cli.admin import ask

    name = f"cells/{cell}/plans/{generation}"
    actor = getpass.getuser()
    ask(
        values["registry"],
        lambda admin: admin.call("PinPlan", name=name, reason=reason, actor=actor),
    )
    typer.echo(f"cell {cell}: generation {generation} is kept")


@takes_settings("unpin")
def unpin(values: Mapping[str, Any], cell: Cell, generation: Number) -> None:
    """Let a plan go with the others."""
    from sheetanchor.cli.admin import ask

    name = f"cells/{cell}/plans/{generation}"
    done = ask(values["registry"], lambda admin: admin.call("UnpinPlan", name=name))
    was = "is pinned no more" if done.was_pinned else "was not pinned"
    typer.echo(f"cell {cell}: generation {generation} {was}")


def _scope(cell: str) -> str:
    return "cells/-" if cell == "all" else f"cells/{cell}"


def _two_keys(nodes: tuple[str, ...], method: str, yes: bool, **fields: str) -> Any:
    """Take a preview and show it; with `yes` do what it says, if things still are so."""
    from sheetanchor.cli.admin import Admin, ask

    async def work(admin: Admin) -> Any:
        shown = await admin.call(method, **fields)
        if not shown.HasField("preview"):
            return shown
        for effect in shown.preview.effects:
            typer.echo(effect)
        if not yes:
            return None
        return await admin.call(method, **fields, preview_digest=shown.preview.digest)

    done = ask(nodes, work)
    if done is None:
        typer.echo("nothing was done; run it again with --yes")
        raise typer.Exit(ExitCode.CONFLICT)
    return done
