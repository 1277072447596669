"""`sheetanchor register`: an instance, registered from the shell.

For services that cannot use the SDK, and for trying things out. What it has to say goes
to standard error, since standard output belongs to the command that it runs.
"""

from __future__ import annotations

import asyncio
import json as json_
import logging
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.settings import BadSetting

if TYPE_CHECKING:
    from sheetanchor.cli.notice import Notice
    from sheetanchor.client import Port, Registration, Standing
    from sheetanchor.client.announcement import Announcement


class CheckKind(Enum):
    """How the registry convinces itself that the instance serves."""

    TCP = "tcp"
    HTTP = "http"
    HTTPS = "https"
    GRPC = "grpc"
    GRPCS = "grpcs"
    NONE = "none"


class IdentityKind(Enum):
    """How the target proves that it is this instance."""

    HEADER = "header"
    METADATA = "metadata"
    HEALTH_SERVICE = "health_service"


@takes_settings("register")
def register(
    values: Mapping[str, Any],
    name: Annotated[str, typer.Argument(metavar="NAME", help="As SERVICE, or NAMESPACE/SERVICE.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND ...]",
            help="The service itself: the lease is held while it runs.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str, typer.Option(metavar="ID", help="The namespace of the service.")
    ] = "default",
    instance: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Id of the instance.  [default: made of host name and port]",
            show_default=False,
        ),
    ] = "",
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IP",
            help="Address of the instance; may be repeated.  [default: 127.0.0.1]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]NUMBER",
            help="Port of the instance; may be repeated.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        CheckKind | None,
        typer.Option(
            help="What the registry tries.  [default: tcp if there is a port]", show_default=False
        ),
    ] = None,
    check_port: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="The port tried.  [default: the first]", show_default=False
        ),
    ] = 0,
    check_path: Annotated[
        str,
        typer.Option(
            metavar="PATH", help="Of http and https; 2xx is well.  [default: /]", show_default=False
        ),
    ] = "",
    check_service: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The service that grpc and grpcs ask about.  [default: the server as a whole]",
            show_default=False,
        ),
    ] = "",
    check_interval: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Between tries, 1 to 300.  [default: 5]", show_default=False
        ),
    ] = 0.0,
    check_timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="For one try, 0.1 to 30.  [default: 2]", show_default=False
        ),
    ] = 0.0,
    check_identity: Annotated[
        IdentityKind | None,
        typer.Option(
            help="How the target must prove that it is this instance.  [default: not at all]",
            show_default=False,
        ),
    ] = None,
    check_server_name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Name in the certificate: for https, and needed by grpcs.",
            show_default=False,
        ),
    ] = "",
    ttl: Annotated[
        float, typer.Option(metavar="SECONDS", help="Length of the lease, 1 to 300.")
    ] = 15.0,
    drain: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="How long new clients are turned away before the end."
        ),
    ] = 2.0,
    priority: Annotated[
        int, typer.Option(metavar="NUMBER", help="Lower is preferred, within the region.")
    ] = 0,
    weight: Annotated[
        int, typer.Option(metavar="NUMBER", help="Share among equals, 1 to 65535.")
    ] = 1,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="May be repeated.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Say things as JSON, one a line.")] = False,
) -> None:
    """Hold the lease of an instance, until a signal or while COMMAND runs.

    A registry that is away is waited for. On SIGTERM or Ctrl-C new clients are turned away, the
    instance is deregistered, and COMMAND gets the signal; a second one ends the waiting. A COMMAND
    that reads the terminal gets Ctrl-C itself.

    Exit codes: COMMAND's own (128 and the signal's number if one ended it; 127 if it is not
    there, 126 if it cannot be run). Without COMMAND: 0 after a signal, 1 when another process took
    the instance over. 2 for bad input, which is named.
    """
    from sheetanchor.cli.tenure import Tenure
    from sheetanchor.client import Check, Registration

    # the SDK logs what our notices say better
    logging.getLogger("sheetanchor.client").addHandler(logging.NullHandler())
    addresses = [_address(text) for text in address or ["127.0.0.1"]]
    ports = [_port(text) for text in port or []]
    pairs = dict(_pair(text) for text in metadata or [])
    argv = command or []
    region = values["region"]
    if "/" in name:
        # as all other verbs take it
        said, _, name = name.partition("/")
        if namespace not in ("default", said):
            raise BadSetting(f"--namespace: is {namespace}, and NAME says {said}; give one of them")
        namespace = said
    if region is None:
        raise BadSetting("--region: must be given, or SHEETANCHOR_REGION be set")
    if not 1 <= weight <= 65535:
        # on the wire 0 is "not given", and would become 1 without a word
        raise BadSetting(f"--weight: {weight} is not a number of 1 to 65535")

    details: dict[str, Any] = {
        "port": check_port,
        "http_path": check_path,
        "grpc_service": check_service,
        "interval_seconds": check_interval,
        "timeout_seconds": check_timeout,
        "identity": check_identity.value if check_identity is not None else "",
        "tls_server_name": check_server_name,
    }
    if check is None and any(details.values()):
        raise BadSetting("--check: must be given with the options that begin like it")
    try:
        asked = Check(check.value, **details) if check is not None else None
    except (ValueError, OverflowError) as error:
        raise BadSetting(f"--check: {error}") from error

    def say(notice: Notice) -> None:
        text = json_.dumps(notice.as_json()) if json else f"sheetanchor: {notice.text}"
        print(text, file=sys.stderr, flush=True)

    def make(changed: Callable[[Standing], None]) -> Registration:
        made = Registration(
            name,
            region=region,
            addresses=addresses,
            ports=ports,
            namespace=namespace,
            instance=instance,
            priority=priority,
            weight=weight,
            metadata=pairs,
            check=asked,
            ttl_seconds=ttl,
            registries=values["registry"],
            wait_seconds=0,
            on_change=changed,
        )
        _judge(made.announcement)
        return made

    async def hold() -> int:
        try:
            tenure = Tenure(make, argv, drain, say)
        except (ValueError, OverflowError) as error:  # a number that no field can hold
            raise BadSetting(str(error)) from error
        return await tenure.run()

    raise typer.Exit(asyncio.run(hold()))


def _judge(announcement: Announcement) -> None:
    """Refuse what every registry would, though none be there to ask: a command would run on, and
    never be announced. Raises BadSetting."""
    from registry.adapters.rpc.translate.draft import registration_draft
    from registry.domain.admission import admit
    from registry.domain.errors import InvalidField
    from registry.domain.names import CellName, RegionName
    from sheetanchor.cli.field import refusal_text
    from sheetanchor.client import FieldViolation, InvalidRequest

    # which regions there are is known to the registry alone
    cells = {CellName(announcement.region): RegionName(announcement.region)}
    try:
        admit(registration_draft(announcement.request("")), cells)
    except InvalidField as error:
        violations = tuple(FieldViolation(v.field, v.description) for v in error.violations)
        raise BadSetting(refusal_text(InvalidRequest(str(error), violations=violations))) from error


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise BadSetting(f"--address: {text!r} is not an IP address") from error


def _port(text: str) -> Port:
    from sheetanchor.client import Port

    name, equals, number = text.rpartition("=")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 65535:
        raise BadSetting(f"--port: {number!r} is not a number of 1 to 65535")
    return Port(name if equals else "main", int(number))


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise BadSetting(f"--metadata: {text!r} is not KEY=VALUE")
    return key, value
