"""`sheetanchor held`: endpoints that stay in answers because their removal is held (I8).

No verb is called `release`: it could mean the hold, and it could mean the instance.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.age import ago, until
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure, Verbs
from sheetanchor.cli.kind import Kind, Row, enum_text, kind_named, short_name
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json, print_table

if TYPE_CHECKING:
    from sheetanchor.cli.admin import Admin

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As NAMESPACE/SERVICE/INSTANCE, of `held list`.")
]
Uid = Annotated[
    str,
    typer.Option(
        "--uid", metavar="UID", help="Of `get instance`: refuse when it was registered anew since."
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is written down with the rest.")
]

held = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    help="Look at held removals, and decide on them.",
)


def _row(item: Any, now: float) -> Row:
    return (
        short_name(item.name),
        item.cell,
        enum_text(item, "health"),
        enum_text(item, "evidence"),
        enum_text(item.hold, "reason"),
        ago(item.hold, "hold_time", now),
        release(item.hold, now),
    )


def release(hold: Any, now: float) -> str:
    """When a hold may end at the earliest, in words."""
    if hold.HasField("release_time"):
        return until(hold, "release_time", now)
    return "not by time"


HELD = Kind(
    "held",
    "held",
    "CELL",
    ("cells",),
    1,
    ("INSTANCE", "CELL", "HEALTH", "WHY", "HELD BY", "SINCE", "RELEASE"),
    _row,
    prose=("INSTANCE", "WHY", "RELEASE"),
    resource="held_removal",
    resources="held_removals",
)


@held.command("list")
@takes_settings("held")
def list_held(
    values: Mapping[str, Any],
    cell: Annotated[str, typer.Argument(metavar="[CELL]", help="Default: all cells.")] = "",
    json: Json = False,
) -> None:
    """List endpoints that are answered with although they are not healthy, and until when.

    What CELL_BUDGET holds leaves sooner when the evidence is an answer, or both kinds of
    silence, and a second vantage point (`list observers`) finds the same.
    """
    from sheetanchor.cli.admin import ask

    try:
        parent = HELD.parent_name(cell)
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    items = ask(values["registry"], lambda admin: admin.list_all(HELD, parent))
    if json:
        print_json({"held_removals": [as_data(item) for item in items]})
        return
    now = time.time()
    rows = [HELD.row(item, now) for item in items]
    print_table(HELD.columns, rows, nothing="No removal is held.", prose=HELD.prose)


@held.command()
@takes_settings("held")
def confirm(
    values: Mapping[str, Any], name: Name, uid: Uid = "", reason: Reason = "", json: Json = False
) -> None:
    """The removal is right: the instance leaves the answers at once, whatever the budgets say.

    A name's last endpoint stays all the same. The decision holds until it is healthy again.
    """
    _decide(values, name, uid, reason, "REMOVE", "leaves the answers", json)


@held.command()
@takes_settings("held")
def keep(
    values: Mapping[str, Any], name: Name, uid: Uid = "", reason: Reason = "", json: Json = False
) -> None:
    """The removal is wrong: the instance stays in the answers, whatever its health says.

    The decision holds until it is healthy again. An owner that drains or deregisters has its way.
    One that is healthy, or drains, has no removal to decide on, and is refused.
    """
    _decide(values, name, uid, reason, "KEEP", "stays in the answers", json)


@held.command()
@takes_settings("held")
def undecide(
    values: Mapping[str, Any], name: Name, uid: Uid = "", reason: Reason = "", json: Json = False
) -> None:
    """Take a decision back: the rules decide again."""
    _decide(values, name, uid, reason, "NONE", "is the rules' to decide on again", json)


def _decide(
    values: Mapping[str, Any],
    name: str,
    wanted: str,
    reason: str,
    decision: str,
    what: str,
    json: bool,
) -> None:
    from sheetanchor.cli.admin import ask
    from sheetanchor.v1.instance_pb2 import RemovalDecision

    kind = kind_named("instance")
    try:
        full = kind.full_name(name)
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error

    async def work(admin: Admin) -> tuple[Any, list[Any]]:
        uid = (await admin.get(kind, full)).uid
        if wanted and wanted != uid:
            raise Failure(
                f"{short_name(full)} was registered anew meanwhile, as {uid}; nothing was changed",
                ExitCode.CONFLICT,
            )
        holds = [each for each in await admin.list_all(HELD) if each.uid == uid]
        decided = await admin.call(
            "DecideRemoval",
            name=full,
            uid=uid,
            decision=RemovalDecision.Value(f"REMOVAL_DECISION_{decision}"),
            reason=reason,
            actor=actor(),
        )
        return decided, holds

    instance, holds = ask(values["registry"], work)
    if json:
        print_json(as_data(instance))
        return
    now = time.time()
    for each in holds:
        typer.echo(
            f"was held in cell {each.cell} by {enum_text(each.hold, 'reason')} for "
            f"{ago(each.hold, 'hold_time', now)}, release {release(each.hold, now)}"
        )
    if decision == "REMOVE" and enum_text(instance, "health") == "HEALTHY":
        what = "is healthy and stays in the answers; there is no removal to confirm"
    if decision == "KEEP" and not holds:
        what = "stays, if it is in the answers still: no removal of it was held"
    typer.echo(f"{short_name(full)} {what}")
    typer.echo(f"incarnation: {instance.uid}")
