"""`sheetanchor break-glass`: make a frontend serve a snapshot, with nobody to ask.

Works on the files of one frontend, on its own machine: no registry, no database and no
name is needed, nor that the frontend runs (I22). What is done is written down first, and
told to the registry by the frontend once it is there again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.age import span
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure, Verbs
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import print_json, print_table
from sheetanchor.cli.quantity import counted

if TYPE_CHECKING:
    from dns_frontend.feed.pins import PinBoard
    from dns_frontend.plan.cell import Snapshot

COLUMNS = ("CELL", "GENERATION", "SERVICES", "AGE", "WHAT", "FILE")
Cell = Annotated[
    str, typer.Argument(metavar="CELL", help="As `break-glass list` shows it; often a region.")
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for those who read it later.")
]

break_glass = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    help="Make a frontend serve a snapshot by hand, with nobody to ask.",
)


@break_glass.command("list")
@takes_settings("break-glass")
def list_snapshots(values: Mapping[str, Any], json: Json = False) -> None:
    """Show the snapshots of this frontend, and what is pinned.

    `current` is what its files lead to (`save` makes a file of it), `good` what it served
    for long and survived, `pinned` what an operator pinned.
    """
    directory = frontend_directory(values)
    found = list(_snapshots(directory))
    times = [snapshot.position.create_time_ms / 1000 for _, _, snapshot in found]
    rows = [
        {
            "cell": snapshot.position.cell,
            "generation": snapshot.position.generation,
            "epoch": snapshot.position.epoch,
            "digest": snapshot.position.digest.hex(),
            "services": _services(snapshot),
            "endpoints": snapshot.tree.totals.endpoints,
            "create_time": _time(made),
            "what": what,
            "file": str(path) if path else "",
        }
        for (what, path, snapshot), made in zip(found, times, strict=True)
    ]
    if json:
        print_json({"snapshots": rows})
        return
    now = time.time()
    print_table(
        COLUMNS,
        [
            (
                str(row["cell"]),
                str(row["generation"]),
                str(row["services"]),
                span(max(0.0, now - made)),
                str(row["what"]),
                str(row["file"]) or "-",
            )
            for row, made in zip(rows, times, strict=True)
        ],
        nothing=f"{directory} holds no snapshot",
    )


@break_glass.command()
@takes_settings("break-glass")
def save(
    values: Mapping[str, Any],
    cell: Cell,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Must not exist yet.")],
    json: Json = False,
) -> None:
    """Write what this frontend knows of a cell to a snapshot file."""
    from dns_frontend.feed.lkg import LastKnownGood
    from dns_frontend.feed.snapshot_file import write_snapshot
    from dns_frontend.plan.guard import Limits

    directory = frontend_directory(values)
    if file.exists():
        raise Failure(f"{file} exists already; name a new file", ExitCode.CONFLICT)
    if not file.parent.is_dir():
        raise Failure(f"{file}: there is no directory {file.parent}", ExitCode.USAGE)
    snapshot = LastKnownGood(directory, Limits()).peek(cell).snapshot
    if snapshot is None:
        raise Failure(f"{directory} knows nothing of the cell {cell!r}", ExitCode.NOT_FOUND)
    with _file_trouble():
        write_snapshot(file, snapshot)
    _tell("saved", snapshot, file, json)


@break_glass.command()
@takes_settings("break-glass")
def pin(
    values: Mapping[str, Any],
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="A snapshot file.")],
    reason: Reason,
    json: Json = False,
) -> None:
    """Serve this snapshot of its cell, whatever the registry says, until it is lifted.

    A running frontend does so within a second, one that starts at once. Names that the
    snapshot lacks keep their last answer. The file is verified first.
    """
    board = _board(frontend_directory(values))
    if not snapshot.exists():
        raise Failure(f"{snapshot} is not there; nothing was changed", ExitCode.USAGE)
    with _file_trouble():
        placed = board.place(snapshot, reason, _now(), actor())
    _tell("pinned", placed, snapshot, json)
    if not json:
        typer.echo(f"it is served until `sheetanchor break-glass lift {placed.position.cell}`")


@break_glass.command()
@takes_settings("break-glass")
def lift(
    values: Mapping[str, Any],
    cell: Cell,
    reason: Reason,
    json: Json = False,
) -> None:
    """Lift the pin of a cell: the newest plan of the registry is served again."""
    board = _board(frontend_directory(values))
    with _file_trouble():
        lifted = board.lift(cell, reason, _now(), actor())
    if not lifted:
        raise Failure(f"nothing is pinned of the cell {cell!r}", ExitCode.NOT_FOUND)
    if json:
        print_json({"lifted": cell})
    else:
        typer.echo(f"lifted the pin of {cell}")


def frontend_directory(values: Mapping[str, Any]) -> Path:
    """The one frontend's directory that is meant. Raises Failure when that is not clear."""
    data_dir: Path = values["data_dir"]
    region = values["region"]
    found = sorted(path for path in data_dir.glob("dns-*") if path.is_dir())
    if region is not None:
        directory = data_dir / f"dns-{region}"
        if directory in found:
            return directory
        raise Failure(
            f"{directory} is not there; is --data-dir that of the frontend?", ExitCode.NOT_FOUND
        )
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(
            f"no frontend has a directory in {data_dir}; is --data-dir that of the frontend?",
            ExitCode.NOT_FOUND,
        )
    names = ", ".join(path.name.removeprefix("dns-") for path in found)
    raise Failure(f"--region: must be given, one of {names}", ExitCode.USAGE)


