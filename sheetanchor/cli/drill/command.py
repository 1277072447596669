"""The verbs `sheetanchor drill ...`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure, Verbs
from sheetanchor.cli.setting import PREFIX
from sheetanchor.cli.settings import DRY_RUN, resolve

if TYPE_CHECKING:
    # what a drill is made of is imported when it is run: `--help` must be quick
    from sheetanchor.cli.drill.crowd_drill import CrowdDrill
    from sheetanchor.cli.drill.site_drill import SiteDrill

drill = typer.Typer(cls=Verbs, rich_markup_mode=None, help="Re-enact an outage.")


@drill.callback()
def _several() -> None:
    """Re-enact an outage."""


@drill.command("october-2025")
def october_2025(
    mutant: Annotated[
        bool, typer.Option("--mutant", help="Without the guards: it fails as it did then.")
    ] = False,
) -> None:
    """Re-enact October 2025: a delayed plan, forty newer ones, a clean-up, and DNS asked all along.

    Three publishers, a registry and a DNS frontend, in processes of their own, on one database.
    One publisher is stopped holding an old plan; the others publish forty newer ones and clean
    up; then it goes on. It ends by itself in less than a minute, and leaves nothing.

    Exit codes: 0 if no answer was empty, negative or older than one before it, 1 if one was,
    130 when interrupted.
    """
    from sheetanchor.cli.drill.october import play

    raise typer.Exit(play(mutant=mutant))


_Write = Annotated[
    Path | None,
    typer.Option("--write", metavar="PAGE", help="Write the table into this page of drills, too."),
]
_Endpoints = Annotated[
    int, typer.Option("--endpoints", min=10, max=10_000, help="Ten to each service.")
]
_Seconds = Annotated[float, typer.Option("--seconds", min=1.0, help="How long the fault lasts.")]


@drill.command("region-loss")
def region_loss(
    region: Annotated[
        str, typer.Argument(metavar="[REGION]", help="The region that is lost.")
    ] = "east",
    write: _Write = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Of live registries: tell what would be, touch nothing."),
    ] = False,
    registry: Annotated[
        list[str] | None,
        typer.Option(
            "--registry",
            metavar="HOST:PORT[,HOST:PORT]",
            help="For a dry run; once for each registry, in failover order.  "
            "[default: 127.0.0.1:5310]  [env: SHEETANCHOR_REGISTRIES]",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Of a dry run: as JSON.")] = False,
) -> None:
    """Kill all instances of a region, start them again, and time what DNS says.

    Two regions on this machine, `east` and `west`, each with a registry, a DNS frontend and two
    services, in processes of their own. It ends by itself in about a minute, and leaves nothing.

    With `--dry-run`: what the names of live registries answer to the clients of each region now,
    and what they would if the region lost all its endpoints. `divert` then does it for one
    service, for a while.

    Exit codes: 0 if answers moved and came back in time and none was empty, negative or
    missing, 1 if not, or if somebody would be left without a healthy endpoint, 130 when
    interrupted.
    """
    if dry_run:
        from sheetanchor.cli.drill.dry_run import show

        raise typer.Exit(show(region, _clusters(registry), json=json))

    from sheetanchor.cli.drill.region_loss import RegionLoss
    from sheetanchor.cli.drill.runner import play

    if registry or json:
        raise Failure("--registry and --json are for --dry-run", ExitCode.USAGE)
    if region not in RegionLoss.regions:
        raise Failure("REGION must be east or west, unless with --dry-run", ExitCode.USAGE)
    other = "west" if region == "east" else "east"
    raise typer.Exit(play(RegionLoss, (region, other), RegionLoss.instances, write))


def _clusters(registry: list[str] | None) -> Sequence[tuple[str, ...]]:
    found: Sequence[tuple[str, ...]] = resolve(DRY_RUN, {"registries": registry}, os.environ)[
        "registries"
    ]
    one, all_ = f"{PREFIX}REGISTRY", f"{PREFIX}REGISTRIES"
    if not registry and one in os.environ and all_ not in os.environ:
        # that of the verbs which ask one registry: a rehearsal needs all, or misses harm (I39)
        raise Failure(
            f"--registry: name every registry, here or in {all_}; {one} is for other verbs",
            ExitCode.USAGE,
        )
    return found


@drill.command("instance-loss")
def instance_loss(write: _Write = None) -> None:
    """Kill one of three instances, start it again, and time what DNS says.

    Processes and exit codes are those of `region-loss`.
    """
    from sheetanchor.cli.drill.instance_loss import InstanceLoss

    _play_site(InstanceLoss, write)


@drill.command("partition")
def partition(write: _Write = None) -> None:
    """Cut a region's registry off for longer than its leases, and see that nobody minds.

    Processes and exit codes are those of `region-loss`.
    """
    from sheetanchor.cli.drill.partition import Partition

    _play_site(Partition, write)


@drill.command("slow-start")
def slow_start(write: _Write = None) -> None:
    """Start an instance of a service with slow start, and see its weight grow.

    Processes and exit codes are those of `region-loss`.
    """
    from sheetanchor.cli.drill.slow_start import SlowStart

    _play_site(SlowStart, write)


@drill.command("mass-expiry")
def mass_expiry(
    endpoints: _Endpoints = 1000, seconds: _Seconds = 120.0, write: _Write = None
) -> None:
    """Stop all heartbeats of endpoints that live, and see that none leaves an answer.

    A registry and a DNS frontend on this machine, in processes of their own; the endpoints are
    sockets of this one. It ends by itself, and leaves nothing.

    Exit codes: 0 if all went as expected, 1 if not, 130 when interrupted.
    """
    from sheetanchor.cli.drill.mass_expiry import MassExpiry

    _play_crowd(MassExpiry, endpoints, seconds, write)


@drill.command("observer-blind")
def observer_blind(
    endpoints: _Endpoints = 1000, seconds: _Seconds = 60.0, write: _Write = None
) -> None:
    """Have all checks time out while heartbeats go on, and see that none leaves an answer.

    Processes and exit codes are those of `mass-expiry`.
    """
    from sheetanchor.cli.drill.observer_blind import ObserverBlind

    _play_crowd(ObserverBlind, endpoints, seconds, write)


@drill.command("mass-silence")
def mass_silence(
    endpoints: _Endpoints = 1000, seconds: _Seconds = 60.0, write: _Write = None
) -> None:
    """Silence three in ten endpoints at once, and see them leave as the budgets allow.

    `--seconds` is how long they are silent. Processes and exit codes are those of `mass-expiry`.
    """
    from sheetanchor.cli.drill.mass_silence import MassSilence

    _play_crowd(MassSilence, endpoints, seconds, write)


@drill.command("flap")
def flap(endpoints: _Endpoints = 1000, seconds: _Seconds = 30.0, write: _Write = None) -> None:
    """Close and open all ports once a second, and see answers and the registry's work stay calm.

    `--seconds` is how long each of the two is measured: calm, and flapping. Processes and exit
    codes are those of `mass-expiry`.
    """
    from sheetanchor.cli.drill.flap import Flap

    _play_crowd(Flap, endpoints, seconds, write)


def _play_site(kind: type[SiteDrill], write: Path | None) -> NoReturn:
    from sheetanchor.cli.drill.runner import play

    raise typer.Exit(play(kind, kind.regions, kind.instances, write))


def _play_crowd(
    kind: type[CrowdDrill], endpoints: int, seconds: float, write: Path | None
) -> NoReturn:
    from sheetanchor.cli.drill.runner import play

    make = partial(kind, endpoints=endpoints, seconds=seconds)
    raise typer.Exit(play(make, kind.regions, kind.instances, write))
