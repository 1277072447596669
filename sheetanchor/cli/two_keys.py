"""How a verb that destroys is carried out: what it would do is shown first (I41).

At a terminal it is shown and asked about. A script says `--yes`; or, where somebody
looked at the preview before, `--digest` with that preview's, so that nothing is done when
things have changed since. In all cases the preview's digest goes with the call.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.output import print_json

if TYPE_CHECKING:
    from sheetanchor.cli.admin import Admin

Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking, where it asks.")]
Digest = Annotated[
    str,
    typer.Option(
        "--digest", metavar="DIGEST", help="Of the preview you saw: do it if all is as it was."
    ),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a call would do, and what has it done."""

    digest: str
    effects: Sequence[str]


def carry_out(
    nodes: tuple[str, ...],
    method: str,
    *,
    yes: bool,
    digest: str = "",
    json: bool = False,
    **fields: Any,
) -> Any:
    """Have a call done that may need a second key; its reply.

    Shows what it would do, and ends the command with CONFLICT, unless somebody says yes.
    """
    from sheetanchor.cli.admin import ask

    said = ask(nodes, lambda admin: _call(admin, method, fields, digest))
    if not isinstance(said, Shown):
        return said
    shown = said
    if json and not yes:
        print_json({"preview": {"digest": shown.digest, "effects": list(shown.effects)}})
        raise typer.Exit(ExitCode.CONFLICT)
    for effect in shown.effects:
        # what is printed with --json is the reply alone
        typer.echo(effect, err=json)
    if not yes and not _agreed(shown):
        raise typer.Exit(ExitCode.CONFLICT)
    return ask(nodes, lambda admin: _call(admin, method, fields, shown.digest))


async def _call(admin: Admin, method: str, fields: dict[str, Any], digest: str) -> Any:
    """The reply, or the preview that came in its place."""
    from sheetanchor.client.errors import PreviewRequired

    try:
        reply = await admin.call(method, **fields, preview_digest=digest)
    except PreviewRequired as shown:
        return Shown(shown.preview_digest, shown.effects)
    if "preview" in reply.DESCRIPTOR.fields_by_name and reply.HasField("preview"):
        return Shown(reply.preview.digest, reply.preview.effects)
    return reply


def _agreed(shown: Shown) -> bool:
    if not sys.stdin.isatty():
        typer.echo(
            "nothing was done; run it again with --yes, or with "
            f"--digest {shown.digest} to have done what is shown here and nothing else"
        )
        return False
    agreed = typer.confirm("go on?", default=False)
    if not agreed:
        typer.echo("nothing was done")
    return agreed
