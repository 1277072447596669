"""`sheetanchor resolver-config`: the lines that point a resolver at our frontends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli import value
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.resolver import Resolver, lines_for
from sheetanchor.cli.settings import BadSetting

Which = Annotated[
    Resolver,
    typer.Argument(metavar="RESOLVER", help="The resolver.", show_default=False),
]
Servers = Annotated[
    list[str],
    typer.Option("--server", metavar="IP:PORT", help="A frontend. May be repeated."),
]


@takes_settings("resolver-config")
def resolver_config(
    values: Mapping[str, Any],
    resolver: Which,
    server: Servers = ["127.0.0.1:5300"],  # noqa: B006  # typer's own way to a default; never changed
) -> None:
    """Print what a resolver's settings need, so that it asks frontends for the zone."""
    try:
        frontends = [value.literal_endpoint(each) for each in server]
    except ValueError as error:
        raise BadSetting(f"--server: {error}") from None
    typer.echo(lines_for(resolver, values["zone"], frontends), nl=False)
