"""`sheetanchor divert`: a drill on what is live, with an end of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import short_name
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json
from sheetanchor.cli.service import service_name
from sheetanchor.cli.span import span


@takes_settings("divert")
def divert(
    values: Mapping[str, Any],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As NAMESPACE/SERVICE, or SERVICE in default.")
    ],
    cell: Annotated[
        str, typer.Option("--cell", metavar="CELL", help="Whose endpoints are not wanted.")
    ],
    seconds: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", help="1 to 3600; it ends by itself then."),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End it now.")] = False,
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="Why it is done; needed with --for."),
    ] = "",
    json: Json = False,
) -> None:
    """Send a service's clients in one cell's region to other regions for a while.

    Every frontend ends it by its own clock, whatever has died meanwhile. Where no other
    region stands in, nobody is sent away. `drill region-loss --dry-run` tells beforehand what
    would be answered.
    """
    from sheetanchor.cli.admin import ask

    if (seconds is None) is not end:
        raise Failure("give either --for SECONDS or --end; see --help", ExitCode.USAGE)
    full, duration = service_name(name), span("--for", seconds or 0.0)
    service = ask(
        values["registry"],
        lambda admin: admin.call(
            "DivertService",
            name=full,
            cell=cell,
            duration=duration,
            reason=reason,
            actor=actor(),
        ),
    )
    if json:
        print_json(as_data(service))
        return
    ends = [each.end_time for each in service.diversions if each.cell == cell]
    if ends:
        until = f"{ends[0].ToDatetime():%H:%M:%S} UTC"
        typer.echo(f"{short_name(full)}: clients of cell {cell} go elsewhere until {until}")
    else:
        typer.echo(f"{short_name(full)}: clients of cell {cell} are answered as usual")
