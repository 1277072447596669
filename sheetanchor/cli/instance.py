"""`sheetanchor drain|delete instance`: an operator's hand on one incarnation of an instance.

The owner's own calls, made in its place: for an instance whose owner is dead, and for one
that is to be rid of its clients. A living owner has the last word: it registers again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import kind_named, short_name
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json

if TYPE_CHECKING:
    from sheetanchor.cli.admin import Admin

Name = Annotated[str, typer.Argument(metavar="NAME", help="As NAMESPACE/SERVICE/INSTANCE.")]
Uid = Annotated[
    str,
    typer.Option(
        "--uid", metavar="UID", help="Of `get instance`: refuse when it was registered anew since."
    ),
]


@takes_settings("drain")
def drain_instance(
    values: Mapping[str, Any], name: Name, uid: Uid = "", json: Json = False
) -> None:
    """Turn new clients of an instance away; its lease goes on."""
    full, uid, drained = _on_incarnation(values["registry"], "DrainInstance", name, uid)
    if json:
        print_json(as_data(drained.instance))
    else:
        typer.echo(f"drained instance {short_name(full)}, incarnation {uid}")


@takes_settings("delete")
def delete_instance(
    values: Mapping[str, Any], name: Name, uid: Uid = "", json: Json = False
) -> None:
    """Deregister an instance in its owner's place. An owner that lives registers it again."""
    full, uid, _ = _on_incarnation(values["registry"], "DeregisterInstance", name, uid)
    if json:
        print_json({"deleted": full, "uid": uid})
    else:
        typer.echo(f"deleted instance {short_name(full)}, incarnation {uid}")


def _on_incarnation(
    nodes: tuple[str, ...], method: str, name: str, wanted: str
) -> tuple[str, str, Any]:
    """Call `method` for the present incarnation: the full name, the uid, the reply."""
    from sheetanchor.cli.admin import ask

    kind = kind_named("instance")
    try:
        full = kind.full_name(name)
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error

    async def work(admin: Admin) -> tuple[str, Any]:
        uid = (await admin.get(kind, full)).uid
        if wanted and wanted != uid:
            raise Failure(
                f"{short_name(full)} was registered anew meanwhile, as {uid}; nothing was changed",
                ExitCode.CONFLICT,
            )
        # by its uid: one that registers anew just now is not meant, and stays
        return uid, await admin.call_as_owner(method, name=full, uid=uid)

    uid, reply = ask(nodes, work)
    return full, uid, reply
