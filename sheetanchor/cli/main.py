"""The verbs of `sheetanchor`, put together."""

from __future__ import annotations

import textwrap
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from sheetanchor.cli.break_glass import break_glass
from sheetanchor.cli.control import freeze, pin, rollback, unfreeze, unpin
from sheetanchor.cli.demo.command import demo
from sheetanchor.cli.dev import dev
from sheetanchor.cli.divert import divert
from sheetanchor.cli.dns import dns
from sheetanchor.cli.drill.command import drill
from sheetanchor.cli.exit_code import MEANING
from sheetanchor.cli.group import DefaultVerb, Group, Verbs
from sheetanchor.cli.held import held
from sheetanchor.cli.instance import delete_instance, drain_instance
from sheetanchor.cli.look import get, list_
from sheetanchor.cli.plans import plans
from sheetanchor.cli.register import register
from sheetanchor.cli.registry import registry
from sheetanchor.cli.resolve import resolve
from sheetanchor.cli.resolver_config import resolver_config
from sheetanchor.cli.service import create_service, delete_service, update_service
from sheetanchor.cli.watch import watch
from sheetanchor.cli.zone import zone

# `\b` keeps typer from making one paragraph of the lines
EPILOG = "\b\nExit codes:\n" + "\n".join(
    textwrap.fill(
        f"{code.value}: {text.partition(';')[0].partition(':')[0].rstrip('.')}.",
        width=74,
        initial_indent=" " * (4 - len(str(code.value))),
        subsequent_indent=" " * 6,
        break_on_hyphens=False,
    )
    for code, text in MEANING.items()
)

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# servers
app.command()(dev)
app.command()(registry)
app.command()(dns)

# to try it out
app.command()(demo)
app.add_typer(drill, name="drill")

# services
app.command()(register)

# those who ask
app.command("resolver-config")(resolver_config)

# operators
app.command("list")(list_)
app.command()(get)
app.command()(watch)
app.command()(resolve)
chain = typer.Typer(
    cls=DefaultVerb, rich_markup_mode=None, help="Look at the plan chain of a cell, or go back."
)
chain.command("show")(plans)
chain.command()(rollback)
app.add_typer(chain, name="plans")
for control in (freeze, unfreeze, pin, unpin, divert):
    app.command()(control)
for verb, functions, sentence in (
    ("create", {"service": create_service}, "Create a resource."),
    ("update", {"service": update_service}, "Update a resource."),
    (
        "delete",
        {"service": delete_service, "instance": delete_instance},
        "Delete a service, or take an instance out.",
    ),
    ("drain", {"instance": drain_instance}, "Turn new clients away."),
):
    group = typer.Typer(cls=Verbs, rich_markup_mode=None, help=sentence)
    for noun, function in functions.items():
        group.command(noun)(function)
    # a group of one command, not that command
    group.callback()(lambda: None)
    app.add_typer(group, name=verb)
app.add_typer(zone, name="zone")
app.add_typer(held, name="held")
app.add_typer(break_glass, name="break-glass")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sheetanchor {installed_version('sheetanchor')}")
        raise typer.Exit


@app.callback()
def sheetanchor(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Tell the version.")
    ] = False,
) -> None:
    """A service registry with a failover-aware authoritative DNS frontend."""


def main() -> None:
    """Run the command with the process's arguments, and end the process."""
    app()
