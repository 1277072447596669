"""`sheetanchor plans rollback` and `freeze|unfreeze|pin|unpin`: the emergency controls of a cell.

What destroys, or concerns more than one cell, shows what it would do first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.kind import kind_named, short_name, told
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json
from sheetanchor.cli.two_keys import Digest, Yes, carry_out

Cell = Annotated[str, typer.Argument(metavar="CELL", help="As `list cells` shows it.")]
CellOrAll = Annotated[
    str, typer.Argument(metavar="CELL|all", help="As `list cells` shows it, or all.")
]
Number = Annotated[int, typer.Argument(metavar="GENERATION", min=1, help="As `plans` shows it.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for those who will ask.")
]
Why = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is written down with the rest.")
]


@takes_settings("plans")
def rollback(
    values: Mapping[str, Any],
    cell: Cell,
    generation: Number,
    reason: Reason,
    yes: Yes = False,
    digest: Digest = "",
    json: Json = False,
) -> None:
    """Publish the content of an older plan anew, and freeze the cell.

    It needs no leader, planner or reconciler. What it would do is shown first.
    """
    done = carry_out(
        values["registry"],
        "RollBackPlan",
        yes=yes,
        digest=digest,
        json=json,
        name=f"cells/{cell}/plans/{generation}",
        reason=reason,
        actor=actor(),
    )
    if json:
        print_json(as_data(done))
        return
    typer.echo(
        f"cell {cell} is at generation {done.plan.generation}, with the content of {generation}; "
        f"it is frozen until `sheetanchor unfreeze {cell}`"
    )


@takes_settings("freeze")
def freeze(
    values: Mapping[str, Any],
    cell: CellOrAll,
    reason: Reason,
    yes: Yes = False,
    digest: Digest = "",
    json: Json = False,
) -> None:
    """Stop planner, publisher, reconciler and clean-up of a cell; answers go on.

    For `all` it shows what it would do first. With no registry to ask, make a file `freeze` in
    each node's data directory instead.
    """
    done = carry_out(
        values["registry"],
        "FreezeCell",
        yes=yes,
        digest=digest,
        json=json,
        name=_scope(cell),
        reason=reason,
        actor=actor(),
    )
    if json:
        print_json(as_data(done))
    elif done.HasField("earlier_freeze"):
        typer.echo("\n".join(_earlier(cell, done.earlier_freeze)))
    else:
        typer.echo(f"{cell}: frozen")


@takes_settings("unfreeze")
def unfreeze(
    values: Mapping[str, Any],
    cell: CellOrAll,
    reason: Why = "",
    yes: Yes = False,
    digest: Digest = "",
    json: Json = False,
) -> None:
    """Let the automation of a cell go on. For `all` it shows what it would do first."""
    done = carry_out(
        values["registry"],
        "UnfreezeCell",
        yes=yes,
        digest=digest,
        json=json,
        name=_scope(cell),
        reason=reason,
        actor=actor(),
    )
    if json:
        print_json(as_data(done))
    else:
        for line in _lifted(values["registry"], cell, done.was_frozen):
            typer.echo(line)


@takes_settings("pin")
def pin(values: Mapping[str, Any], cell: Cell, generation: Number, reason: Reason) -> None:
    """Keep a plan from clean-up."""
    from sheetanchor.cli.admin import ask

    name = f"cells/{cell}/plans/{generation}"
    ask(
        values["registry"],
        lambda admin: admin.call("PinPlan", name=name, reason=reason, actor=actor()),
    )
    typer.echo(f"cell {cell}: generation {generation} is kept")


@takes_settings("unpin")
def unpin(values: Mapping[str, Any], cell: Cell, generation: Number, reason: Why = "") -> None:
    """Let a plan go with the others."""
    from sheetanchor.cli.admin import ask

    name = f"cells/{cell}/plans/{generation}"
    done = ask(
        values["registry"],
        lambda admin: admin.call("UnpinPlan", name=name, reason=reason, actor=actor()),
    )
    was = "is pinned no more" if done.was_pinned else "was not pinned"
    typer.echo(f"cell {cell}: generation {generation} {was}")


def _earlier(cell: str, freeze: Any) -> Iterator[str]:
    """What is said of a freeze that was there already."""
    since = freeze.create_time.ToDatetime().isoformat(" ", "seconds")
    by = f" by {told(freeze.actor)}" if freeze.actor else ""
    yield f"{cell}: frozen already, since {since} UTC{by}: {told(freeze.reason)}"
    yield "nothing was changed; the reason that was given now is in `list audit`"


# _lifted
#
#   asked for  frozen before  some cell stays  what is printed, below the cells that stay
#   ---------  -------------  ---------------  -----------------------------------------
#   a cell     any            it               nothing
#   all        yes            some, not all    all others: go on
#   all        yes            each             nothing
#   all        no             any              all: was not frozen
#   any        yes            none             goes on
#   a cell     no             none             was not frozen
def _lifted(nodes: tuple[str, ...], cell: str, was_frozen: bool) -> Iterator[str]:
    """How the cells stand after a freeze was lifted: others may hold them."""
    from sheetanchor.cli.admin import ask

    cells = kind_named("cell")
    if cell == "all":
        found = ask(nodes, lambda admin: admin.list_all(cells))
        other = "unfreeze {}"
    else:
        found = [ask(nodes, lambda admin: admin.get(cells, _scope(cell)))]
        other = "unfreeze all"
    staying = [each for each in found if each.frozen or each.freeze_file]
    for each in staying:
        name = short_name(each.name)
        if each.frozen:
            yield f"{name}: stays frozen, until `{other.format(name)}`: {told(each.frozen)}"
        if each.freeze_file:
            yield (
                f"{name}: stays frozen at the node that was asked, until the file "
                f"{each.freeze_file} is removed there"
            )
    if not was_frozen and (cell == "all" or not staying):
        yield f"{cell}: was not frozen; nothing was changed, and `list audit` has nothing of it"
    elif not staying:
        yield f"{cell}: goes on"
    elif len(staying) < len(found):
        yield "all others: go on"


def _scope(cell: str) -> str:
    return "cells/-" if cell == "all" else f"cells/{cell}"
