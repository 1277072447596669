"""`sheetanchor create|update|delete service`: services and their policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import kind_named, short_name
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, details, print_json
from sheetanchor.cli.span import span
from sheetanchor.cli.two_keys import Digest, Yes, carry_out

if TYPE_CHECKING:
    from sheetanchor.v1.service_pb2 import ServicePolicy

Name = Annotated[str, typer.Argument(metavar="NAME", help="As NAMESPACE/SERVICE.")]
Ttl = Annotated[
    int | None,
    typer.Option("--ttl", metavar="SECONDS", help="TTL of answers, 5 to 60; 10 unless ever set."),
]
Order = Annotated[
    str | None,
    typer.Option("--region-order", metavar="A,B", help="Regions after the home region."),
]
Enter = Annotated[
    float | None,
    typer.Option(
        "--enter-threshold",
        metavar="SHARE",
        help="Healthy share below which a region is left; 0.5 unless ever set.",
    ),
]
Exit = Annotated[
    float | None,
    typer.Option(
        "--exit-threshold",
        metavar="SHARE",
        help="Share at which it is taken again; 0.7 unless ever set.",
    ),
]
Hold = Annotated[
    float | None,
    typer.Option(
        "--exit-hold",
        metavar="SECONDS",
        help="How long that must have held, 0 to 3600; 30 unless ever set.",
    ),
]
Minimum = Annotated[
    int | None,
    typer.Option(
        "--minimum-endpoints",
        metavar="NUMBER",
        help="Healthy endpoints a region needs; 1 unless ever set.",
    ),
]
ToZero = Annotated[
    bool | None,
    typer.Option(
        "--scale-to-zero/--hold-last", help="The last instance leaving empties the name, or not."
    ),
]
Now = Annotated[
    bool,
    typer.Option("--now", help="Act everywhere at once, without a canary. No guard is skipped."),
]
Etag = Annotated[
    str,
    typer.Option(
        "--etag", metavar="ETAG", help="Of `get service`: refuse when it was edited since."
    ),
]

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is written down with the rest.")
]


@takes_settings("create")
def create_service(
    values: Mapping[str, Any],
    name: Name,
    ttl: Ttl = None,
    region_order: Order = None,
    enter_threshold: Enter = None,
    exit_threshold: Exit = None,
    exit_hold: Hold = None,
    minimum_endpoints: Minimum = None,
    scale_to_zero: ToZero = None,
    json: Json = False,
) -> None:
    """Create a service with its policy, before any instance registers."""
    from sheetanchor.cli.admin import ask
    from sheetanchor.v1.service_pb2 import Service

    parent, _, service_id = service_name(name).partition("/services/")
    policy, paths = _policy(
        ttl, region_order, enter_threshold, exit_threshold, exit_hold, minimum_endpoints,
        scale_to_zero,
    )  # fmt: skip
    service = Service(policy=policy) if paths else Service()
    _show(
        ask(
            values["registry"],
            lambda admin: admin.call(
                "CreateService", parent=parent, service_id=service_id, service=service
            ),
        ),
        "created",
        json,
    )


@takes_settings("update")
def update_service(
    values: Mapping[str, Any],
    name: Name,
    ttl: Ttl = None,
    region_order: Order = None,
    enter_threshold: Enter = None,
    exit_threshold: Exit = None,
    exit_hold: Hold = None,
    minimum_endpoints: Minimum = None,
    scale_to_zero: ToZero = None,
    now: Now = False,
    etag: Etag = "",
    reason: Reason = "",
    yes: Yes = False,
    digest: Digest = "",
    json: Json = False,
) -> None:
    """Change those parts of a service's policy that are given.

    Where a canary frontend follows, the change acts there first, and on the others when it
    did well; else it is taken back. `get service` shows how it stands.

    What lets the name hold on to less (a lower minimum, `--scale-to-zero`) is shown first.
    """
    from google.protobuf.field_mask_pb2 import FieldMask

    from sheetanchor.v1.admin_service_pb2 import UpdateServiceRequest
    from sheetanchor.v1.service_pb2 import Service

    policy, paths = _policy(
        ttl, region_order, enter_threshold, exit_threshold, exit_hold, minimum_endpoints,
        scale_to_zero,
    )  # fmt: skip
    if not paths:
        # an empty mask would mean the whole policy, and so remove it (I39)
        raise Failure("nothing to change was given; see --help", ExitCode.USAGE)
    service = Service(name=service_name(name), policy=policy, etag=etag)
    rollouts = UpdateServiceRequest.Rollout
    rollout = rollouts.ROLLOUT_NOW if now else rollouts.ROLLOUT_STAGED
    _show(
        carry_out(
            values["registry"],
            "UpdateService",
            yes=yes,
            digest=digest,
            json=json,
            service=service,
            update_mask=FieldMask(paths=paths),
            rollout=rollout,
            reason=reason,
            actor=actor(),
        ),
        "updated",
        json,
    )


@takes_settings("delete")
def delete_service(
    values: Mapping[str, Any],
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Also with its instances.")] = False,
    etag: Etag = "",
    reason: Reason = "",
    yes: Yes = False,
    digest: Digest = "",
    json: Json = False,
) -> None:
    """Delete a service. This is what empties its name.

    What would go, and who answers for it now, is shown first.
    """
    full = service_name(name)
    carry_out(
        values["registry"],
        "DeleteService",
        yes=yes,
        digest=digest,
        json=json,
        name=full,
        etag=etag,
        force=force,
        reason=reason,
        actor=actor(),
    )
    if json:
        print_json({"deleted": full})
    else:
        typer.echo(f"deleted service {short_name(full)}")


def service_name(name: str) -> str:
    """The full name of a service that was given as NAMESPACE/SERVICE. Raises Failure."""
    try:
        return kind_named("service").full_name(name)
    except ValueError as error:
        raise Failure(str(error), ExitCode.USAGE) from error


def _policy(
    ttl: int | None,
    region_order: str | None,
    enter_threshold: float | None,
    exit_threshold: float | None,
    exit_hold: float | None,
    minimum_endpoints: int | None,
    scale_to_zero: bool | None,
) -> tuple[ServicePolicy, list[str]]:
    """The policy of what was given, and the paths of the update mask for it."""
    from sheetanchor.v1.service_pb2 import FailoverPolicy, ServicePolicy

    for option, given, limits in (
        ("--enter-threshold", enter_threshold, "over 0 and up to 1"),
        ("--exit-threshold", exit_threshold, "over 0 and up to 1"),
        ("--minimum-endpoints", minimum_endpoints, "1 to 1000"),
    ):
        if given == 0:
            # in the contract 0 is what was not given, and so would be the default (I39)
            raise Failure(f"{option}: must be {limits}, is 0", ExitCode.USAGE)
    hold = None if exit_hold is None else span("--exit-hold", exit_hold)
    order = None if region_order is None else [r for r in region_order.split(",") if r]
    failover: dict[str, Any] = {
        "region_order": order,
        "enter_threshold": enter_threshold,
        "exit_threshold": exit_threshold,
        "exit_hold": hold,
        "minimum_endpoints": minimum_endpoints,
    }
    plain: dict[str, Any] = {"record_ttl_seconds": ttl, "scale_to_zero": scale_to_zero}
    paths = [f"policy.{key}" for key, given in plain.items() if given is not None]
    paths += [f"policy.failover.{key}" for key, given in failover.items() if given is not None]
    try:
        policy = ServicePolicy(**plain)
        if any(given is not None for given in failover.values()):
            policy.failover.CopyFrom(FailoverPolicy(**failover))
    except (ValueError, OverflowError) as error:
        raise Failure(f"the policy: {error}", ExitCode.USAGE) from error
    return policy, paths


def _show(service: Any, what: str, json: bool) -> None:
    data = as_data(service)
    if json:
        print_json(data)
    else:
        staged = data.get("staged_policy") or {}
        baking = staged.get("state") == "STATE_BAKING"
        what = "staged a change of" if baking and what == "updated" else what
        typer.echo(f"{what} service {short_name(service.name)}")
        for line in details(data.get("policy", {}), "  "):
            typer.echo(line)
        if staged:
            typer.echo(
                "staged, on canary frontends only until it did well there:"
                if baking
                else "the last change was taken back:"
            )
            for line in details(staged, "  "):
                typer.echo(line)
