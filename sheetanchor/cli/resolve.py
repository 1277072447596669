"""`sheetanchor resolve`: the endpoints of a service, as one registry has validated them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import kind_named, short_name
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json, print_table


@takes_settings("resolve")
def resolve(
    values: Mapping[str, Any],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As NAMESPACE/SERVICE, or SERVICE in default.")
    ],
    within: Annotated[
        str, typer.Option("--in", metavar="REGION", help="Only instances of this region.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are not validated as well.")
    ] = False,
    json: Json = False,
) -> None:
    """List a service's validated endpoints. DNS may answer from other regions besides."""
    from sheetanchor.cli.admin import ask

    try:
        full = kind_named("service").full_name(name)
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    found = ask(
        values["registry"],
        lambda admin: admin.discover(
            "ResolveService", name=full, region=within, include_unvalidated=everything
        ),
    )
    if json:
        print_json({"instances": [as_data(each) for each in found.instances]})
        return
    kind, now = kind_named("instance"), time.time()
    what = "instances" if everything else "validated instances"
    print_table(
        kind.columns,
        [kind.row(each, now) for each in found.instances],
        nothing=f"There are no {what} of {short_name(full)} at this registry.",
    )
