"""`sheetanchor zone`: what holds for the whole zone, at each frontend alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure, Verbs
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, details, print_json
from sheetanchor.cli.service import Now, Reason

if TYPE_CHECKING:
    from sheetanchor.v1.zone_settings_pb2 import ZoneSettings

UNSAID: Mapping[str, str] = {
    "negative_ttl_seconds": "each frontend's own, 5",
    "degraded_ttl_seconds": "each frontend's own, 5",
    "nameserver_ttl_seconds": "each frontend's own, 60",
    "client_networks": "each frontend's own, its --network",
}
"""What holds where the settings say nothing."""
OPTIONS: Mapping[str, str] = {
    "negative-ttl": "negative_ttl_seconds",
    "degraded-ttl": "degraded_ttl_seconds",
    "nameserver-ttl": "nameserver_ttl_seconds",
    "network": "client_networks",
}

zone = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    help="Look at what holds for the whole zone, and change it.",
)


@zone.command("get")
@takes_settings("zone")
def get_zone(values: Mapping[str, Any], json: Json = False) -> None:
    """Show what all frontends go by, what each is left to itself, and what is tried."""
    from sheetanchor.cli.admin import ask

    found = ask(values["registry"], lambda admin: admin.call("GetZone", name="zone"))
    if json:
        print_json(as_data(found))
    else:
        typer.echo("\n".join(zone_lines(as_data(found))))


@zone.command("set")
@takes_settings("zone")
def set_zone(
    values: Mapping[str, Any],
    negative_ttl: Annotated[
        int | None,
        typer.Option(
            "--negative-ttl",
            metavar="SECONDS",
            help="For how long it may be kept that a name is not there, 1 to 5.",
        ),
    ] = None,
    degraded_ttl: Annotated[
        int | None,
        typer.Option(
            "--degraded-ttl",
            metavar="SECONDS",
            help="TTL of answers that are not a region's usual ones, 5 to 30.",
        ),
    ] = None,
    nameserver_ttl: Annotated[
        int | None,
        typer.Option(
            "--nameserver-ttl",
            metavar="SECONDS",
            help="TTL of the zone's own name server and of reverse names, 5 to 3600.",
        ),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            "--network",
            metavar="CIDR=REGION",
            help="Where clients are; repeated, and all of them together replace what there was.",
        ),
    ] = None,
    no_networks: Annotated[
        bool,
        typer.Option("--no-networks", help="Clients are in the region of the frontend they ask."),
    ] = False,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset",
            metavar="OPTION",
            help=f"Leave it to each frontend again: {', '.join(OPTIONS)}. May be repeated.",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="These settings and no others: what is not given is left to each frontend.",
        ),
    ] = False,
    now: Now = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
    etag: Annotated[
        str,
        typer.Option(
            "--etag", metavar="ETAG", help="Of `zone get`: refuse when it was edited since."
        ),
    ] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Change those settings of the zone that are given.

    Where a canary frontend follows, the change acts there first, and on the others when it
    did well; else it is taken back. `zone get` shows how it stands.
    """
    from google.protobuf.field_mask_pb2 import FieldMask

    from sheetanchor.cli.admin import ask
    from sheetanchor.v1.admin_service_pb2 import UpdateServiceRequest
    from sheetanchor.v1.zone_pb2 import Zone

    ttls = {
        "negative_ttl_seconds": negative_ttl,
        "degraded_ttl_seconds": degraded_ttl,
        "nameserver_ttl_seconds": nameserver_ttl,
    }
    settings, paths = _settings(ttls, network, no_networks, unset or [])
    if replace:
        paths = ["settings"]
    rollouts = UpdateServiceRequest.Rollout
    changed = ask(
        values["registry"],
        lambda admin: admin.call(
            "UpdateZone",
            zone=Zone(name="zone", settings=settings, etag=etag),
            update_mask=FieldMask(paths=paths),
            rollout=rollouts.ROLLOUT_NOW if now else rollouts.ROLLOUT_STAGED,
            validate_only=dry_run,
            reason=reason,
            actor=actor(),
        ),
    )
    if json:
        print_json(as_data(changed))
        return
    if dry_run:
        typer.echo("nothing was changed; it would be:")
    typer.echo("\n".join(zone_lines(as_data(changed))))


def zone_lines(data: Mapping[str, Any]) -> list[str]:
    """The zone as people read it: its settings, and what is left to the frontends."""
    settings = data.get("settings", {})
    staged = data.get("staged_settings")
    lines = ["settings:", *_lines(settings)]
    unsaid = [f"  {name}: {words}" for name, words in UNSAID.items() if name not in settings]
    if unsaid:
        lines += ["left to the frontends:", *unsaid]
    if staged:
        baking = staged["state"] == "STATE_BAKING"
        lines.append(
            "staged, on canary frontends only until it did well there:"
            if baking
            else "the last change was taken back:"
        )
        lines += _lines(staged.get("settings", {}))
        said = {key: value for key, value in staged.items() if key != "settings"}
        lines += details(said, "  ")
    if data.get("etag"):
        lines += details({key: data[key] for key in ("etag", "update_time", "revision")})
    return lines


def _lines(settings: Mapping[str, Any]) -> list[str]:
    plain = {key: value for key, value in settings.items() if key != "client_networks"}
    lines = details(plain, "  ")
    if "client_networks" in settings:
        networks = settings["client_networks"].get("networks", [])
        told = [f"{each['cidr']}={each['region']}" for each in networks]
        lines.append(f"  client_networks: {', '.join(told) or 'none'}")
    return lines or ["  none"]


def _settings(
    ttls: Mapping[str, int | None],
    network: list[str] | None,
    no_networks: bool,
    unset: list[str],
) -> tuple[ZoneSettings, list[str]]:
    """The settings of what was given, and the paths of the update mask for them."""
    from sheetanchor.v1.zone_settings_pb2 import ClientNetwork, ClientNetworks, ZoneSettings

    given = [name for name, seconds in ttls.items() if seconds is not None]
    networks = None
    if network or no_networks:
        if network and no_networks:
            raise Failure("give either --network or --no-networks", ExitCode.USAGE)
        pairs = [text.partition("=") for text in network or []]
        bad = [
            text
            for text, (cidr, _, region) in zip(network or [], pairs, strict=True)
            if not (cidr and region) or "/" in region
        ]
        if bad:
            raise Failure(f"--network: {bad[0]!r} is not of the form CIDR=REGION", ExitCode.USAGE)
        networks = ClientNetworks(
            networks=[ClientNetwork(cidr=cidr, region=region) for cidr, _, region in pairs]
        )
        given.append("client_networks")
    for word in unset:
        if word not in OPTIONS:
            known = ", ".join(OPTIONS)
            raise Failure(f"--unset: {word!r} is none of {known}", ExitCode.USAGE)
        if OPTIONS[word] in given:
            raise Failure(f"--unset: {word} is given as well", ExitCode.USAGE)
    paths = list(dict.fromkeys([*given, *(OPTIONS[word] for word in unset)]))
    if not paths:
        # an empty mask would mean all settings, and so remove them (I39)
        raise Failure("nothing to change was given; see --help", ExitCode.USAGE)
    try:
        settings = ZoneSettings(**ttls, client_networks=networks)
    except (ValueError, OverflowError) as error:
        raise Failure(f"the settings: {error}", ExitCode.USAGE) from error
    return settings, [f"settings.{path}" for path in paths]
