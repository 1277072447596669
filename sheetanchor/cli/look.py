"""`sheetanchor list` and `sheetanchor get`: what the registry holds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import KINDS, Kind, kind_named, kind_of
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, details, print_json, print_table
from sheetanchor.cli.policy import service_lines

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def complete_plural(incomplete: str) -> Iterator[tuple[str, str]]:
    """Kinds, for the shell."""
    for kind in KINDS:
        if kind.plural.startswith(incomplete):
            yield kind.plural, f"below {kind.form}" if kind.parents else "all"


def complete_singular(incomplete: str) -> Iterator[tuple[str, str]]:
    """Kinds, for the shell."""
    for kind in KINDS:
        if kind.singular.startswith(incomplete):
            yield kind.singular, kind.form


@takes_settings("list")
def list_(
    values: Mapping[str, Any],
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=f"One of {', '.join(kind.plural for kind in KINDS)}.",
            autocompletion=complete_plural,
        ),
    ],
    parent: Annotated[
        str,
        typer.Argument(
            metavar="[PARENT]",
            help="As NAMESPACE, NAMESPACE/SERVICE, or CELL. Default: all; for plans a cell must be "
            "given.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """List resources of a kind, all or those below PARENT."""
    from sheetanchor.cli.admin import ask

    wanted = _usage(lambda: kind_named(kind))
    below = _usage(lambda: wanted.parent_name(parent))
    if wanted.plural == "plans" and not below:
        raise typer.BadParameter("plans are listed below a cell; write `list plans CELL`")
    items = ask(values["registry"], lambda admin: admin.list_all(wanted, below))
    if json:
        print_json({wanted.plural: [as_data(item) for item in items]})
        return
    now = time.time()
    rows = [wanted.row(item, now) for item in items]
    nothing = f"There are no {wanted.reply_field.replace('_', ' ')}."
    print_table(wanted.columns, rows, nothing=nothing, prose=wanted.prose)


@takes_settings("get")
def get(
    values: Mapping[str, Any],
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help=f"One of {', '.join(kind.singular for kind in KINDS)}; or a full resource name.",
            autocompletion=complete_singular,
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="As `list` shows it, such as NAMESPACE/SERVICE/INSTANCE, or CELL; without its "
            "namespace it is of default. An audit entry's is in `list audit --json`.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Show one resource with all its fields."""
    from sheetanchor.cli.admin import ask

    wanted, full = _usage(lambda: _named(kind, name))
    data = as_data(ask(values["registry"], lambda admin: admin.get(wanted, full)))
    if json:
        print_json(data)
    else:
        lines = service_lines(data) if wanted.singular == "service" else details(data)
        typer.echo("\n".join(lines))


def _named(kind: str, name: str) -> tuple[Kind, str]:
    if name:
        found = kind_named(kind)
        return found, found.full_name(name)
    if "/" not in kind:
        raise ValueError(f"{kind!r} is no full resource name; write {kind} NAME")
    return kind_of(kind), kind


def _usage(read: Any) -> Any:
    try:
        return read()
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error
