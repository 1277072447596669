"""`sheetanchor watch`: instances and services as they come and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import enum_text, kind_named, short_name
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json
from sheetanchor.cli.quantity import counted

if TYPE_CHECKING:
    from sheetanchor.cli.admin import Admin
    from sheetanchor.client import Event


@takes_settings("watch")
def watch(
    values: Mapping[str, Any],
    parent: Annotated[
        str,
        typer.Argument(
            metavar="[PARENT]", help="NAMESPACE or NAMESPACE/SERVICE. Default: everything."
        ),
    ] = "",
    since: Annotated[
        int, typer.Option(metavar="REVISION", min=0, help="Begin with what changed after it.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,
) -> None:
    """Print a snapshot, then changes as they come, until Ctrl-C. A broken stream is resumed.

    Each line begins with a mark: `=` is there already, `~` is new or has changed, `-` is gone. A
    PARENT that is not there yet is watched for, and that is said. A revision of --since that is
    no longer known, or not yet, is answered with a snapshot.
    """
    try:
        below = kind_named("instances").parent_name(parent)
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    namespace, _, service = short_name(below).partition("/")
    show = _show_json if json else _Reader().show
    try:
        asyncio.run(_follow(values["registry"], namespace, service, since, show))
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


async def _follow(
    nodes: tuple[str, ...], namespace: str, service: str, since: int, show: Any
) -> None:
    from sheetanchor.cli.admin import Admin, failure_of
    from sheetanchor.client import SheetanchorError, Snapshot
    from sheetanchor.client import watch as follow
    from sheetanchor.client.link import RegistryLink

    try:
        # a registry that was never there is told of, and not waited for
        async with RegistryLink(nodes) as link:
            admin = Admin(link)
            await admin.call("ListNamespaces", page_size=1)
            await _tell_absent(admin, namespace, service)
            answering = nodes.index(link.address)
        begun = False
        async for event in follow(
            namespace=namespace,
            service=service,
            start_revision=since,
            registries=nodes[answering:] + nodes[:answering],
        ):
            if since and not begun and isinstance(event, Snapshot):
                typer.echo(
                    f"sheetanchor: the registry cannot go on after revision {since}; "
                    "it begins with a snapshot",
                    err=True,
                )
            begun = True
            show(event)
    except SheetanchorError as error:
        raise failure_of(error) from error


async def _tell_absent(admin: Admin, namespace: str, service: str) -> None:
    """Say aside that a parent does not exist: it may come, or be a slip."""
    from sheetanchor.client import NotFound

    if not namespace:
        return
    kind = kind_named("service" if service else "namespace")
    name = f"{namespace}/{service}" if service else namespace
    try:
        await admin.get(kind, kind.full_name(name))
    except NotFound:
        typer.echo(
            f"sheetanchor: there is no {kind.singular} {name} yet; watching for it", err=True
        )


def _show_json(event: Event) -> None:
    from sheetanchor.client import Changes, Checkpoint, Interrupted, Snapshot

    data: dict[str, Any] = {"event": type(event).__name__.lower(), "revision": event.revision}
    match event:
        case Snapshot():
            data["services"] = [as_data(each) for each in event.services]
            data["instances"] = [as_data(each) for each in event.instances]
        case Changes():
            data["changes"] = [as_data(each) for each in event.changes]
        case Interrupted():
            data["error"] = event.error.message
        case Checkpoint():
            pass
    print_json(data, one_line=True)


class _Reader:
    """For people: a line a change; a checkpoint only where it tells something new."""

    def __init__(self) -> None:
        self._caught_up = False

    def show(self, event: Event) -> None:
        from sheetanchor.client import Changes, Checkpoint, Interrupted, Snapshot

        at = time.strftime("%H:%M:%S")
        match event:
            case Snapshot():
                typer.echo(
                    f"{at}  snapshot at revision {event.revision}: "
                    f"{counted(len(event.services), 'service')}, "
                    f"{counted(len(event.instances), 'instance')}"
                )
                for service in event.services:
                    typer.echo(f"{at}  = {_service(service)}")
                for instance in event.instances:
                    typer.echo(f"{at}  = {_instance(instance)}")
            case Changes():
                for change in event.changes:
                    typer.echo(f"{at}  {_change(change)}")
            case Checkpoint() if not self._caught_up:
                typer.echo(f"{at}  caught up at revision {event.revision}")
            case Interrupted():
                typer.echo(f"{at}  interrupted, resuming: {event.error.message}", err=True)
            case _:
                pass
        self._caught_up = isinstance(event, Checkpoint)


def _change(change: Any) -> str:
    match change.WhichOneof("subject"):
        case "instance":
            return f"~ {_instance(change.instance)}"
        case "service":
            return f"~ {_service(change.service)}"
        case "removed_instance":
            return f"- instance {short_name(change.removed_instance)}"
        case "removed_service":
            return f"- service {short_name(change.removed_service)}"
    return f"? a change of a later version, at revision {change.revision}"


def _service(service: Any) -> str:
    return f"service {short_name(service.name)}"


def _instance(instance: Any) -> str:
    name, region, place, health, why, _ = kind_named("instance").row(instance, time.time())
    state = enum_text(instance, "state").lower()
    return f"instance {name}  {region}  {place}  {health} ({why}), {state}"