def _snapshots(directory: Path) -> Iterator[tuple[str, Path | None, Snapshot]]:
    from dns_frontend.feed.lkg import LastKnownGood
    from dns_frontend.feed.record import DamagedError
    from dns_frontend.feed.snapshot_file import read_snapshot
    from dns_frontend.feed.vault import Vault
    from dns_frontend.plan.guard import Limits

    limits = Limits()
    disk, vault, board = LastKnownGood(directory, limits), Vault(directory, limits), directory
    below = [directory / "cells", directory / "good", directory / "pins"]
    cells = {path.stem for folder in below if folder.is_dir() for path in folder.iterdir()}
    for cell in sorted(cells):
        current = disk.peek(cell).snapshot
        if current is not None:
            yield "current", None, current
        files = [("good", path) for path in reversed(vault.paths(cell))]
        for what, path in [*files, ("pinned", board / "pins" / f"{cell}.base")]:
            if not path.exists():
                continue
            try:
                yield what, path, read_snapshot(path, cell, limits)
            except DamagedError as error:
                typer.echo(f"{path}: {error}", err=True)


def _board(directory: Path) -> PinBoard:
    from dns_frontend.feed.pins import PinBoard
    from dns_frontend.plan.guard import Limits

    return PinBoard(directory, Limits())


@contextmanager
def _file_trouble() -> Iterator[None]:
    from dns_frontend.feed.record import DamagedError

    try:
        yield
    except DamagedError as error:
        message = f"the snapshot cannot be used, and nothing was changed: {error}"
        raise Failure(message, ExitCode.USAGE) from error
    except OSError as error:
        raise Failure(str(error), ExitCode.FAILED) from error


def _tell(verb: str, snapshot: Snapshot, file: Path, as_json: bool) -> None:
    at, totals = snapshot.position, snapshot.tree.totals
    if as_json:
        print_json(
            {
                verb: at.cell,
                "generation": at.generation,
                "digest": at.digest.hex(),
                "services": _services(snapshot),
                "endpoints": totals.endpoints,
                "file": str(file),
            }
        )
        return
    typer.echo(
        f"{verb} {at.cell} generation {at.generation}: {counted(_services(snapshot), 'service')}, "
        f"{counted(totals.endpoints, 'endpoint')}, {file}"
    )


def _services(snapshot: Snapshot) -> int:
    """How many it holds. The zone's settings, which are published like one, are none."""
    from dns_frontend.plan.entry import ZONE_KEY

    tree = snapshot.tree
    return tree.totals.services - (tree.get(ZONE_KEY.entry) is not None)


def _now() -> str:
    return _time(time.time())


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
