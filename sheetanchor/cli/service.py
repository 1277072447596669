"""`sheetanchor create|update|delete service`: services and their policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sheetanchor.cli.actor import actor
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import kind_named, short_name
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, details, print_json
from sheetanchor.cli.policy_option import Given, policy_of, takes_policy
from sheetanchor.cli.two_keys import Digest, Yes, carry_out

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As NAMESPACE/SERVICE, or SERVICE in default.")
]
Unset = Annotated[
    list[str] | None,
    typer.Option(
        "--unset",
        metavar="OPTION",
        help="Let its default hold again, as in --unset rise. May be repeated.",
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
@takes_policy
def create_service(
    values: Mapping[str, Any],
    name: Name,
    given: Given,
    json: Json = False,
) -> None:
    """Create a service with its policy, before any instance registers."""
    from sheetanchor.cli.admin import ask
    from sheetanchor.v1.service_pb2 import Service

    parent, _, service_id = service_name(name).partition("/services/")
    policy, paths = policy_of(given)
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
@takes_policy
def update_service(
    values: Mapping[str, Any],
    name: Name,
    given: Given,
    unset: Unset = None,
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

    What lets the name hold on to less (a lower minimum, `--scale-to-zero`, `--all-down` servfail
    or nodata) is shown first.
    """
    from google.protobuf.field_mask_pb2 import FieldMask

    from sheetanchor.v1.admin_service_pb2 import UpdateServiceRequest
    from sheetanchor.v1.service_pb2 import Service

    policy, paths = policy_of(given, unset or [])
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
